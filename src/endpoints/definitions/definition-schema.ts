import { z } from 'zod';

const VALUE_TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object'] as const;
const VALUE_FORMATS = ['email', 'uri', 'date', 'time', 'date-time', 'duration', 'timestamp'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];
export type ValueFormat = (typeof VALUE_FORMATS)[number];

/** A declared type, of a parameter, a result or a part of one. */
export interface TypeDefinition {
  readonly name?: string | undefined;
  readonly type: ValueType;
  readonly format?: ValueFormat | undefined;
  readonly description?: string | undefined;
  /** Its presence, also as null, makes a parameter optional. */
  readonly default?: unknown;
  readonly examples?: readonly unknown[] | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly sensitive?: boolean | undefined;
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly pattern?: string | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
  readonly multipleOf?: number | undefined;
  readonly minItems?: number | undefined;
  readonly maxItems?: number | undefined;
  readonly uniqueItems?: boolean | undefined;
  readonly items?: TypeDefinition | undefined;
  readonly properties?: Readonly<Record<string, TypeDefinition>> | undefined;
  readonly required?: readonly string[] | undefined;
  /** Left out means allowed. */
  readonly additionalProperties?: boolean | undefined;
}

export interface ParameterDefinition extends TypeDefinition {
  readonly name: string;
}

/** An optional key; an empty value in the file (`tags:`) counts as absent. */
function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const text = maybe(z.string());
const flag = maybe(z.boolean());
const number = maybe(z.number());
const count = maybe(z.int().min(0, 'must not be negative'));

const typeFields = {
  type: z.enum(VALUE_TYPES),
  format: maybe(z.enum(VALUE_FORMATS)),
  description: text,
  default: z.unknown().optional(),
  examples: maybe(z.array(z.unknown())),
  enum: maybe(z.array(z.unknown()).min(1, 'must list at least one value')),
  sensitive: flag,
  minLength: count,
  maxLength: count,
  pattern: text,
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: maybe(z.number().gt(0, 'must be greater than 0')),
  minItems: count,
  maxItems: count,
  uniqueItems: flag,
  items: maybe(z.lazy(() => typeSchema)),
  properties: maybe(
    z.record(
      z.string(),
      z.lazy(() => typeSchema),
    ),
  ),
  required: maybe(z.array(z.string())),
  additionalProperties: flag,
};

export const typeSchema: z.ZodType<TypeDefinition> = z.lazy(() =>
  z.strictObject({ name: text, ...typeFields }),
);

export const parameterSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z_][A-Za-z0-9_]*$/,
      'must start with a letter or underscore, then letters, digits, underscores',
    ),
  ...typeFields,
});

const sourceSchema = z.strictObject({ code: text, file: text, language: maybe(z.enum(['sql', 'python'])) });

const testSchema = z.strictObject({
  name: z.string(),
  description: text,
  arguments: z.array(z.strictObject({ key: z.string(), value: z.unknown() })),
  user_context: maybe(z.record(z.string(), z.unknown())),
  result: z.unknown().optional(),
  result_contains: z.unknown().optional(),
  result_not_contains: maybe(z.array(z.string())),
  result_contains_item: z.unknown().optional(),
  result_contains_all: maybe(z.array(z.unknown())),
  result_length: count,
  result_contains_text: text,
});

const sharedFields = {
  description: text,
  tags: maybe(z.array(z.string())),
  parameters: maybe(z.array(parameterSchema)),
  return: maybe(typeSchema),
  enabled: flag,
  tests: maybe(z.array(testSchema)),
  // Only looked at to refuse it: see protections.ts.
  policies: z.unknown().optional(),
};

const sqlFields = { language: maybe(z.enum(['sql', 'python'])), source: sourceSchema };

/** What an endpoint runs, whatever else is or is not in its mapping. */
export const runSchema = z.object(sqlFields);

export const messageSchema = z.strictObject({ prompt: z.string(), role: text, type: text });

const toolSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  annotations: maybe(
    z.strictObject({
      title: text,
      readOnlyHint: flag,
      destructiveHint: flag,
      idempotentHint: flag,
      openWorldHint: flag,
    }),
  ),
  ...sharedFields,
  ...sqlFields,
});

const resourceSchema = z.strictObject({
  uri: z.string().regex(/^[A-Za-z][A-Za-z0-9+.-]*:/, 'must begin with a scheme, as in "sales://regions"'),
  name: text,
  mime_type: text,
  ...sharedFields,
  ...sqlFields,
});

const promptSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  messages: z.array(messageSchema).min(1, 'must have at least one message'),
  ...sharedFields,
});

/** A whole endpoint file. That it has exactly one of the three kinds is checked apart, for a better message. */
export const endpointFileSchema = z.strictObject({
  mxcp: maybe(z.union([z.literal(1), z.literal('1')], 'must be 1')),
  tool: maybe(toolSchema),
  resource: maybe(resourceSchema),
  prompt: maybe(promptSchema),
  metadata: maybe(z.record(z.string(), z.unknown())),
});

export type EndpointFileContents = z.infer<typeof endpointFileSchema>;
export type ToolFields = z.infer<typeof toolSchema>;
export type ResourceFields = z.infer<typeof resourceSchema>;
export type PromptFields = z.infer<typeof promptSchema>;
export type MessageFields = z.infer<typeof messageSchema>;
export type EndpointTest = z.infer<typeof testSchema>;
export type ToolAnnotations = NonNullable<ToolFields['annotations']>;

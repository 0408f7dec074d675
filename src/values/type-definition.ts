import { z } from 'zod';

const VALUE_TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object'] as const;
const VALUE_FORMATS = ['email', 'uri', 'date', 'time', 'date-time', 'duration', 'timestamp'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];
export type ValueFormat = (typeof VALUE_FORMATS)[number];

/** An optional key; an empty value in the file (`tags:`) counts as absent. */
export function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export const text = maybe(z.string());
export const flag = maybe(z.boolean());
const number = maybe(z.number());
export const count = maybe(z.int().min(0, 'must not be negative'));

/** What JSON Schema has under the same names and with the same meaning, in the order in which clients get it. */
const sharedFields = {
  format: maybe(z.enum(VALUE_FORMATS)),
  description: text,
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
  required: maybe(z.array(z.string()).readonly()),
  // Left out means allowed.
  additionalProperties: flag,
};

// Object.keys gives the keys of a constant as plain strings.
export const SHARED_KEYS = Object.keys(sharedFields) as readonly (keyof typeof sharedFields)[];

const fields = {
  type: z.enum(VALUE_TYPES),
  // Its presence, also as null, makes a parameter optional.
  default: z.unknown().optional(),
  examples: maybe(z.array(z.unknown()).readonly()),
  enum: maybe(z.array(z.unknown()).min(1, 'must list at least one value').readonly()),
  sensitive: flag,
  ...sharedFields,
};

type Fields = { readonly [Key in keyof typeof fields]?: z.output<(typeof fields)[Key]> };

/** A declared type, of a parameter, a result or a part of one. */
export interface TypeDefinition extends Fields {
  readonly name?: string | undefined;
  readonly type: ValueType;
  readonly items?: TypeDefinition | undefined;
  readonly properties?: Readonly<Record<string, TypeDefinition>> | undefined;
}

export interface ParameterDefinition extends TypeDefinition {
  readonly name: string;
}

export const typeSchema: z.ZodType<TypeDefinition> = z.lazy(() =>
  z.strictObject({ name: text, ...fields, ...memberFields }),
);

const memberFields = { items: maybe(typeSchema), properties: maybe(z.record(z.string(), typeSchema)) };

export const parameterSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must start with a letter or underscore, then letters, digits, underscores'),
  ...fields,
  ...memberFields,
});

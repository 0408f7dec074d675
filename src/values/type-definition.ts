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
export function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export const text = maybe(z.string());
export const flag = maybe(z.boolean());
const number = maybe(z.number());
export const count = maybe(z.int().min(0, 'must not be negative'));

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

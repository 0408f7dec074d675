import { z } from 'zod';
import { clip } from '../errors/index.js';
import { hints, isMapping } from '../yaml/index.js';
import { MIME_TYPE } from './media-types.js';

const VALUE_TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object'] as const;
const VALUE_FORMATS = ['email', 'uri', 'date', 'time', 'date-time', 'duration', 'timestamp'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];
export type ValueFormat = (typeof VALUE_FORMATS)[number];

/** An optional key; an empty value in the file (`tags:`) counts as absent. */
export function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export const text = maybe(z.string());
export const mimeType = maybe(
  z.string().regex(MIME_TYPE, 'must be a media type such as "application/json" or "text/markdown"'),
);
export const flag = maybe(z.boolean());
const number = maybe(z.number());
export const count = maybe(z.int().min(0, 'must not be negative'));

/** What to write for the types of other languages and formats. */
const OTHER_TYPES: Readonly<Record<string, string>> = {
  'string, format: date-time': 'datetime timestamp timestamptz',
  'string, format: duration': 'interval timedelta',
  'string, format: uri': 'url',
  string: 'str text varchar char uuid',
  integer: 'int bigint smallint hugeint long int32 int64',
  number: 'float double decimal numeric real',
  boolean: 'bool',
  array: 'list tuple set',
  object: 'dict map mapping struct json',
};

/** What a person means who writes the name of a type that is none. */
function meantType(written: unknown): string | undefined {
  const name = typeof written === 'string' ? written.trim().toLowerCase() : '';
  const [meant] = Object.entries(OTHER_TYPES).find(([, others]) => others.split(' ').includes(name)) ?? [];
  const format = VALUE_FORMATS.find((each) => each === name);
  return meant ?? (format && `string, format: ${format}`);
}

function toTypeName(written: string): ValueType {
  return VALUE_TYPES.find((type) => type === written.trim().toLowerCase()) ?? 'string';
}

const typeName = z.enum(VALUE_TYPES).register(hints, {
  hint: (written) => {
    if (Array.isArray(written))
      return 'a value has one type; results may be null anyway, and so may what has a `default`';
    const meant = meantType(written);
    return meant === undefined ? undefined : `write \`type: ${meant}\``;
  },
});

const memberNames = z
  .array(z.string())
  .register(hints, {
    hint: (written) =>
      typeof written === 'boolean'
        ? 'a parameter is required unless it has a `default`, and the `required` of an object lists its members'
        : undefined,
  });

/** What people write instead of the keys of a type. */
const KEYS_OF_TYPES = {
  min: 'minimum',
  max: 'maximum',
  regex: 'pattern',
  choices: 'enum',
  options: 'enum',
  values: 'enum',
  allowed: 'enum',
  const: 'enum',
  desc: 'description',
  doc: 'description',
  help: 'description',
  title: 'description',
  optional: 'default: null',
  nullable: 'default: null',
  fields: 'properties',
  columns: 'properties',
  members: 'properties',
  unique: 'uniqueItems',
  mime: 'mime_type',
  mimeType: 'mime_type',
  media_type: 'mime_type',
  contentMediaType: 'mime_type',
};

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
  required: maybe(memberNames.readonly()),
  // Left out means allowed.
  additionalProperties: flag,
};

// Object.keys gives the keys of a constant as plain strings.
export const SHARED_KEYS = Object.keys(sharedFields) as readonly (keyof typeof sharedFields)[];

const fields = {
  type: typeName,
  // Its presence, also as null, makes a parameter optional.
  default: z.unknown().optional(),
  examples: maybe(z.array(z.unknown()).readonly()),
  enum: maybe(z.array(z.unknown()).min(1, 'must list at least one value').readonly()),
  sensitive: flag,
  // Of a result: the value is content of this type, and no JSON.
  mime_type: mimeType,
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
  /** SQL that finds values while a person types one. */
  readonly complete?: string | undefined;
}

export const typeSchema: z.ZodType<TypeDefinition> = z.lazy(() =>
  z
    .strictObject({ name: text, ...fields, ...memberFields })
    .register(hints, {
      keys: KEYS_OF_TYPES,
      hint: (written) =>
        typeof written === 'string' ? `write \`{ type: ${meantType(written) ?? toTypeName(written)} }\`` : undefined,
    }),
);

const members = z
  .record(z.string(), typeSchema)
  .register(hints, {
    hint: (written) => (Array.isArray(written) ? 'write each member as `name: { type: … }`' : undefined),
  });
const memberFields = { items: maybe(typeSchema), properties: maybe(members) };

export const parameterSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must start with a letter or underscore, then letters, digits, underscores'),
    complete: maybe(z.string().min(1, 'must be the SQL that finds values')),
    ...fields,
    ...memberFields,
  })
  .register(hints, {
    keys: { ...KEYS_OF_TYPES, completion: 'complete', suggest: 'complete', autocomplete: 'complete' },
    hint: (written) => (typeof written === 'string' ? `write \`{ name: ${clip(written, 40)}, type: … }\`` : undefined),
  });

export const parametersSchema = z
  .array(parameterSchema)
  .register(hints, {
    hint: (written) =>
      isMapping(written)
        ? `begin each parameter with \`- name: ${clip(Object.keys(written)[0] ?? '…', 40)}\``
        : undefined,
  });

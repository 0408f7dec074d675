import { z } from 'zod';

/** The part of JSON Schema that the schemas of the two files come out as. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
}

const known = new WeakMap<z.ZodType, JsonSchema>();

/** What a schema accepts, as data: for the known keys of a mapping, and for what an editor can check. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const found = known.get(schema);
  if (found !== undefined) return found;
  // zod types the result as the union of all drafts; the fields named above are the same in the one it writes.
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  known.set(schema, made);
  return made;
}

/** The schema of one key or item below `schema`; `undefined` where there is none. */
export function childSchema(schema: JsonSchema | undefined, step: string | number): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  if (typeof step === 'number') return schema.items;
  const property = Object.hasOwn(schema.properties ?? {}, step) ? schema.properties?.[step] : undefined;
  return property ?? (schema.additionalProperties === false ? undefined : schema.additionalProperties);
}

import { childSchema, type JsonSchema } from './json-schema.js';

/**
 * Reads what people write as what they mean, before it is checked: a section with nothing below it is an empty one, a
 * single value where a list is expected is a list of one, and a number or a truth value may stand in quotes, which is
 * also what a resolved reference is. Everything else stays as it is, for the check to judge.
 */
export function conform(value: unknown, schema: JsonSchema | undefined): unknown {
  switch (schema?.type) {
    case 'object':
      return conformObject(value ?? {}, schema);
    case 'array':
      return toList(value).map((item) => conform(item, schema.items));
    case 'boolean':
      return toBoolean(value);
    case 'integer':
    case 'number':
      return 'const' in schema ? value : toNumber(value);
    case 'string':
      return schema.enum === undefined ? value : toChoice(value, schema.enum);
    default:
      return schema?.anyOf === undefined ? value : conformAny(value, schema.anyOf);
  }
}

function conformObject(value: unknown, schema: JsonSchema): unknown {
  if (!isMapping(value)) return value;
  const entries = Object.entries(value)
    // A key with nothing behind it, where one value is expected, is a key that was left out on purpose.
    .filter(([key, item]) => item !== null || !isOptionalText(childSchema(schema, key)))
    .map(([key, item]): [string, unknown] => [key, conform(item, childSchema(schema, key))]);
  return Object.fromEntries(entries);
}

function conformAny(value: unknown, schemas: readonly JsonSchema[]): unknown {
  const mapping = schemas.find((schema) => schema.type === 'object');
  return isMapping(value) && mapping !== undefined ? conformObject(value, mapping) : value;
}

function isOptionalText(schema: JsonSchema | undefined): boolean {
  return schema?.type === 'string';
}

function toList(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function toBoolean(value: unknown): unknown {
  if (value === 1 || value === 0) return value === 1;
  if (typeof value !== 'string') return value;
  if (/^(?:true|yes|on|1)$/i.test(value.trim())) return true;
  return /^(?:false|no|off|0)$/i.test(value.trim()) ? false : value;
}

function toNumber(value: unknown): unknown {
  return typeof value === 'string' && /^[-+]?\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : value;
}

function toChoice(value: unknown, choices: readonly unknown[]): unknown {
  if (typeof value !== 'string') return value;
  return choices.find((choice) => String(choice).toLowerCase() === value.trim().toLowerCase()) ?? value;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

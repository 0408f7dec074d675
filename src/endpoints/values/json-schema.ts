import type { JsonObject, JsonValue } from '../../runtime/index.js';
import type { ParameterDefinition, TypeDefinition, ValueFormat } from '../definitions/definition-schema.js';
import { coerce } from './coerce.js';

/**
 * Whether a schema describes what callers send or what SQL answers. In an answer every value may be null, as any column
 * may, and clocks have no zone, which the `time` and `date-time` of JSON Schema insist on.
 */
export type SchemaDirection = 'input' | 'output';

const PLAIN_KEYS = [
  'description',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'uniqueItems',
  'required',
  'additionalProperties',
] as const satisfies readonly (keyof TypeDefinition)[];

const ZONED_FORMATS: ReadonlySet<ValueFormat> = new Set(['time', 'date-time', 'timestamp']);

/** JSON Schema 2020-12 of the arguments of an endpoint. */
export function toInputSchema(parameters: readonly ParameterDefinition[]): JsonObject {
  const required = parameters.filter((parameter) => !('default' in parameter)).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(
      parameters.map((parameter) => [parameter.name, toSchema(parameter, 'input')]),
    ),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

/**
 * JSON Schema 2020-12 of the structured content of a tool: an object as it is declared, anything else under `result`,
 * because MCP wants an object there.
 */
export function toOutputSchema(returns: TypeDefinition): JsonObject {
  if (returns.type === 'object') return { ...toSchema(returns, 'output'), type: 'object' };
  return { type: 'object', properties: { result: toSchema(returns, 'output') }, required: ['result'] };
}

export function toSchema(type: TypeDefinition, direction: SchemaDirection): JsonObject {
  const isNullable = direction === 'output' || ('default' in type && type.default === null);
  const schema: Record<string, JsonValue> = { type: isNullable ? [type.type, 'null'] : type.type };
  if (type.format !== undefined && !(direction === 'output' && ZONED_FORMATS.has(type.format)))
    schema['format'] = type.format;
  for (const key of PLAIN_KEYS) {
    const value = type[key];
    if (value !== undefined) schema[key] = value;
  }
  addValues(schema, type, isNullable);
  if (type.items !== undefined) schema['items'] = toSchema(type.items, direction);
  if (type.properties !== undefined) {
    const entries = Object.entries(type.properties);
    schema['properties'] = Object.fromEntries(
      entries.map(([name, property]) => [name, toSchema(property, direction)]),
    );
  }
  return schema;
}

/** Values written in the file take the declared type, as arguments do: `enum: [1, 2]` of a string means "1" and "2". */
function addValues(schema: Record<string, JsonValue>, type: TypeDefinition, isNullable: boolean): void {
  if (type.enum !== undefined) {
    const values = type.enum.map((value) => toJsonValue(coerce(type, value)));
    schema['enum'] = isNullable && !values.includes(null) ? [...values, null] : values;
  }
  if (type.examples !== undefined)
    schema['examples'] = type.examples.map((value) => toJsonValue(coerce(type, value)));
  if ('default' in type) schema['default'] = toJsonValue(coerce(type, type.default));
}

/** YAML can hold what JSON cannot (infinities, binary, sets); such values become their JSON text, or null. */
export function toJsonValue(value: unknown): JsonValue {
  const text = JSON.stringify(value);
  // JSON.parse gives JSON values by definition.
  return text === undefined ? null : (JSON.parse(text) as JsonValue);
}

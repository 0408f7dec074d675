import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { coerce, isNumeric } from './arguments.js';
import { type ParameterDefinition, SHARED_KEYS, type TypeDefinition, type ValueFormat } from './type-definition.js';

/**
 * Whether a schema describes what callers send or what an endpoint answers. In an answer every value may be null, as any
 * column may, and clocks have no zone, which the `time` and `date-time` of JSON Schema insist on.
 */
export type SchemaDirection = 'input' | 'output';

interface SchemaUse {
  readonly direction: SchemaDirection;
  /** A schema for checks has keywords that only the schema compiler knows; one for clients has not. */
  readonly isCheck: boolean;
}

/** JSON Schema of an object, as MCP wants it for arguments and structured content. */
export interface ObjectSchema extends JsonObject {
  readonly type: 'object';
}

/** JSON Schema 2020-12 of the arguments of an endpoint, for clients unless it is for checks. */
export function toInputSchema(parameters: readonly ParameterDefinition[], isCheck = false): ObjectSchema {
  const use: SchemaUse = { direction: 'input', isCheck };
  const required = parameters.filter((parameter) => !('default' in parameter)).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, toSchema(parameter, use)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

/**
 * JSON Schema 2020-12 of the structured content of a tool, for clients: an object as it is declared, anything else under
 * `result`, because MCP wants an object there.
 */
export function toOutputSchema(returns: TypeDefinition): ObjectSchema {
  const schema = toSchema(returns, { direction: 'output', isCheck: false });
  if (returns.type === 'object') return { ...schema, type: 'object' };
  return { type: 'object', properties: { result: schema }, required: ['result'] };
}

/** The schema with which the server itself checks a value. */
export function toCheckSchema(type: TypeDefinition, direction: SchemaDirection): JsonObject {
  return toSchema(type, { direction, isCheck: true });
}

function toSchema(type: TypeDefinition, use: SchemaUse): JsonObject {
  const isNullable = use.direction === 'output' || ('default' in type && type.default === null);
  const schema: Record<string, JsonValue> = { type: typeNames(type, use, isNullable) };
  for (const key of SHARED_KEYS) {
    const value = type[key];
    if (value !== undefined && !isMisjudged(key, type, use)) schema[key] = value;
  }
  if (use.isCheck) addCheckKeywords(schema, type, use.direction);
  addValues(schema, type, isNullable);
  if (type.items !== undefined) schema['items'] = toSchema(type.items, use);
  if (type.properties !== undefined) {
    const entries = Object.entries(type.properties);
    schema['properties'] = Object.fromEntries(entries.map(([name, property]) => [name, toSchema(property, use)]));
  }
  return schema;
}

function typeNames(type: TypeDefinition, use: SchemaUse, isNullable: boolean): JsonValue {
  const isAlsoText = use.isCheck ? isNumeric(type) : isAdvertisedAsText(type, use.direction);
  const names = [type.type, ...(isAlsoText ? ['string'] : []), ...(isNullable ? ['null'] : [])];
  return names.length === 1 ? type.type : names;
}

/**
 * Whether clients learn that a declared number may come as text. Of a result always, unless its declaration keeps it
 * within what a double holds. Of a parameter only if its declaration names a number beyond that: models and their
 * interfaces handle `integer` better than a choice of types, and text is accepted in any case.
 */
function isAdvertisedAsText(type: TypeDefinition, direction: SchemaDirection): boolean {
  const needsText = (value: unknown): boolean => typeof coerce(type, value) === 'string';
  if (!isNumeric(type)) return false;
  if (type.enum !== undefined) return type.enum.some(needsText);
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = type;
  if (direction === 'output') {
    const least = minimum ?? exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
    const most = maximum ?? exclusiveMaximum ?? Number.POSITIVE_INFINITY;
    return type.type === 'number' || least < Number.MIN_SAFE_INTEGER || most > Number.MAX_SAFE_INTEGER;
  }
  if ([...(type.examples ?? []), type.default].some(needsText)) return true;
  const bounds = [minimum, maximum, exclusiveMinimum, exclusiveMaximum];
  return type.type === 'integer' && bounds.some((bound = 0) => Math.abs(bound) > Number.MAX_SAFE_INTEGER);
}

const ZONED_FORMATS: ReadonlySet<ValueFormat> = new Set(['time', 'date-time', 'timestamp']);

/**
 * Whether a client would refuse right answers because of this keyword: clients that divide doubles find that 19.99 is no
 * multiple of 0.01, and JSON Schema has no clocks without a zone.
 */
function isMisjudged(key: (typeof SHARED_KEYS)[number], type: TypeDefinition, use: SchemaUse): boolean {
  if (use.direction === 'input') return false;
  if (key === 'format') return type.format !== undefined && ZONED_FORMATS.has(type.format);
  return key === 'multipleOf' && !use.isCheck && !Number.isInteger(type.multipleOf);
}

function addCheckKeywords(schema: Record<string, JsonValue>, type: TypeDefinition, direction: SchemaDirection): void {
  if (isNumeric(type)) schema['exactText'] = { type: type.type, direction };
  if (direction === 'output') return;
  if (isNumeric(type) && type.format === 'timestamp') schema['epochSeconds'] = true;
  if (type.type === 'integer' || type.type === 'string') schema['keptDigits'] = true;
}

/** Values written in the file get the declared type, as arguments do: `enum: ["1", "2"]` of an integer means 1 and 2. */
function addValues(schema: Record<string, JsonValue>, type: TypeDefinition, isNullable: boolean): void {
  const toValue = (value: unknown): JsonValue => toJsonValue(coerce(type, value));
  if (type.enum !== undefined) {
    const values = type.enum.map(toValue);
    schema['enum'] = isNullable && !values.includes(null) ? [...values, null] : values;
  }
  if (type.examples !== undefined) schema['examples'] = type.examples.map(toValue);
  if ('default' in type) schema['default'] = toValue(type.default);
}

/** YAML can hold what JSON cannot (infinities, binary, sets); such values become their JSON text, or null. */
function toJsonValue(value: unknown): JsonValue {
  const text = JSON.stringify(value);
  // JSON.parse gives JSON values by definition.
  return text === undefined ? null : (JSON.parse(text) as JsonValue);
}

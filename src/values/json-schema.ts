import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { messageOf } from '../errors/index.js';
import { coerce, isNumeric } from './arguments.js';
import type { Paging } from './shaped-result.js';
import { type ParameterDefinition, SHARED_KEYS, type TypeDefinition, type ValueFormat } from './type-definition.js';

/**
 * Whether a schema describes what callers send or what an endpoint answers. In an answer every value may be null, as any
 * column may, and clocks have no zone, which the `time` and `date-time` of JSON Schema insist on.
 */
export type SchemaDirection = 'input' | 'output';

/** The formats with which results are checked where those of JSON Schema are too narrow for SQL. */
export type ResultFormat = 'result-time' | 'result-date-time';

/** JSON Schema of an object, as MCP wants it for arguments and structured content. */
export interface ObjectSchema extends JsonObject {
  readonly type: 'object';
}

type ToSchema = (type: TypeDefinition, direction: SchemaDirection) => JsonObject;

/** JSON Schema 2020-12 of the arguments of an endpoint, for clients unless it is for checks. */
export function toInputSchema(parameters: readonly ParameterDefinition[], isCheck = false): ObjectSchema {
  const toSchema = isCheck ? toCheckSchema : toClientSchema;
  const required = parameters.filter((parameter) => !('default' in parameter)).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, toSchema(parameter, 'input')])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

/**
 * JSON Schema 2020-12 of the structured content of a tool, for clients: an object as it is declared, anything else under
 * `result`, because MCP wants an object there.
 */
export function toOutputSchema(
  returns: TypeDefinition,
  { saysLeftOut = false, paging }: { readonly saysLeftOut?: boolean; readonly paging?: Paging | undefined } = {},
): ObjectSchema {
  if (returns.type === 'object') return { ...toClientType(returns, 'output'), ...toNotes(returns), type: 'object' };
  const isShortened = saysLeftOut && returns.type === 'array';
  const properties = { result: toClientSchema(returns, 'output'), ...(isShortened && toLeftOut(paging)) };
  return { type: 'object', properties, required: ['result'] };
}

/** What is beside `result` of a list that is not whole. */
function toLeftOut(paging: Paging | undefined): JsonObject {
  const next =
    paging === 'cursor'
      ? { next_cursor: { type: 'string', description: 'The `cursor` of the next rows.' } }
      : { next_offset: { type: 'integer', description: 'The `offset` of the next rows.' } };
  return {
    truncated: { type: 'boolean', description: 'Whether there are more rows than these.' },
    returned: { type: 'integer', description: 'The number of these rows.' },
    total: { type: 'integer', description: 'The number of all rows, where it is known.' },
    ...next,
    full_result: { type: 'string', description: 'The URI of a resource with all rows, if they were kept.' },
  };
}

/** The schema with which the server itself checks a value. */
export function toCheckSchema(type: TypeDefinition, direction: SchemaDirection): JsonObject {
  const isNullable = direction === 'output' || ('default' in type && type.default === null);
  const names = [type.type, ...(isNumeric(type) ? ['string'] : []), ...(isNullable ? ['null'] : [])];
  const schema: Record<string, JsonValue> = { type: names.length === 1 ? type.type : names };
  for (const key of SHARED_KEYS) {
    // A TIMESTAMP is not the seconds that a parameter of this format takes.
    const isSkipped = key === 'format' && direction === 'output' && type.format === 'timestamp';
    if (type[key] !== undefined && !isSkipped) schema[key] = type[key];
  }
  addCheckKeywords(schema, type, direction);
  if (type.enum !== undefined) {
    const values = toValues(type, type.enum);
    schema['enum'] = isNullable && !values.includes(null) ? [...values, null] : values;
  }
  return { ...schema, ...toMembers(type, direction, toCheckSchema) };
}

/**
 * What clients and models get. Each schema has one `type`, never a list of types, and an array always has `items`: several
 * clients drop all tools for the other forms. So null, which means "left out" as an argument, is not mentioned there.
 */
function toClientSchema(type: TypeDefinition, direction: SchemaDirection): JsonObject {
  const main = toClientType(type, direction);
  const notes = toNotes(type);
  const isAlsoText = isAdvertisedAsText(type, direction);
  if (direction === 'input') {
    const asText = { type: 'string', ...toEnum(type, () => true, String) };
    return isAlsoText ? { ...asText, ...toNotes(type, String) } : { ...main, ...notes };
  }
  const text = { type: 'string', ...toEnum(type, (value) => typeof value === 'string') };
  return { anyOf: [main, ...(isAlsoText ? [text] : []), { type: 'null' }], ...notes };
}

/** The keywords that belong to the declared type. */
function toClientType(type: TypeDefinition, direction: SchemaDirection): JsonObject {
  const schema: Record<string, JsonValue> = { type: type.type };
  for (const key of SHARED_KEYS)
    if (type[key] !== undefined && isForClients(key, type, direction)) schema[key] = type[key];
  const isOfType = (value: JsonValue): boolean => !isNumeric(type) || typeof value === 'number';
  return {
    ...schema,
    ...toEnum(type, isOfType),
    ...(type.type === 'array' ? { items: {} } : {}),
    ...toMembers(type, direction, toClientSchema),
  };
}

function toMembers({ items, properties }: TypeDefinition, direction: SchemaDirection, toSchema: ToSchema): JsonObject {
  const members = Object.entries(properties ?? {}).map(([name, type]) => [name, toSchema(type, direction)] as const);
  return {
    ...(items === undefined ? {} : { items: toSchema(items, direction) }),
    ...(properties === undefined ? {} : { properties: Object.fromEntries(members) }),
  };
}

/** The allowed values that a schema of one type can have; null is never one of them. */
function toEnum(
  type: TypeDefinition,
  isOfType: (value: JsonValue) => boolean,
  convert: (value: JsonValue) => JsonValue = (value) => value,
): JsonObject {
  const values = toValues(type, type.enum ?? []).filter((value) => value !== null && isOfType(value));
  return values.length === 0 ? {} : { enum: values.map(convert) };
}

/** What explains a value but does not restrict it. */
function toNotes(type: TypeDefinition, convert: (value: JsonValue) => JsonValue = (value) => value): JsonObject {
  const { examples = [], default: standard } = type;
  const listed = toValues(type, examples).filter((value) => value !== null);
  const description =
    type.format === 'timestamp'
      ? [type.description, 'Seconds since 1970-01-01 in UTC.'].filter((each) => each !== undefined).join(' ')
      : type.description;
  return {
    ...(description === undefined ? {} : { description }),
    ...(listed.length === 0 ? {} : { examples: listed.map(convert) }),
    ...(standard === undefined || standard === null ? {} : { default: convert(toJsonValue(coerce(type, standard))) }),
  };
}

/**
 * Whether clients learn that a declared number may come as text. Of a result always, unless its declaration keeps it
 * within what a double holds. Of a parameter only if its declaration names a number beyond that, and then it is text
 * for them; text is accepted in any case.
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

/** Formats that every client knows and reads as the server does: arguments that clients make, and results they check. */
const CLIENT_FORMATS: Readonly<Record<SchemaDirection, ReadonlySet<ValueFormat>>> = {
  input: new Set(['email', 'date', 'time', 'date-time', 'duration']),
  // The clocks of results have no zone, and their durations have signs and fractions; JSON Schema allows neither.
  output: new Set(['email', 'date']),
};

/** Whether clients read a keyword as the server does. Some divide doubles, and find that 19.99 is no multiple of 0.01. */
function isForClients(key: (typeof SHARED_KEYS)[number], type: TypeDefinition, direction: SchemaDirection): boolean {
  switch (key) {
    case 'description':
      return false;
    case 'format':
      return type.format !== undefined && CLIENT_FORMATS[direction].has(type.format);
    case 'multipleOf':
      return direction === 'input' || Number.isInteger(type.multipleOf);
    case 'pattern':
      return type.pattern !== undefined && explainUnportable(type.pattern) === undefined;
    case 'required':
      return type.required !== undefined && type.required.length > 0;
    default:
      return true;
  }
}

/**
 * Why some clients cannot compile a pattern, as the end of a sentence; undefined if all can. They use the Unicode mode of
 * JavaScript or, to check results, Python's `re`, and most refuse all tools for one bad pattern.
 */
export function explainUnportable(pattern: string): string | undefined {
  try {
    void new RegExp(pattern, 'u');
  } catch (error) {
    return `is not valid in the Unicode mode of JavaScript (${messageOf(error).replace(/^.*: /s, '')})`;
  }
  const [construct] = NOT_EVERYWHERE.exec(pattern.replaceAll(/\\[^pPkcu1-9]/gs, '')) ?? [];
  return construct === undefined ? undefined : `has \`${construct}\`, which some clients cannot compile`;
}

/** Property escapes, control letters, back references, code points in braces, named groups, lookbehind, empty classes. */
const NOT_EVERYWHERE = /\\[pPkc1-9]|\\u\{|\(\?<|\[\^?\]/;

function addCheckKeywords(schema: Record<string, JsonValue>, type: TypeDefinition, direction: SchemaDirection): void {
  if (isNumeric(type)) schema['exactText'] = { type: type.type, direction };
  if (direction === 'output') {
    if (type.format === 'time' || type.format === 'date-time') schema['format'] = `result-${type.format}`;
    return;
  }
  if (type.type === 'array' || type.type === 'object')
    schema['jsonText'] = type.type === 'array' ? '["a", "b"]' : '{"a": 1}';
  if (isNumeric(type) && type.format === 'timestamp') schema['epochSeconds'] = true;
  if (type.type === 'integer' || type.type === 'string') schema['keptDigits'] = true;
}

/** Values written in the file get the declared type, as arguments do: `enum: ["1", "2"]` of an integer means 1 and 2. */
function toValues(type: TypeDefinition, written: readonly unknown[]): readonly JsonValue[] {
  return written.map((value) => toJsonValue(coerce(type, value)));
}

/** YAML can hold what JSON cannot (infinities, binary, sets); such values become their JSON text, or null. */
function toJsonValue(value: unknown): JsonValue {
  const text = JSON.stringify(value);
  // JSON.parse gives JSON values by definition.
  return text === undefined ? null : (JSON.parse(text) as JsonValue);
}

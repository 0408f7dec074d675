import ajvFormats from 'ajv-formats';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { coerce, comesAsText, FORMATS, isNumeric } from './coerce.js';
import { addNumberKeywords, toExactTextRules } from './exact-numbers.js';
import type { ParameterDefinition, TypeDefinition, ValueFormat } from './type-definition.js';

/**
 * Whether a schema describes what callers send or what SQL answers. In an answer every value may be null, as any column
 * may, and clocks have no zone, which the `time` and `date-time` of JSON Schema insist on.
 */
export type SchemaDirection = 'input' | 'output';

/** A schema for clients says what they have to know; one for checks also has the keywords that only our compiler knows. */
interface SchemaUse {
  readonly direction: SchemaDirection;
  readonly isCheck: boolean;
}

const PLAIN_KEYS = [
  'format',
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

/** JSON Schema 2020-12 of the arguments of an endpoint, for clients. */
export function toInputSchema(parameters: readonly ParameterDefinition[]): JsonObject {
  return toArgumentsSchema(parameters, { direction: 'input', isCheck: false });
}

export function toInputCheck(parameters: readonly ParameterDefinition[]): JsonObject {
  return toArgumentsSchema(parameters, { direction: 'input', isCheck: true });
}

/**
 * JSON Schema 2020-12 of the structured content of a tool, for clients: an object as it is declared, anything else under
 * `result`, because MCP wants an object there.
 */
export function toOutputSchema(returns: TypeDefinition): JsonObject {
  const schema = toSchema(returns, { direction: 'output', isCheck: false });
  if (returns.type === 'object') return { ...schema, type: 'object' };
  return { type: 'object', properties: { result: schema }, required: ['result'] };
}

export function toCheck(type: TypeDefinition, direction: SchemaDirection): JsonObject {
  return toSchema(type, { direction, isCheck: true });
}

function toArgumentsSchema(parameters: readonly ParameterDefinition[], use: SchemaUse): JsonObject {
  const required = parameters.filter((parameter) => !('default' in parameter)).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, toSchema(parameter, use)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

function toSchema(type: TypeDefinition, use: SchemaUse): JsonObject {
  const { direction } = use;
  const isNullable = direction === 'output' || ('default' in type && type.default === null);
  const schema: Record<string, JsonValue> = { type: typeNames(type, use, isNullable) };
  for (const key of PLAIN_KEYS) {
    const value = type[key];
    if (value !== undefined && !isMisjudged(key, type, use)) schema[key] = value;
  }
  if (use.isCheck) addCheckKeywords(schema, type, direction);
  addValues(schema, type, isNullable);
  if (type.items !== undefined) schema['items'] = toSchema(type.items, use);
  if (type.properties !== undefined) {
    const entries = Object.entries(type.properties);
    schema['properties'] = Object.fromEntries(
      entries.map(([name, property]) => [name, toSchema(property, use)]),
    );
  }
  return schema;
}

/** Clients check answers, some in another way: for those that divide doubles, 19.99 is no multiple of 0.01. */
function isMisjudged(key: (typeof PLAIN_KEYS)[number], type: TypeDefinition, use: SchemaUse): boolean {
  if (use.direction === 'input') return false;
  if (key === 'format') return type.format !== undefined && ZONED_FORMATS.has(type.format);
  return key === 'multipleOf' && !use.isCheck && !Number.isInteger(type.multipleOf);
}

function typeNames(type: TypeDefinition, use: SchemaUse, isNullable: boolean): JsonValue {
  const isAlsoText = use.isCheck ? isNumeric(type) : comesAsText(type, use.direction);
  const names = [type.type, ...(isAlsoText ? ['string'] : []), ...(isNullable ? ['null'] : [])];
  return names.length === 1 ? type.type : names;
}

function addCheckKeywords(
  schema: Record<string, JsonValue>,
  type: TypeDefinition,
  direction: SchemaDirection,
): void {
  if (isNumeric(type)) schema['exactText'] = { ...toExactTextRules(type, direction) };
  if (direction === 'input' && isNumeric(type) && type.format === 'timestamp') schema['epochSeconds'] = true;
  const mustKeepDigits = type.type === 'integer' || type.type === 'string';
  if (direction === 'input' && mustKeepDigits) schema['keptDigits'] = true;
}

/** Values written in the file take the declared type, as arguments do: `enum: ["1", "2"]` of an integer means 1 and 2. */
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
function toJsonValue(value: unknown): JsonValue {
  const text = JSON.stringify(value);
  // JSON.parse gives JSON values by definition.
  return text === undefined ? null : (JSON.parse(text) as JsonValue);
}

export interface SchemaCheck {
  /** Everything that does not fit, empty when all does. */
  (value: unknown): readonly ErrorObject[];
}

/**
 * Compiles JSON Schemas to checks. One for each set of definitions, and gone with it, because the compiler keeps what it
 * compiled. Compiling takes about a millisecond, so it waits until a schema is first used.
 */
export class SchemaCompiler {
  readonly #ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    // Schemas are made here and not by people. Compiling the schema of schemas would hold the event loop for 9 ms at every reload.
    meta: false,
    validateSchema: false,
    // The value that a check refuses is shown beside the reason.
    verbose: true,
    formats: { ...FORMATS },
    code: { regExp: Object.assign(toRegExp, { code: 'new RegExp' }) },
  });

  constructor() {
    ajvFormats.default(this.#ajv, ['email']);
    addNumberKeywords(this.#ajv);
  }

  /** The schema is asked for when it is first used. */
  compile(createSchema: () => JsonObject): SchemaCheck {
    let validate: ValidateFunction | undefined;
    return (value) => {
      validate ??= this.#ajv.compile(createSchema());
      return validate(value) ? [] : (validate.errors ?? []);
    };
  }
}

function toRegExp(pattern: string): RegExp {
  const { expression, error } = compilePattern(pattern);
  if (expression === undefined) throw new Error(error);
  return expression;
}

export type CompiledPattern =
  | { readonly expression: RegExp; readonly error?: undefined }
  | { readonly expression?: undefined; readonly error: string };

/**
 * Compiles a `pattern` of a definition. Unicode mode first, as JSON Schema has it; patterns that only the older syntax
 * knows (`\-` outside a class, common in files written for Python) are compiled as that. Patterns run on the event loop
 * with backtracking: they come from the project's author, who is trusted with SQL as well.
 */
export function compilePattern(pattern: string): CompiledPattern {
  try {
    return { expression: new RegExp(pattern, 'u') };
  } catch {
    // Tried again below; the error of the plain syntax is the one worth showing.
  }
  try {
    return { expression: new RegExp(pattern) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

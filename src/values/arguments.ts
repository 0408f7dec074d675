import { DeclaredValue, type ParameterValue, TypedText } from '../duckdb/index.js';
import { clip, MxcpError } from '../errors/index.js';
import { epochSecondsToText, parseExact, toWhole } from './exact-numbers.js';
import type { SchemaCheck } from './explain-mismatch.js';
import type { ParameterDefinition, TypeDefinition } from './type-definition.js';

/** The arguments of one call after defaults, coercion and checks. */
export interface CallArguments {
  /** JSON values by name, for templates. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The same values as SQL gets them. */
  readonly bindings: Readonly<Record<string, ParameterValue>>;
}

/** Reads what callers send for the parameters of one endpoint. */
export class ArgumentReader {
  readonly parameters: readonly ParameterDefinition[];
  readonly #endpoint: string;
  readonly #check: SchemaCheck;
  readonly #declared: readonly (readonly [string, ParameterDefinition])[];
  readonly #binders: readonly (readonly [string, Binder])[];

  /** `endpoint` names the endpoint in errors, e.g. `tool "sales"`; `check` is the check of the same parameters. */
  constructor(endpoint: string, parameters: readonly ParameterDefinition[], check: SchemaCheck) {
    this.parameters = parameters;
    this.#endpoint = endpoint;
    this.#check = check;
    this.#declared = parameters.map((parameter) => [parameter.name, parameter]);
    this.#binders = parameters.map((parameter) => [parameter.name, createBinder(parameter)]);
  }

  /** Throws `params_invalid`, which names every argument that does not fit. */
  read(sent: Readonly<Record<string, unknown>>): CallArguments {
    const size = new ArgumentSize((reason) => this.#invalid(reason));
    size.add(sent, '');
    // A parameter without a default is required, so `null` is never the same as leaving it out.
    const values = coerceMembers(sent, this.#declared, () => true, size);
    const reasons = this.#check(values, 'the arguments');
    if (reasons !== undefined) throw this.#invalid(reasons);
    const given = new Map<string, unknown>(Object.entries(values));
    const bindings = this.#binders.map(([name, bind]) => [name, bind(given.get(name))]);
    return { values, bindings: Object.fromEntries(bindings) };
  }

  #invalid(reasons: string): MxcpError {
    return new MxcpError('params_invalid', `invalid arguments for ${this.#endpoint}: ${reasons}`);
  }
}

/**
 * Members and items that the arguments of one call may have, counting those that are declared and were not sent. Binding 10,000
 * takes the event loop 15 to 25 ms, which cannot be divided (DuckDB 1.5.6).
 */
export const MAX_ARGUMENT_VALUES = 10_000;
const MAX_DEPTH = 64;
/** Parsing a text up to this length takes less than 2 ms. */
const SHORT_JSON = 100_000;

/**
 * Counts the values of one call, so that their cost on the event loop and in memory is known before they are converted, checked
 * and bound.
 */
class ArgumentSize {
  readonly #toError: (reason: string) => MxcpError;
  #values = 0;

  constructor(toError: (reason: string) => MxcpError) {
    this.#toError = toError;
  }

  /** Throws `params_invalid` beyond the limits, without having seen the rest. `place` is named in the error. */
  add(value: unknown, place: string, depth = 0): void {
    if (typeof value !== 'object' || value === null) return;
    if (depth > MAX_DEPTH) throw this.#toError(`"${clip(place, 80)}" is nested more than ${MAX_DEPTH} levels deep`);
    if (Array.isArray(value)) {
      this.count(value.length);
      for (const item of value) this.add(item, place, depth + 1);
      return;
    }
    this.count(Object.keys(value).length);
    for (const [name, member] of Object.entries(value)) this.add(member, depth === 0 ? name : place, depth + 1);
  }

  /** Refuses a long JSON text of too many values before it is parsed. */
  addText(json: string): void {
    if (json.length <= SHORT_JSON) return;
    let [separators, isText] = [0, false];
    for (let at = 0; at < json.length; at += 1) {
      const character = json[at];
      if (character === '"') isText = !isText;
      else if (isText) at += character === '\\' ? 1 : 0;
      else if (character === ',') separators += 1;
      if (separators > MAX_ARGUMENT_VALUES) this.count(separators);
    }
  }

  count(values: number): void {
    this.#values += values;
    if (this.#values > MAX_ARGUMENT_VALUES)
      throw this.#toError(
        `they have more than ${MAX_ARGUMENT_VALUES.toLocaleString('en-US')} members and items; send fewer at a time`,
      );
  }
}

/** No part can match in two ways: the text comes from a caller and may be long. */
const NUMBER_TEXT = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const WHOLE_TEXT = /^\s*[+-]?\d+\s*$/;

/**
 * Converts a value to its declared type where its meaning is clear: scalars to text, numeric text to numbers, "true" and
 * "false" to booleans, JSON text to lists and objects. The check refuses every other value of a wrong type.
 */
export function coerce(type: TypeDefinition, value: unknown, size?: ArgumentSize): unknown {
  switch (type.type) {
    case 'string':
      return typeof value === 'boolean' || isKeptNumber(value) ? String(value) : value;
    case 'number':
    case 'integer':
      return typeof value === 'string' && NUMBER_TEXT.test(value) ? fromNumberText(type, value) : value;
    case 'boolean':
      return toBoolean(value);
    case 'array': {
      const { items } = type;
      const list = fromJsonText(value, size);
      return Array.isArray(list) && items !== undefined ? list.map((item) => coerce(items, item, size)) : list;
    }
    case 'object':
      return coerceProperties(type, fromJsonText(value, size), size);
  }
}

/** A JSON number that still has the digits that were sent. */
function isKeptNumber(value: unknown): boolean {
  return typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value));
}

/**
 * A whole number that a double cannot hold stays text, because a rounded key would find another row. The text is reduced
 * to the plain digits, so equal numbers have equal texts.
 */
function fromNumberText({ type }: TypeDefinition, text: string): number | string {
  const value = Number(text);
  const isWholeText = WHOLE_TEXT.test(text);
  if (isWholeText ? Number.isSafeInteger(value) : type === 'number' && Number.isFinite(value)) return value;
  const exact = parseExact(text);
  const whole = exact === undefined ? undefined : toWhole(exact);
  if (whole === undefined) return text;
  const rounded = Number(whole);
  return Number.isSafeInteger(rounded) ? rounded : String(whole);
}

function toBoolean(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim().toLowerCase();
  if (text === 'true') return true;
  return text === 'false' ? false : value;
}

function fromJsonText(value: unknown, size: ArgumentSize | undefined): unknown {
  if (typeof value !== 'string') return value;
  size?.addText(value);
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    // The check reports that a list or object was expected.
    return value;
  }
  if (typeof parsed !== 'object' || parsed === null) return value;
  size?.add(parsed, value, 1);
  return parsed;
}

function coerceProperties(type: TypeDefinition, value: unknown, size: ArgumentSize | undefined): unknown {
  const { properties, required = [] } = type;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || properties === undefined) return value;
  return coerceMembers(value, Object.entries(properties), (name) => required.includes(name), size);
}

/**
 * Coerces the members and fills in defaults. A null for a member that is not required means that it was left out; for a
 * required one the check refuses it.
 */
function coerceMembers(
  sent: object,
  declared: readonly (readonly [string, TypeDefinition])[],
  isRequired: (name: string) => boolean,
  size: ArgumentSize | undefined,
): Readonly<Record<string, unknown>> {
  const members = new Map<string, unknown>(Object.entries(sent));
  for (const [name, type] of declared) {
    const value = members.get(name);
    if (value !== undefined && value !== null) members.set(name, coerce(type, value, size));
    else if ('default' in type) members.set(name, coerce(type, type.default));
    else if (value === undefined || !isRequired(name)) members.delete(name);
  }
  size?.count(declared.filter(([name]) => !Object.hasOwn(sent, name)).length);
  return Object.fromEntries(members);
}

/** Converts a checked argument to what SQL gets. */
type Binder = (value: unknown) => ParameterValue;

/** Every argument is bound as its declared type, whatever its value is; objects with all declared members. */
export function createBinder(type: TypeDefinition): Binder {
  const sample = toParameterValue(type, sampleOf(type, null, null));
  return (value) => new DeclaredValue(toParameterValue(type, value), sample);
}

/** A checked argument as SQL gets it: dates and times have their own SQL types, everything else stays as it is. */
function toParameterValue(type: TypeDefinition, value: unknown): ParameterValue {
  if (value === null || value === undefined) return null;
  if (type.format === 'timestamp' && (typeof value === 'string' || typeof value === 'number'))
    return new TypedText('TIMESTAMP', epochSecondsToText(Number(value)) ?? String(value));
  // A number that comes as text is a whole number that a double cannot hold.
  if (typeof value === 'string') return isNumeric(type) ? BigInt(value) : toTypedText(type, value);
  if (Array.isArray(value)) return value.map((item) => toParameterValue(type.items ?? ANY, item));
  if (typeof value === 'object') return toStruct(type, value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  throw new Error(`an argument of type ${typeof value} passed its check`);
}

/** The type of a part that has no declared type. */
const ANY: TypeDefinition = { type: 'object' };

export function isNumeric({ type }: TypeDefinition): boolean {
  return type === 'integer' || type === 'number';
}

function toTypedText({ format }: TypeDefinition, text: string): string | TypedText {
  if (format === 'date') return new TypedText('DATE', text);
  if (format === 'time') return new TypedText('TIME', text);
  if (format === 'date-time') return new TypedText(hasZone(text) ? 'TIMESTAMPTZ' : 'TIMESTAMP', text);
  return text;
}

function hasZone(dateTime: string): boolean {
  return /:.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$/.test(dateTime);
}

function toStruct({ properties = {} }: TypeDefinition, value: object): ParameterValue {
  const entries = Object.entries(value).map(([key, item]) => {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return [key, toParameterValue(property ?? ANY, item)] as const;
  });
  return Object.fromEntries(entries);
}

/** A value of each declared parameter, of the SQL type that a call would bind, so that a statement can be prepared. */
export function toSampleParameters(
  parameters: readonly ParameterDefinition[],
): Readonly<Record<string, ParameterValue>> {
  const entries = parameters.map((parameter) => {
    const sample = sampleOf(parameter, 'text', {});
    return [parameter.name, toParameterValue(parameter, sample)] as const;
  });
  return Object.fromEntries(entries);
}

const SAMPLE_TEXTS: Readonly<Record<string, string>> = {
  date: '2000-01-01',
  time: '00:00:00',
  'date-time': '2000-01-01T00:00:00Z',
  timestamp: '0',
};

/** A value that has every declared member of a type; `item` and `object` are the samples of those without a declared type. */
function sampleOf(type: TypeDefinition, item: unknown, object: unknown): unknown {
  switch (type.type) {
    case 'string':
      // A declared text may mean more than text to the statement: the name of a table, or the unit of a date.
      return (
        [type.enum?.[0], type.default].find((text) => typeof text === 'string') ??
        SAMPLE_TEXTS[type.format ?? 'none'] ??
        'text'
      );
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    case 'array':
      return [type.items === undefined ? item : sampleOf(type.items, item, object)];
    case 'object': {
      if (type.properties === undefined) return object;
      const members = Object.entries(type.properties);
      return Object.fromEntries(members.map(([name, member]) => [name, sampleOf(member, item, object)]));
    }
  }
}

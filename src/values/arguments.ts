import { DeclaredValue, type ParameterValue, TypedText } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
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
  readonly #endpoint: string;
  readonly #check: SchemaCheck;
  readonly #declared: readonly (readonly [string, ParameterDefinition])[];
  readonly #binders: readonly (readonly [string, Binder])[];

  /** `endpoint` names the endpoint in errors, e.g. `tool "sales"`; `check` is the check of the same parameters. */
  constructor(endpoint: string, parameters: readonly ParameterDefinition[], check: SchemaCheck) {
    this.#endpoint = endpoint;
    this.#check = check;
    this.#declared = parameters.map((parameter) => [parameter.name, parameter]);
    this.#binders = parameters.map((parameter) => [parameter.name, createBinder(parameter)]);
  }

  /** Throws `params_invalid`, which names every argument that does not fit. */
  read(sent: Readonly<Record<string, unknown>>): CallArguments {
    // A parameter without a default is required, so `null` is never the same as leaving it out.
    const values = coerceMembers(sent, this.#declared, () => true);
    const reasons = this.#check(values, 'the arguments');
    if (reasons.length > 0)
      throw new MxcpError('params_invalid', `invalid arguments for ${this.#endpoint}: ${reasons.join('; ')}`);
    const bindings = this.#binders.map(([name, bind]) => [name, bind(values[name])]);
    return { values, bindings: Object.fromEntries(bindings) };
  }
}

/** No part can match in two ways: the text comes from a caller and may be long. */
const NUMBER_TEXT = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const WHOLE_TEXT = /^\s*[+-]?\d+\s*$/;

/**
 * Converts a value to its declared type where its meaning is clear: scalars to text, numeric text to numbers, "true" and
 * "false" to booleans, JSON text to lists and objects. The check refuses every other value of a wrong type.
 */
export function coerce(type: TypeDefinition, value: unknown): unknown {
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
      const list = fromJsonText(value);
      return Array.isArray(list) && items !== undefined ? list.map((item) => coerce(items, item)) : list;
    }
    case 'object':
      return coerceProperties(type, fromJsonText(value));
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

function fromJsonText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null ? parsed : value;
  } catch {
    // Ordinary text: the check reports that a list or object was expected.
    return value;
  }
}

function coerceProperties({ properties, required = [] }: TypeDefinition, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || properties === undefined) return value;
  return coerceMembers(value, Object.entries(properties), (name) => required.includes(name));
}

/**
 * Coerces the members and fills in defaults. A null for a member that is not required means that it was left out; for a
 * required one the check refuses it.
 */
function coerceMembers(
  sent: object,
  declared: readonly (readonly [string, TypeDefinition])[],
  isRequired: (name: string) => boolean,
): Readonly<Record<string, unknown>> {
  const members = new Map<string, unknown>(Object.entries(sent));
  for (const [name, type] of declared) {
    const value = members.get(name);
    if (value !== undefined && value !== null) members.set(name, coerce(type, value));
    else if ('default' in type) members.set(name, coerce(type, type.default));
    else if (value === undefined || !isRequired(name)) members.delete(name);
  }
  return Object.fromEntries(members);
}

/** Converts a checked argument to what SQL gets. */
type Binder = (value: unknown) => ParameterValue;

/** Objects and lists with declared members are bound with the types of all members, also of those that were not sent. */
function createBinder(type: TypeDefinition): Binder {
  const { properties, items } = type;
  const hasMembers =
    (type.type === 'object' && properties !== undefined) || (type.type === 'array' && items !== undefined);
  const sample = hasMembers ? toParameterValue(type, sampleOf(type, null, null)) : null;
  return sample === null
    ? (value) => toParameterValue(type, value)
    : (value) => new DeclaredValue(toParameterValue(type, value), sample);
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

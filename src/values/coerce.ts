import { parseIsoDate, parseIsoTime, parseIsoTimestamp } from '../duckdb/index.js';
import { epochSecondsToText, parseExact, toWhole } from './exact-numbers.js';
import type { TypeDefinition, ValueFormat } from './type-definition.js';

/** No way to match a part in two ways: the text comes from a caller and may be long. */
const NUMBER_TEXT = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const WHOLE_TEXT = /^\s*[+-]?\d+\s*$/;

/**
 * Brings a value that was sent into its declared type where its meaning is not in doubt: scalars to text, numeric text to
 * numbers, "true" and "false" to booleans, JSON text to lists and objects. Anything else is left for the check to refuse.
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
    case 'array':
      return coerceItems(type, fromJsonText(value));
    case 'object':
      return coerceProperties(type, fromJsonText(value));
  }
}

/** A JSON number whose digits are those that were sent; the others are left for the check to refuse. */
function isKeptNumber(value: unknown): boolean {
  return typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value));
}

/**
 * A whole number that a double cannot hold stays text, its digits alone, so that one number has one text: a rounded key
 * would find another row.
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
    // Ordinary text: the check says that a list or object was expected.
    return value;
  }
}

function coerceItems(type: TypeDefinition, value: unknown): unknown {
  const { items } = type;
  return Array.isArray(value) && items !== undefined ? value.map((item) => coerce(items, item)) : value;
}

function coerceProperties({ properties, required = [] }: TypeDefinition, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || properties === undefined)
    return value;
  return coerceMembers(value, Object.entries(properties), (name) => required.includes(name));
}

/**
 * Members coerced, and defaults filled in. Null for one that is not required means that it was left out; for a required
 * one the check refuses it.
 */
export function coerceMembers(
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

const EPOCH_SECONDS = /^\s*-?\d+(\.\d+)?\s*$/;
const DURATION =
  /^-?P(?!$)(-?\d+Y)?(-?\d+M)?(-?\d+W)?(-?\d+D)?(T(?=[-\d])(-?\d+H)?(-?\d+M)?(-?\d+(\.\d+)?S)?)?$/;

/**
 * The formats of the type system, for text; `email` comes from ajv-formats. They are those of JSON Schema, a little wider
 * where SQL is: clocks without a zone, a space before the clock, fractions of seconds and signs in durations, and
 * `timestamp`, seconds since 1970. What passes here as a date or time can be bound as one.
 */
export const FORMATS: Readonly<Record<Exclude<ValueFormat, 'email'>, (text: string) => boolean>> = {
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text),
  date: (text) => parseIsoDate(text) !== undefined,
  time: (text) => parseIsoTime(text) !== undefined,
  'date-time': (text) => parseIsoTimestamp(text) !== undefined,
  duration: (text) => DURATION.test(text),
  timestamp: (text) => EPOCH_SECONDS.test(text) && epochSecondsToText(Number(text)) !== undefined,
};

export function hasZone(dateTime: string): boolean {
  return /:.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$/.test(dateTime);
}

export function isNumeric({ type }: TypeDefinition): boolean {
  return type === 'integer' || type === 'number';
}

/**
 * Whether clients are told that a declared number may come as text. Of a result always, unless its declaration keeps it
 * within what a JSON number holds. Of a parameter only when its declaration names a number beyond that: models and their
 * interfaces take `integer` better than a choice of types, and texts are taken from those who know.
 */
export function comesAsText(type: TypeDefinition, direction: 'input' | 'output'): boolean {
  if (!isNumeric(type)) return false;
  if (type.enum !== undefined) return type.enum.some((value) => isText(type, value));
  if (direction === 'output') return type.type === 'number' || !isWithinDouble(type);
  const named = [...(type.examples ?? []), type.default];
  return named.some((value) => isText(type, value)) || reachesBeyondDouble(type);
}

function isText(type: TypeDefinition, value: unknown): boolean {
  return typeof coerce(type, value) === 'string';
}

function isWithinDouble(type: TypeDefinition): boolean {
  const least = type.minimum ?? type.exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const most = type.maximum ?? type.exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  return least >= Number.MIN_SAFE_INTEGER && most <= Number.MAX_SAFE_INTEGER;
}

function reachesBeyondDouble(type: TypeDefinition): boolean {
  if (type.type !== 'integer') return false;
  const bounds = [type.minimum, type.exclusiveMinimum, type.maximum, type.exclusiveMaximum];
  return bounds.some((bound) => bound !== undefined && Math.abs(bound) > Number.MAX_SAFE_INTEGER);
}

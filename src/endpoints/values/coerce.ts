import type { TypeDefinition } from '../definitions/definition-schema.js';
import { parseExact, toWhole } from './exact-number.js';

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

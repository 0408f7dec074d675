import { toJson } from './json-conversion.js';
import { entriesOf } from './parameter-shape.js';
import type { JsonObject, JsonValue } from './query.js';
import { DeclaredValue, MapEntries, SqlValue, TypedText, type ParameterValue } from './sql-values.js';

/**
 * The arguments of a call as the Python worker reads them (`values.py`): JSON, with what JSON does not have as
 * `{ "$": kind, "v": … }`.
 */
export function toTaggedArguments(callArguments: Readonly<Record<string, ParameterValue>>): JsonObject {
  return Object.fromEntries(Object.entries(callArguments).map(([name, value]) => [name, toTagged(value)]));
}

function toTagged(value: ParameterValue): JsonValue {
  if (typeof value === 'bigint') return tag('int', value.toString());
  if (typeof value === 'number') return toTaggedNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toTagged);
  if (value instanceof TypedText) return tag(value.sqlType.toLowerCase(), value.text);
  // A dict has what was sent and no more; `in` and `get` say what was left out.
  if (value instanceof DeclaredValue) return toTagged(value.value);
  // Only what Python sent to the database is of these types; it does not come back as an argument.
  if (value instanceof SqlValue) return toJson(value.value);
  if (value instanceof MapEntries) return value.entries.map(([key, item]) => [toTagged(key), toTagged(item)]);
  const entries = Object.fromEntries(entriesOf(value).map(([key, item]) => [key, toTagged(item)]));
  return Object.hasOwn(entries, '$') ? tag('object', entries) : entries;
}

/** A double without a fraction would arrive as an integer whose last digits are made up. */
function toTaggedNumber(value: number): JsonValue {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? tag('float', String(value)) : value;
}

function tag(kind: string, value: JsonValue): JsonObject {
  return { $: kind, v: value };
}

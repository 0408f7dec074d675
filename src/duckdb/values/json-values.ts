import { randomUUID } from 'node:crypto';
import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBGeometryValue,
  DuckDBIntervalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  type DuckDBType,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVarCharType,
  DuckDBVariantValue,
} from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';
import { toIsoDate, toIsoDuration, toIsoTimestamp } from './iso-time.js';
import type { JsonValue } from './sql-values.js';

/** The greatest number of 15 digits: a double keeps any decimal number with so many digits. */
const EXACT = 999_999_999_999_999n;

/**
 * A DuckDB value as JSON that loses nothing: numbers that a double cannot hold become strings, NaN and infinities null,
 * dates and times ISO 8601 (infinite ones `infinity` and `-infinity`), a STRUCT whose fields have no names a list, MAP an
 * object, UNION and VARIANT their current value, BLOB text when it is UTF-8 and base64 otherwise, GEOMETRY its WKB in hex.
 * Throws `query_failed` for a MAP that is no object.
 */
export function toJson(value: DuckDBValue): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint':
      return integerToJson(value);
    default:
      return value === null ? null : objectToJson(value);
  }
}

/** A number if a double holds it, else its digits. */
export function integerToJson(value: bigint): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

type DuckDBObject = Exclude<DuckDBValue, string | boolean | number | bigint | null>;

function objectToJson(value: DuckDBObject): JsonValue {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(toJson);
  if (value instanceof DuckDBStructValue)
    return toOrderedObject(Object.entries(value.entries).map(([key, entry]) => [key, toJson(entry)]));
  if (value instanceof DuckDBMapValue) return mapToJson(value);
  if (value instanceof DuckDBDecimalValue) return decimalToJson(value);
  if (value instanceof DuckDBUnionValue || value instanceof DuckDBVariantValue) return toJson(value.value);
  if (value instanceof DuckDBBlobValue) return blobToJson(value.bytes);
  if (value instanceof DuckDBIntervalValue) return toIsoDuration(value.months, value.days, value.micros);
  if (value instanceof DuckDBDateValue) return value.isFinite ? toIsoDate(value.days) : infinityText(value.days < 0);
  if (value instanceof DuckDBGeometryValue) return Buffer.from(value.bytes).toString('hex').toUpperCase();
  // DuckDB leaves out the minutes of a whole-hour offset, ISO 8601 does not.
  if (value instanceof DuckDBTimeTZValue) return value.toString().replace(/[+-]\d{2}$/, '$&:00');
  const timestamp = toTimestamp(value);
  if (timestamp === undefined) return value.toString();
  if (!timestamp.isFinite) return infinityText(timestamp.nanos < 0n);
  return toIsoTimestamp(timestamp.nanos) + (value instanceof DuckDBTimestampTZValue ? '+00:00' : '');
}

function mapToJson({ entries }: DuckDBMapValue): JsonValue {
  const pairs = entries.map(({ key, value }) => [keyToText(key), toJson(value)] as const);
  const keys = new Set<string>();
  for (const [key] of pairs) {
    if (keys.has(key))
      throw new MxcpError(
        'query_failed',
        `two keys of a MAP are both ${JSON.stringify(key)} in JSON; select \`map_entries(…)\` of it, which is a list, or convert its keys`,
      );
    keys.add(key);
  }
  return toOrderedObject(pairs);
}

/** As DuckDB writes the keys of a MAP that it converts to JSON: NaN and infinities have names there. */
function keyToText(key: DuckDBValue): string {
  if (key instanceof DuckDBUnionValue || key instanceof DuckDBVariantValue) return keyToText(key.value);
  if (typeof key === 'number' && !Number.isFinite(key)) return Number.isNaN(key) ? 'nan' : `${key < 0 ? '-' : ''}inf`;
  const json = toJson(key);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

/** A number if that is exact, whatever zeros its type adds. */
function decimalToJson(decimal: DuckDBDecimalValue): JsonValue {
  let { value, scale } = decimal;
  if (value <= EXACT && value >= -EXACT) return Number(decimal.toString());
  for (; scale > 0 && value % 10n === 0n; scale -= 1) value /= 10n;
  if (scale === 0) return integerToJson(value);
  const text = new DuckDBDecimalValue(value, decimal.width, scale).toString();
  return value <= EXACT && value >= -EXACT ? Number(text) : text;
}

/** Without `ignoreBOM` the decoder would drop three bytes. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function blobToJson(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    // Not text: JSON users expect base64 for bytes.
    return Buffer.from(bytes).toString('base64');
  }
}

/** A value of any TIMESTAMP type in nanoseconds since 1970. */
export function toTimestamp(value: DuckDBValue): { readonly nanos: bigint; readonly isFinite: boolean } | undefined {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return { nanos: value.micros * 1_000n, isFinite: value.isFinite };
  if (value instanceof DuckDBTimestampMillisecondsValue)
    return { nanos: value.millis * 1_000_000n, isFinite: value.isFinite };
  if (value instanceof DuckDBTimestampSecondsValue)
    return { nanos: value.seconds * 1_000_000_000n, isFinite: value.isFinite };
  return value instanceof DuckDBTimestampNanosecondsValue ? value : undefined;
}

export function infinityText(isNegative: boolean): string {
  return isNegative ? '-infinity' : 'infinity';
}

/** A key that a JavaScript object moves before all others: an array index. */
function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57 && /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
}

/** Whether an object with these keys would have them in another order. */
export function losesOrder(keys: readonly string[]): boolean {
  return keys.some(isIndex);
}

/**
 * An object that JSON.stringify, Object.keys and their like read in this order. Only a proxy can have an array index behind
 * another key, as the columns `name`, `2021`, `2020` do. A copy of it is a plain object.
 */
export function toOrderedObject<Value>(entries: readonly (readonly [string, Value])[]): Record<string, Value> {
  const object = Object.fromEntries(entries);
  const keys = entries.map(([key]) => key);
  return losesOrder(keys) ? keepOrder(object, keys) : object;
}

/** The keys must be those of the object, each once. */
export function keepOrder<Value>(object: Record<string, Value>, keys: readonly string[]): Record<string, Value> {
  return new Proxy(object, { ownKeys: () => [...keys] });
}

/** The quote that opens a key which is an array index: in valid JSON, no quote within a string has digits and a colon behind it. */
const INDEX_KEY = /(?<!\\)"(?=\d{1,10}"\s*:)/g;
/** Goes before such keys while they are parsed. Random, so that no text can have such a key itself. */
const MARK = `${randomUUID()}:`;

/** JSON.parse that keeps the order of keys. Of equal keys, the last counts, in the place of the first. */
export function parseOrdered(text: string): JsonValue {
  const marked = text.replace(INDEX_KEY, `"${MARK}`);
  return marked === text ? JSON.parse(text) : JSON.parse(marked, withoutMarks);
}

function withoutMarks(_key: string, value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  if (!entries.some(([key]) => key.startsWith(MARK))) return value;
  return toOrderedObject(entries.map(([key, item]) => [key.startsWith(MARK) ? key.slice(MARK.length) : key, item]));
}

/** Changes a value of one type that `toJson` made. */
type JsonReader = (value: JsonValue) => JsonValue;

/** Reads the parts of a value that DuckDB has as JSON text; undefined if its type has none. */
export function jsonReader(type: DuckDBType): JsonReader | undefined {
  if (type instanceof DuckDBVarCharType)
    return type.alias === 'JSON' ? (value) => (typeof value === 'string' ? parseJsonText(value) : value) : undefined;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const readItem = jsonReader(type.valueType);
    return readItem && ((value) => (Array.isArray(value) ? value.map(readItem) : value));
  }
  if (type instanceof DuckDBMapType) {
    const readItem = jsonReader(type.valueType);
    return readItem && memberReader(() => readItem);
  }
  if (!(type instanceof DuckDBStructType)) return undefined;
  const readers = type.entryTypes.map(jsonReader);
  return readers.some((reader) => reader !== undefined) ? memberReader((at) => readers[at]) : undefined;
}

function memberReader(readerAt: (index: number) => JsonReader | undefined): JsonReader {
  const readAt = (value: JsonValue, at: number): JsonValue => {
    const read = readerAt(at);
    return read === undefined ? value : read(value);
  };
  return (value) => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(readAt);
    return toOrderedObject(Object.entries(value).map(([name, member], at) => [name, readAt(member, at)]));
  };
}

/** A text, or a number or word outside of texts. No part can match in two ways: the text may be long. */
const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:\d[\d.eE+-]*|(?:nan|inf(?:inity)?)\b)/gis;
/** More digits than a double always keeps, an exponent, or what JSON has no number for. */
const INEXACT = /\d[\d.]{15}|\d[eE]|[nN][aA][nN]|[iI][nN][fF]/;
/** Values are written again, which takes stack for each level. */
const MAX_LEVELS = 1000;

/**
 * JSON text of a column as a value, as exact as all values of results: numbers that a double does not hold become text, NaN and
 * infinities, which DuckDB writes into JSON, null. What is no JSON, or is nested too deep, stays text.
 */
export function parseJsonText(text: string): JsonValue {
  if (isDeep(text)) return text;
  try {
    return parseOrdered(INEXACT.test(text) ? text.replace(JSON_TOKEN, toExactToken) : text);
  } catch {
    return text;
  }
}

function toExactToken(token: string): string {
  if (token.startsWith('"')) return token;
  if (!/\d/.test(token)) return 'null';
  const number = Number(token);
  const isWhole = /^-?\d+$/.test(token);
  const isExact = isWhole ? Number.isSafeInteger(number) : digitsOf(token) === digitsOf(String(number));
  return isExact ? token : JSON.stringify(token);
}

/** The digits that count, whatever zeros and exponent they have. */
function digitsOf(number: string): string {
  return number
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}

function isDeep(json: string): boolean {
  if (json.length <= MAX_LEVELS) return false;
  let [level, isText] = [0, false];
  for (let at = 0; at < json.length && level <= MAX_LEVELS; at += 1) {
    const character = json[at];
    if (character === '"') isText = !isText;
    else if (isText) at += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') level += 1;
    else if (character === ']' || character === '}') level -= 1;
  }
  return level > MAX_LEVELS;
}

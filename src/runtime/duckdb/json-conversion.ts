import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBGeometryValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBUnionValue,
  DuckDBVariantValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { toIsoDate, toIsoDuration, toIsoTimestamp } from './iso-time.js';
import type { JsonValue } from './query.js';

/** Decimal digits that a double always keeps. */
const EXACT_DIGITS = 15;

/**
 * A DuckDB value as JSON that loses nothing: numbers that a double cannot hold become strings, NaN and infinities null,
 * dates and times ISO 8601 (infinite ones `infinity` and `-infinity`), a STRUCT whose fields have no names a list, MAP an object, UNION and
 * VARIANT their present value, BLOB text when it is UTF-8 and base64 otherwise, GEOMETRY its WKB in hex.
 */
export function toJson(value: DuckDBValue): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint':
      return bigintToJson(value);
    default:
      return value === null ? null : objectToJson(value);
  }
}

type DuckDBObject = Exclude<DuckDBValue, string | boolean | number | bigint | null>;

function objectToJson(value: DuckDBObject): JsonValue {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(toJson);
  if (value instanceof DuckDBStructValue) return structToJson(value);
  if (value instanceof DuckDBMapValue) return mapToJson(value);
  if (value instanceof DuckDBDecimalValue) return decimalToJson(value);
  if (value instanceof DuckDBUnionValue || value instanceof DuckDBVariantValue) return toJson(value.value);
  if (value instanceof DuckDBBlobValue) return blobToJson(value.bytes);
  if (value instanceof DuckDBIntervalValue) return toIsoDuration(value.months, value.days, value.micros);
  if (value instanceof DuckDBDateValue) return dateToJson(value);
  if (value instanceof DuckDBGeometryValue) return Buffer.from(value.bytes).toString('hex').toUpperCase();
  // DuckDB leaves out the minutes of a whole-hour offset, ISO 8601 does not.
  if (value instanceof DuckDBTimeTZValue) return value.toString().replace(/[+-]\d{2}$/, '$&:00');
  return timestampToJson(value) ?? value.toString();
}

function dateToJson(value: DuckDBDateValue): string {
  return value.isFinite ? toIsoDate(value.days) : infinityText(value.days < 0);
}

function timestampToJson(value: DuckDBObject): string | undefined {
  const nanos = toNanos(value);
  if (nanos === undefined) return undefined;
  if (!('isFinite' in value) || !value.isFinite) return infinityText(nanos < 0n);
  return toIsoTimestamp(nanos) + (value instanceof DuckDBTimestampTZValue ? '+00:00' : '');
}

function infinityText(negative: boolean): string {
  return negative ? '-infinity' : 'infinity';
}

function toNanos(value: DuckDBObject): bigint | undefined {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return value.micros * 1_000n;
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1_000_000n;
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000_000n;
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos;
  return undefined;
}

function bigintToJson(value: bigint): JsonValue {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value.toString();
}

function decimalToJson(value: DuckDBDecimalValue): JsonValue {
  const digits = (value.value < 0n ? -value.value : value.value).toString().length;
  const text = value.toString();
  return digits <= EXACT_DIGITS ? Number(text) : text;
}

function structToJson(value: DuckDBStructValue): JsonValue {
  return Object.fromEntries(Object.entries(value.entries).map(([key, entry]) => [key, toJson(entry)]));
}

function mapToJson(value: DuckDBMapValue): JsonValue {
  return Object.fromEntries(value.entries.map(({ key, value: entry }) => [mapKey(key), toJson(entry)]));
}

function mapKey(key: DuckDBValue): string {
  const json = toJson(key);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

/** Without `ignoreBOM` the decoder would drop three bytes. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function blobToJson(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    // Not text: base64 is the form JSON users expect for bytes.
    return Buffer.from(bytes).toString('base64');
  }
}

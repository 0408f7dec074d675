import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { toIsoDuration, toIsoTimestamp } from './iso-time.js';
import type { JsonValue } from './query.js';

/** Decimal digits that a double always keeps. */
const EXACT_DIGITS = 15;

/**
 * A DuckDB value as JSON that loses nothing: numbers that a double cannot hold become strings, NaN and infinities null,
 * dates and times ISO 8601, MAP an object, UNION its present value, BLOB text when it is UTF-8 and base64 otherwise.
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
  if (value instanceof DuckDBUnionValue) return toJson(value.value);
  if (value instanceof DuckDBBlobValue) return blobToJson(value.bytes);
  if (value instanceof DuckDBIntervalValue) return toIsoDuration(value.months, value.days, value.micros);
  return timestampToJson(value) ?? value.toString();
}

function timestampToJson(value: DuckDBObject): string | undefined {
  const micros = toMicros(value);
  if (micros === undefined) return undefined;
  if (!('isFinite' in value) || !value.isFinite) return value.toString();
  return toIsoTimestamp(micros) + (value instanceof DuckDBTimestampTZValue ? '+00:00' : '');
}

function toMicros(value: DuckDBObject): bigint | undefined {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return value.micros;
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1_000n;
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000n;
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos / 1_000n;
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

const utf8 = new TextDecoder('utf-8', { fatal: true });

function blobToJson(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    // Not text: base64 is the form JSON users expect for bytes.
    return Buffer.from(bytes).toString('base64');
  }
}

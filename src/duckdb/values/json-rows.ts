import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBArrayVector,
  DuckDBBlobValue,
  type DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBGeometryValue,
  DuckDBIntervalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBListVector,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBMapVector,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBStructVector,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  type DuckDBType,
  DuckDBUnionType,
  DuckDBUnionValue,
  DuckDBUnionVector,
  type DuckDBValue,
  DuckDBVarCharType,
  DuckDBVariantValue,
  type DuckDBVector,
} from '@duckdb/node-api';
import { toIsoDate, toIsoDuration, toIsoTimestamp } from './iso-time.js';
import type { JsonValue } from './sql-values.js';

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

/** The values of one column of a chunk by their row, as long as the chunk is not let go. */
export interface ColumnRows {
  at(row: number): DuckDBValue | undefined;
}

const FEW_ROWS = 256;

export type ColumnReader = (chunk: DuckDBDataChunk) => ColumnRows;

/**
 * How to read a column. The bindings keep a STRUCT as an object by field name, which loses fields of the same name (those
 * of `row(1, 2)`, which have none) and one called `__proto__`; columns with such a type are read field by field: a STRUCT
 * without names is then an array of its values (DuckDB 1.5.6).
 */
export function columnReader(type: DuckDBType, index: number): ColumnReader {
  if (losesFields(type)) return (chunk) => readAll(chunk.getColumnVector(index));
  const isText = type instanceof DuckDBVarCharType;
  return (chunk) =>
    isText && chunk.rowCount > FEW_ROWS
      ? readLate(chunk.getColumnVector(index))
      : chunk.getColumnValues(index);
}

/**
 * Each text is made when its row is: those of a whole chunk may be megabytes, and would all be alive, and be copied, when the
 * young garbage is collected. For few rows, reading all at once is faster.
 */
function readLate(vector: DuckDBVector): ColumnRows {
  return { at: (row) => vector.getItem(row) };
}

/** A STRUCT of `row(…)`: its fields have a place and no name. DuckDB goes by the first one. */
export function isUnnamed(type: DuckDBStructType): boolean {
  return type.entryNames[0] === '';
}

function losesFields(type: DuckDBType): boolean {
  if (type instanceof DuckDBStructType) {
    return isUnnamed(type) || type.entryNames.includes('__proto__') || type.entryTypes.some(losesFields);
  }
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return losesFields(type.valueType);
  if (type instanceof DuckDBMapType) return losesFields(type.keyType) || losesFields(type.valueType);
  return type instanceof DuckDBUnionType && type.memberTypes.some(losesFields);
}

function readAll(vector: DuckDBVector): readonly DuckDBValue[] {
  return Array.from({ length: vector.itemCount }, (_, index) => readItem(vector, index));
}

function readItem(vector: DuckDBVector, index: number): DuckDBValue {
  if (vector instanceof DuckDBStructVector) return readStruct(vector, index);
  if (vector instanceof DuckDBListVector) {
    const items = vector.getItemVector(index);
    return items === null ? null : new DuckDBListValue(readAll(items));
  }
  if (vector instanceof DuckDBMapVector) return readMap(vector, index);
  if (vector instanceof DuckDBArrayVector) return readArray(vector, index);
  if (vector instanceof DuckDBUnionVector) return readUnion(vector, index);
  return vector.getItem(index);
}

function readStruct(vector: DuckDBStructVector, index: number): DuckDBValue {
  if (!vector.isItemValid(index)) return null;
  const { type } = vector;
  const values = type.entryNames.map((_, at) => readItem(vector.entryVectorAt(at), index));
  return isUnnamed(type) ? new DuckDBArrayValue(values) : toStructValue(type.entryNames, values);
}

/** A STRUCT whose fields may have any name. */
export function toStructValue(names: readonly string[], values: readonly DuckDBValue[]): DuckDBStructValue {
  const entries: Record<string, DuckDBValue> = Object.create(null);
  for (const [at, name] of names.entries()) entries[name] = values[at] ?? null;
  return new DuckDBStructValue(entries);
}

/** The bindings keep the vectors inside to themselves; by name in brackets TypeScript lets them out, still typed. */
function readMap(vector: DuckDBMapVector, index: number): DuckDBValue {
  const pairs = vector['listVector'].getItemVector(index);
  if (!(pairs instanceof DuckDBStructVector)) return null;
  return new DuckDBMapValue(
    Array.from({ length: pairs.itemCount }, (_, at) => ({
      key: readItem(pairs.entryVectorAt(0), at),
      value: readItem(pairs.entryVectorAt(1), at),
    })),
  );
}

function readArray(vector: DuckDBArrayVector, index: number): DuckDBValue {
  if (!vector['validity'].itemValid(index)) return null;
  const { length } = vector.type;
  return new DuckDBArrayValue(readAll(vector['childData'].slice(index * length, length)));
}

function readUnion(vector: DuckDBUnionVector, index: number): DuckDBValue {
  const parts = vector['structVector'];
  const tag = parts.getItemValue(index, 0);
  if (tag === null) return null;
  const member = Number(tag);
  return new DuckDBUnionValue(
    vector.type.memberTags[member] ?? '',
    readItem(parts.entryVectorAt(member + 1), index),
  );
}

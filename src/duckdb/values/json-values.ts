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
 * dates and times ISO 8601 (infinite ones `infinity` and `-infinity`), a STRUCT whose fields have no names a list, MAP an
 * object, UNION and VARIANT their current value, BLOB text when it is UTF-8 and base64 otherwise, GEOMETRY its WKB in hex.
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
    return Object.fromEntries(Object.entries(value.entries).map(([key, entry]) => [key, toJson(entry)]));
  if (value instanceof DuckDBMapValue)
    return Object.fromEntries(value.entries.map(({ key, value: entry }) => [keyToText(key), toJson(entry)]));
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

function keyToText(key: DuckDBValue): string {
  const json = toJson(key);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

function decimalToJson(value: DuckDBDecimalValue): JsonValue {
  const digits = (value.value < 0n ? -value.value : value.value).toString().length;
  const text = value.toString();
  return digits <= EXACT_DIGITS ? Number(text) : text;
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

/** The values of one column of a chunk by row, valid while the chunk is. */
export interface ColumnValues {
  at(row: number): DuckDBValue | undefined;
}

export type ColumnReader = (chunk: DuckDBDataChunk) => ColumnValues;

const FEW_ROWS = 256;

/**
 * How to read a column. The bindings keep a STRUCT as an object by field name, which loses fields of the same name (those
 * of `row(1, 2)`, which have none) and one called `__proto__`. Columns with such a type are read field by field; a STRUCT
 * without names is then an array of its values (DuckDB 1.5.6).
 */
export function columnReader(type: DuckDBType, index: number): ColumnReader {
  if (losesFields(type)) return (chunk) => readAll(chunk.getColumnVector(index));
  if (!(type instanceof DuckDBVarCharType)) return (chunk) => chunk.getColumnValues(index);
  return (chunk) => {
    // All at once is faster for few rows. The texts of a large chunk may be megabytes, so each is read with its row: otherwise
    // all of them are alive, and are copied, when the young generation is collected.
    if (chunk.rowCount <= FEW_ROWS) return chunk.getColumnValues(index);
    const vector = chunk.getColumnVector(index);
    return { at: (row) => vector.getItem(row) };
  };
}

/** A STRUCT of `row(…)`, whose fields have positions but no names. DuckDB decides by the first field. */
export function isUnnamed(type: DuckDBStructType): boolean {
  return type.entryNames[0] === '';
}

function losesFields(type: DuckDBType): boolean {
  if (type instanceof DuckDBStructType)
    return isUnnamed(type) || type.entryNames.includes('__proto__') || type.entryTypes.some(losesFields);
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return losesFields(type.valueType);
  if (type instanceof DuckDBMapType) return losesFields(type.keyType) || losesFields(type.valueType);
  return type instanceof DuckDBUnionType && type.memberTypes.some(losesFields);
}

function readAll(vector: DuckDBVector): readonly DuckDBValue[] {
  return Array.from({ length: vector.itemCount }, (_, index) => readItem(vector, index));
}

/** The bindings keep the vectors inside private; names in brackets make them accessible, still typed. */
function readItem(vector: DuckDBVector, index: number): DuckDBValue {
  if (vector instanceof DuckDBStructVector) return readStruct(vector, index);
  if (vector instanceof DuckDBListVector) {
    const items = vector.getItemVector(index);
    return items === null ? null : new DuckDBListValue(readAll(items));
  }
  if (vector instanceof DuckDBArrayVector) {
    if (!vector['validity'].itemValid(index)) return null;
    const { length } = vector.type;
    return new DuckDBArrayValue(readAll(vector['childData'].slice(index * length, length)));
  }
  if (vector instanceof DuckDBMapVector) return readMap(vector['listVector'].getItemVector(index));
  return vector instanceof DuckDBUnionVector ? readUnion(vector, index) : vector.getItem(index);
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

function readMap(pairs: DuckDBVector | null): DuckDBValue {
  if (!(pairs instanceof DuckDBStructVector)) return null;
  const [keys, values] = [readAll(pairs.entryVectorAt(0)), readAll(pairs.entryVectorAt(1))];
  return new DuckDBMapValue(keys.map((key, at) => ({ key, value: values[at] ?? null })));
}

function readUnion(vector: DuckDBUnionVector, index: number): DuckDBValue {
  const parts = vector['structVector'];
  const tag = parts.getItemValue(index, 0);
  if (tag === null) return null;
  const member = Number(tag);
  const value = readItem(parts.entryVectorAt(member + 1), index);
  return new DuckDBUnionValue(vector.type.memberTags[member] ?? '', value);
}

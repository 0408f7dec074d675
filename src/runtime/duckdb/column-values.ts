import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBArrayVector,
  DuckDBListType,
  DuckDBListValue,
  DuckDBListVector,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBMapVector,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBStructVector,
  DuckDBUnionType,
  DuckDBUnionValue,
  DuckDBUnionVector,
  DuckDBVarCharType,
  type DuckDBDataChunk,
  type DuckDBType,
  type DuckDBValue,
  type DuckDBVector,
} from '@duckdb/node-api';

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

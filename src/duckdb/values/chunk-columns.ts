import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBArrayVector,
  DuckDBBigNumVector,
  DuckDBBitVector,
  DuckDBBlobVector,
  type DuckDBDataChunk,
  DuckDBGeometryVector,
  DuckDBListType,
  DuckDBListValue,
  DuckDBListVector,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBMapVector,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBStructVector,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
  DuckDBUnionValue,
  DuckDBUnionVector,
  type DuckDBValue,
  DuckDBVarCharVector,
  DuckDBVariantVector,
  type DuckDBVector,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { MxcpError } from '../../errors/index.js';
import { toOrderedObject } from './json-values.js';

/** The values of one column of a chunk by row, valid while the chunk is. */
export interface ColumnValues {
  /** Throws `result_too_large` before it makes a value that is larger than allowed. */
  at(row: number): DuckDBValue | undefined;
}

export type ColumnReader = (chunk: DuckDBDataChunk) => ColumnValues;

/** The size of a value, found without making a JavaScript value of it. */
interface Extent {
  /** Never more than the bytes of its JSON. */
  bytes: number;
  /** Items of lists, at all depths. */
  items: number;
  /** Whether a text begins with a byte order mark. */
  hasMark: boolean;
}

/** A value is made in one go, which takes about 0.3 µs for each item while the event loop waits. */
const MAX_ITEMS = 1_000_000;
/** The longest JavaScript string has twice as many characters. */
const MAX_BYTES = 256 * 1024 * 1024;
/** A list vector with more items cannot even be looked at: the bindings end the process over 4 GiB (DuckDB 1.5.6). */
const MAX_VECTOR_ITEMS = 2 ** 27;
/** The conversion of a BIGNUM of n digits takes n * n steps. */
const MAX_BIGNUM_BYTES = 4096;
/** Columns of up to this many bytes are read at once, which is faster. Otherwise each value is read with its row. */
const SMALL_BYTES = 64 * 1024;

/**
 * How to read a column. Values of any size are measured first: a list of a billion items ends the process when it is read. The
 * bindings also drop the byte order mark at the start of a text, and keep a STRUCT as a plain object, which loses the order of
 * some fields, fields of the same name (those of `row(1, 2)`, which have none) and one called `__proto__`. Such values are
 * read part by part; a STRUCT without names is then an array of its values (DuckDB 1.5.6).
 */
export function columnReader(type: DuckDBType, index: number, maxBytes = MAX_BYTES): ColumnReader {
  if (!TEXT_TYPES.has(type.typeId) && !NESTED_TYPES.has(type.typeId)) return (chunk) => chunk.getColumnValues(index);
  const isText = TEXT_TYPES.has(type.typeId);
  return (chunk) => {
    assertVectorSize(duckdb.data_chunk_get_vector(chunk.chunk, index), type);
    const vector = chunk.getColumnVector(index);
    const whole = measure(vector, 0, chunk.rowCount);
    const isSmall = whole.bytes <= SMALL_BYTES && whole.items <= SMALL_BYTES;
    if (isSmall && isText && !whole.hasMark) return chunk.getColumnValues(index);
    const limit = Math.min(maxBytes, MAX_BYTES);
    return {
      at: (row) => {
        const { bytes, items } = isSmall ? whole : measure(vector, row, 1);
        if (items > MAX_ITEMS) throw tooLarge(`${MAX_ITEMS} items`);
        if (bytes > limit) throw tooLarge(`${limit} bytes${limit < MAX_BYTES ? ' (--max-result-bytes)' : ''}`);
        return readItem(vector, row);
      },
    };
  };
}

function tooLarge(limit: string): MxcpError {
  return new MxcpError(
    'result_too_large',
    `a row of the result has a value of more than ${limit}; ask for less at once`,
  );
}

const TEXT_TYPES: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.VARCHAR,
  DuckDBTypeId.BLOB,
  DuckDBTypeId.BIT,
  DuckDBTypeId.BIGNUM,
  DuckDBTypeId.GEOMETRY,
]);
const NESTED_TYPES: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.LIST,
  DuckDBTypeId.ARRAY,
  DuckDBTypeId.STRUCT,
  DuckDBTypeId.MAP,
  DuckDBTypeId.UNION,
  DuckDBTypeId.VARIANT,
]);

/** Asks DuckDB alone, before the bindings map the memory of the items. */
function assertVectorSize(vector: duckdb.Vector, type: DuckDBType): void {
  if (type instanceof DuckDBListType || type instanceof DuckDBMapType) {
    if (duckdb.list_vector_get_size(vector) > MAX_VECTOR_ITEMS) throw tooLarge(`${MAX_ITEMS} items`);
    const items = duckdb.list_vector_get_child(vector);
    if (type instanceof DuckDBListType) return assertVectorSize(items, type.valueType);
    assertVectorSize(duckdb.struct_vector_get_child(items, 0), type.keyType);
    assertVectorSize(duckdb.struct_vector_get_child(items, 1), type.valueType);
  } else if (type instanceof DuckDBArrayType) {
    assertVectorSize(duckdb.array_vector_get_child(vector), type.valueType);
  } else if (type instanceof DuckDBStructType || type instanceof DuckDBUnionType) {
    // The first part of a UNION is its tag.
    const isStruct = type instanceof DuckDBStructType;
    for (const [at, part] of (isStruct ? type.entryTypes : type.memberTypes).entries())
      assertVectorSize(duckdb.struct_vector_get_child(vector, isStruct ? at : at + 1), part);
  }
}

/** Stops early in a value of too many items: rows may share a list, and then have more items than there are in memory. */
function measure(vector: DuckDBVector, start: number, count: number): Extent {
  const extent = { bytes: 0, items: 0, hasMark: false };
  measureInto(extent, vector, start, count);
  return extent;
}

/** The bindings keep the vectors inside private; names in brackets make them accessible, still typed. */
function measureInto(extent: Extent, vector: DuckDBVector, start: number, count: number): void {
  if (extent.items > MAX_ITEMS) return;
  if (vector instanceof DuckDBStructVector) {
    for (const at of vector.type.entryTypes.keys()) measureInto(extent, vector.entryVectorAt(at), start, count);
  } else if (vector instanceof DuckDBListVector) {
    measureLists(extent, vector, start, count);
  } else if (vector instanceof DuckDBArrayVector) {
    measureArrays(extent, vector, start, count);
  } else if (vector instanceof DuckDBMapVector) {
    const before = extent.items;
    measureLists(extent, vector['listVector'], start, count);
    // Each key has at least two quotes and a colon.
    extent.bytes += 3 * (extent.items - before);
  } else if (vector instanceof DuckDBUnionVector) {
    measureInto(extent, vector['structVector'], start, count);
  } else if (vector instanceof DuckDBVariantVector) {
    // Its texts are among other bytes, of which each number may take 16 for a digit.
    measureLists(extent, vector['valuesList'], start, count);
    const data = measure(vector['dataBlob'], start, count);
    extent.bytes += Math.floor(data.bytes / 17);
  } else {
    measureTexts(extent, vector, start, count);
  }
}

function measureLists(extent: Extent, vector: DuckDBListVector, start: number, count: number): void {
  for (let at = start; at < start + count && extent.items <= MAX_ITEMS; at += 1) {
    if (!vector['validity'].itemValid(at)) continue;
    const length = vector.getEntryLength(at);
    extent.items += length;
    extent.bytes += 2 * length;
    if (length > 0) measureInto(extent, vector.childVector, vector.getEntryOffset(at), length);
  }
}

function measureArrays(extent: Extent, vector: DuckDBArrayVector, start: number, count: number): void {
  const { length } = vector.type;
  for (let at = start; at < start + count && extent.items <= MAX_ITEMS; at += 1) {
    if (!vector['validity'].itemValid(at)) continue;
    extent.items += length;
    extent.bytes += 2 * length;
    measureInto(extent, vector['childData'], at * length, length);
  }
}

/** Texts and bytes: entries of 16 bytes, which begin with the length and the first bytes of the content. */
const ENTRY_BYTES = 16;
const BYTE_ORDER_MARK = 0xbfbbef;

function measureTexts(extent: Extent, vector: DuckDBVector, start: number, count: number): void {
  const entries = entriesOf(vector);
  if (entries === undefined) return;
  const { dataView, validity } = entries;
  for (let at = start; at < start + count; at += 1) {
    // The length of NULL is undefined.
    if (!validity.itemValid(at)) continue;
    const length = dataView.getUint32(at * ENTRY_BYTES, true);
    extent.bytes += length;
    extent.hasMark ||= startsWithMark(dataView, at);
    if (length > MAX_BIGNUM_BYTES && vector instanceof DuckDBBigNumVector)
      throw tooLarge(`${MAX_BIGNUM_BYTES} bytes, as a BIGNUM`);
  }
}

interface TextEntries {
  readonly dataView: DataView;
  readonly validity: { readonly itemValid: (at: number) => boolean };
}

function entriesOf(vector: DuckDBVector): TextEntries | undefined {
  // One by one, because each class has a private part of its own.
  if (vector instanceof DuckDBVarCharVector) return { dataView: vector['dataView'], validity: vector['validity'] };
  if (vector instanceof DuckDBBlobVector) return { dataView: vector['dataView'], validity: vector['validity'] };
  if (vector instanceof DuckDBBitVector) return { dataView: vector['dataView'], validity: vector['validity'] };
  if (vector instanceof DuckDBGeometryVector) return { dataView: vector['dataView'], validity: vector['validity'] };
  if (vector instanceof DuckDBBigNumVector) return { dataView: vector['dataView'], validity: vector['validity'] };
  return undefined;
}

function startsWithMark(entries: DataView, at: number): boolean {
  return (entries.getUint32(at * ENTRY_BYTES + 4, true) & 0xffffff) === BYTE_ORDER_MARK;
}

/** A STRUCT of `row(…)`, whose fields have positions but no names. DuckDB decides by the first field. */
export function isUnnamed(type: DuckDBStructType): boolean {
  return type.entryNames[0] === '';
}

function readItem(vector: DuckDBVector, index: number): DuckDBValue {
  if (vector instanceof DuckDBStructVector) return readStruct(vector, index);
  if (vector instanceof DuckDBListVector) {
    if (!vector['validity'].itemValid(index)) return null;
    return new DuckDBListValue(
      readItems(vector.childVector, vector.getEntryOffset(index), vector.getEntryLength(index)),
    );
  }
  if (vector instanceof DuckDBArrayVector) {
    if (!vector['validity'].itemValid(index)) return null;
    const { length } = vector.type;
    return new DuckDBArrayValue(readItems(vector['childData'], index * length, length));
  }
  if (vector instanceof DuckDBMapVector) return readMap(vector['listVector'], index);
  if (vector instanceof DuckDBUnionVector) return readUnion(vector, index);
  const value = vector.getItem(index);
  const hasMark = vector instanceof DuckDBVarCharVector && value !== null && startsWithMark(vector['dataView'], index);
  return hasMark ? `\ufeff${String(value)}` : value;
}

function readItems(vector: DuckDBVector, start: number, count: number): readonly DuckDBValue[] {
  const values: DuckDBValue[] = [];
  for (let index = start; index < start + count; index += 1) values.push(readItem(vector, index));
  return values;
}

function readStruct(vector: DuckDBStructVector, index: number): DuckDBValue {
  if (!vector.isItemValid(index)) return null;
  const { type } = vector;
  const values = type.entryNames.map((_, at) => readItem(vector.entryVectorAt(at), index));
  return isUnnamed(type) ? new DuckDBArrayValue(values) : toStructValue(type.entryNames, values);
}

/** A STRUCT whose fields may have any name. */
export function toStructValue(names: readonly string[], values: readonly DuckDBValue[]): DuckDBStructValue {
  return new DuckDBStructValue(toOrderedObject(names.map((name, at) => [name, values[at] ?? null] as const)));
}

function readMap(list: DuckDBListVector, index: number): DuckDBValue {
  const pairs = list.childVector;
  if (!list['validity'].itemValid(index) || !(pairs instanceof DuckDBStructVector)) return null;
  const [start, count] = [list.getEntryOffset(index), list.getEntryLength(index)];
  const values = readItems(pairs.entryVectorAt(1), start, count);
  const keys = readItems(pairs.entryVectorAt(0), start, count);
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

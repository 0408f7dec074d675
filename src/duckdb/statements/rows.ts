import {
  type DuckDBDataChunk,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { EventLoopBudget } from '../../lifecycle/index.js';
import { columnReader, type ColumnReader, type ColumnRows, toJson } from '../values/json-rows.js';
import type { JsonObject, JsonValue } from '../values/sql-values.js';
import { encodeWith, type ValueCodec, valueCodec } from '../values/value-codecs.js';
import { throwIfInterrupted } from './duckdb-errors.js';

/** What `onRow` threw, kept apart from what DuckDB throws. */
export class RowRefused extends Error {}

export interface RowReader {
  readonly signal: AbortSignal;
  readonly onRow: (row: JsonObject) => void;
}

/** A column of a result. Its name is its own: those of the same name are told apart by a number behind it. */
export interface Column {
  readonly name: string;
  readonly read: ColumnReader;
}

export interface ColumnValues {
  readonly name: string;
  readonly values: ColumnRows;
}

/** Gives all rows of a result to `onRow` as they come. Throws `RowRefused` with its cause, `query_interrupted`. */
export async function readRows(result: DuckDBResult, reader: RowReader): Promise<void> {
  const columns = toColumns(result);
  const budget = new EventLoopBudget();
  for (;;) {
    const chunk = await result.fetchChunk();
    throwIfInterrupted(reader.signal);
    if (chunk === null || chunk.rowCount === 0) return;
    await giveRows(chunk.rowCount, await readColumns(chunk, columns, budget), { ...reader, budget });
  }
}

export function toColumns(result: DuckDBResult): readonly Column[] {
  const types = result.columnTypes();
  const names = toUniqueNames(result.columnNames());
  return types.map((type, index) => ({ name: names[index] ?? '', read: columnReader(type, index) }));
}

/** Column by column is twice as fast as row by row; the budget is for tables of hundreds of columns. */
export async function readColumns(
  chunk: DuckDBDataChunk,
  columns: readonly Column[],
  budget: EventLoopBudget,
): Promise<readonly ColumnValues[]> {
  const read: ColumnValues[] = [];
  for (const column of columns) {
    // Before the work, not after: chunks of many results may arrive in one turn of the loop.
    if (budget.isSpent) await budget.renew();
    read.push({ name: column.name, values: column.read(chunk) });
  }
  return read;
}

async function giveRows(
  rowCount: number,
  columns: readonly ColumnValues[],
  { signal, onRow, budget }: RowReader & { readonly budget: EventLoopBudget },
): Promise<void> {
  for (let row = 0; row < rowCount; row += 1) {
    if (budget.isSpent) await budget.renew();
    throwIfInterrupted(signal);
    handOver(toRow(columns, row), onRow);
  }
}

function handOver(row: JsonObject, onRow: RowReader['onRow']): void {
  try {
    onRow(row);
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  }
}

function toRow(columns: readonly ColumnValues[], row: number): JsonObject {
  const object: Record<string, JsonValue> = {};
  for (const { name, values } of columns) {
    const value = toJson(values.at(row) ?? null);
    // Assigning this one would set the prototype.
    if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true });
    else object[name] = value;
  }
  return object;
}

/** Columns of the same name get `_1`, `_2`, … after it, so that a row keeps every one. */
function toUniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let count = 1; seen.has(unique) || (unique !== name && taken.has(unique)); count += 1)
      unique = `${name}_${count}`;
    seen.add(unique);
    return unique;
  });
}

export interface TypedRowReader extends SessionExecution {
  /** The zone whose clock TIMESTAMPTZ values show. */
  readonly timeZone: string;
}

/**
 * Gives the columns of a result and all its rows as they come, so that Python can make of each value what DuckDB's own
 * Python package makes of it. Throws `RowRefused` with its cause, `query_interrupted`.
 */
export async function readTypedRows(result: DuckDBResult, reader: TypedRowReader): Promise<void> {
  const columns = toColumns(result);
  const codecs = result.columnTypes().map((type) => valueCodec(type, reader.timeZone));
  await handOverTyped(reader, () =>
    reader.onColumns(columns.map(({ name }, at) => ({ name, type: codecs[at]?.descriptor ?? 'json' }))),
  );
  const budget = new EventLoopBudget();
  for (;;) {
    const chunk = await result.fetchChunk();
    throwIfInterrupted(reader.signal);
    if (chunk === null || chunk.rowCount === 0) return;
    const values = await readColumns(chunk, columns, budget);
    for (let row = 0; row < chunk.rowCount; row += 1) {
      if (budget.isSpent) await budget.renew();
      throwIfInterrupted(reader.signal);
      const pending = handOverTyped(reader, () => reader.onRow(encodeRow(values, codecs, row)));
      if (pending !== undefined) await pending;
    }
  }
}

/** Whether the result may show a clock, so that its zone has to be known before. */
export function mayHaveTimeZone(statement: DuckDBPreparedStatement): boolean {
  for (let index = 0; index < statement.columnCount; index += 1) {
    const id = statement.columnTypeId(index);
    // What has types inside is looked at by name; a VARIANT tells them with each value, a parameter when it is bound.
    if (id === DuckDBTypeId.INVALID || id === DuckDBTypeId.VARIANT) return true;
    if (/TIME ZONE|VARIANT|ANY/.test(String(statement.columnType(index)))) return true;
  }
  return false;
}

function encodeRow(
  values: readonly ColumnValues[],
  codecs: readonly ValueCodec[],
  row: number,
): readonly JsonValue[] {
  return codecs.map((codec, at) => encodeWith(codec, values[at]?.values.at(row) ?? null));
}

/** Undefined when there is nothing to wait for, which spares each row a turn of the microtask queue. */
function handOverTyped(
  { signal }: TypedRowReader,
  take: () => void | Promise<void>,
): Promise<void> | undefined {
  try {
    const taken = take();
    return taken === undefined ? undefined : untilAborted(taken, signal);
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  }
}

/** Who takes the rows may be gone, and never settle. */
async function untilAborted(taken: Promise<void>, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true, signal: settled.signal });
  });
  try {
    await Promise.race([taken, aborted]);
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  } finally {
    settled.abort();
  }
  throwIfInterrupted(signal);
}

/** A column of a result. `type` is in the words that Python's side of the worker decodes values by. */
export interface ColumnType {
  readonly name: string;
  readonly type: JsonValue;
}

export interface SessionExecution {
  /** Aborting interrupts the statement. */
  readonly signal: AbortSignal;
  /** Once, before the first row. */
  readonly onColumns: (columns: readonly ColumnType[]) => void;
  /** A promise is waited for before the next row: whoever takes the rows is behind. What it throws ends the statement. */
  readonly onRow: (row: readonly JsonValue[]) => void | Promise<void>;
}

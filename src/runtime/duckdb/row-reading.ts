import type { DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { EventLoopBudget } from '../../lifecycle/index.js';
import { columnReader, type ColumnReader, type ColumnRows } from './column-values.js';
import { throwIfInterrupted } from './duckdb-errors.js';
import { toJson } from './json-conversion.js';
import type { JsonObject, JsonValue } from './query.js';

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

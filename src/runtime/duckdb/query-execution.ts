import {
  ResultReturnType,
  StatementType,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBPreparedStatement,
  type DuckDBResult,
} from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';
import { EventLoopBudget } from '../../lifecycle/index.js';
import { toQueryError } from './duckdb-errors.js';
import { toJson } from './json-conversion.js';
import { bindParameters } from './parameter-binding.js';
import type { JsonObject, ParameterValue } from './query.js';
import { extractStatements } from './statement-extraction.js';

export interface Query {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly signal: AbortSignal;
  readonly onRow: (row: JsonObject) => void;
}

/** How often an interrupt is repeated until it is heard. */
const INTERRUPT_INTERVAL_MS = 10;

/** What `onRow` threw, kept apart from what DuckDB throws. */
class RowRefused extends Error {}

/**
 * Runs all statements of a text and gives the rows of the last one to `onRow` as they come. When it settles, the
 * connection has nothing running and can be closed. Throws what `onRow` throws, `query_failed`, `query_interrupted`.
 */
export async function executeQuery(connection: DuckDBConnection, query: Query): Promise<void> {
  let repeated: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    // Lost on a query that waits for a thread: it forgets interrupts when it starts (DuckDB 1.5.6).
    repeated = setInterval(() => connection.interrupt(), INTERRUPT_INTERVAL_MS);
  };
  query.signal.addEventListener('abort', interrupt);
  try {
    await runStatements(connection, query);
  } catch (error) {
    if (error instanceof RowRefused) throw error.cause;
    // A lost interrupt (between two statements) ends as our own error; an error after an abort is the abort's doing.
    throw query.signal.aborted ? interrupted() : toQueryError(error);
  } finally {
    query.signal.removeEventListener('abort', interrupt);
    clearInterval(repeated);
  }
}

async function runStatements(connection: DuckDBConnection, query: Query): Promise<void> {
  const statements = await extractStatements(connection, query.sql);
  for (let index = 0; index < statements.count; index += 1) {
    throwIfInterrupted(query.signal);
    const statement = await statements.prepare(index);
    bindParameters(statement, query.parameters);
    throwIfInterrupted(query.signal);
    if (index < statements.count - 1) await statement.run();
    else await streamRows(connection, statement, query);
  }
}

async function streamRows(
  connection: DuckDBConnection,
  statement: DuckDBPreparedStatement,
  query: Query,
): Promise<void> {
  const result = await statement.stream();
  try {
    await readRows(result, query);
  } catch (error) {
    connection.interrupt();
    await drain(result);
    throw error;
  }
  // A stream that fails or is interrupted ends like a complete one, but for this (DuckDB 1.5.6).
  if (result.returnType === ResultReturnType.INVALID) await throwStreamError(statement, query.signal);
}

/** The error of a stream is out of reach of the bindings; the same query run as a whole throws it. */
async function throwStreamError(statement: DuckDBPreparedStatement, signal: AbortSignal): Promise<never> {
  throwIfInterrupted(signal);
  if (statement.statementType === StatementType.SELECT) await statement.run();
  throw new MxcpError(
    'query_failed',
    'Failed to execute SQL: the query failed after its first rows; try again',
  );
}

async function readRows(result: DuckDBResult, { signal, onRow }: Query): Promise<void> {
  const columnNames = toUniqueNames(result.columnNames());
  const budget = new EventLoopBudget();
  for (;;) {
    const chunk = await result.fetchChunk();
    throwIfInterrupted(signal);
    if (chunk === null || chunk.rowCount === 0) return;
    for (let row = 0; row < chunk.rowCount; row += 1) {
      handOver(toRow(chunk, row, columnNames), onRow);
      if (budget.isSpent) {
        await budget.renew();
        throwIfInterrupted(signal);
      }
    }
  }
}

function handOver(row: JsonObject, onRow: Query['onRow']): void {
  try {
    onRow(row);
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  }
}

function toRow(chunk: DuckDBDataChunk, row: number, columnNames: readonly string[]): JsonObject {
  const values = chunk.getRowValues(row);
  // Not by assignment, which a column called `__proto__` would not survive.
  return Object.fromEntries(columnNames.map((name, index) => [name, toJson(values[index] ?? null)]));
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

/** An unread stream keeps the database file open until it is garbage-collected, so the rest is read and thrown away. */
async function drain(result: DuckDBResult): Promise<void> {
  try {
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return;
    }
  } catch {
    // The interrupt arrived while reading: the stream is closed, which is all that is wanted here.
  }
}

function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted();
}

function interrupted(): MxcpError {
  return new MxcpError('query_interrupted', 'the query was interrupted');
}

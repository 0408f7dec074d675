import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBExtractedStatements,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  type DuckDBType,
  DuckDBTypeId,
  ResultReturnType,
  StatementType,
} from '@duckdb/node-api';
import { messageOf, MxcpError } from '../../errors/index.js';
import { EventLoopBudget, raceSignal } from '../../lifecycle/index.js';
import { NAMES_A_RIGHT, shieldRights } from './caller-functions.js';
import { columnReader, type ColumnReader, type ColumnValues } from '../values/chunk-columns.js';
import { jsonReader, keepOrder, losesOrder, parseJsonText, toJson } from '../values/json-values.js';
import { bindParameters, refuseExcess } from '../values/parameters.js';
import { type JsonObject, type JsonValue, type SqlParameters, toUniqueNames } from '../values/sql-values.js';

export interface Query {
  readonly sql: string;
  readonly parameters: SqlParameters;
  readonly signal: AbortSignal;
  /** Called once, before the first row of the last statement. What it throws ends the query and is thrown by it. */
  readonly openReader: (columns: ResultColumns) => RowReader;
  /** Whether the text is known to be one statement, which saves splitting it. */
  readonly isOneStatement?: boolean;
  /** So many rows are not read. */
  readonly skippedRows?: number | undefined;
  /** After so many rows, the query ends without an error. */
  readonly maxRows?: number | undefined;
  /** Asked before each row; when it is false, the query ends without an error. */
  readonly takesMore?: (() => boolean) | undefined;
  /** Called when no more rows are wanted of a SELECT: how many of the others may be counted. Without it, they are not. */
  readonly countsRest?: (() => number) | undefined;
  /** A row with a larger value ends the query before that value is made. */
  readonly maxRowBytes?: number | undefined;
  /** Whether a parameter that no statement uses is an error. */
  readonly refusesExcess?: boolean;
  /** Called before each statement: it may run others, which would end the rows of one that runs. */
  readonly beforeRun?: (statement: DuckDBPreparedStatement, isLast: boolean) => void | Promise<void>;
}

/** How far the rows of a result were read. */
export interface RowsRead {
  readonly hasMore: boolean;
  /** How many there are in all, skipped and unread ones included; undefined where only more reading would tell. */
  readonly total: number | undefined;
}

export interface ResultColumns {
  /** Unique: duplicate column names get a numeric suffix (`a`, `a_1`). */
  readonly names: readonly string[];
  readonly types: readonly DuckDBType[];
}

/** Takes one row. A returned promise delays the next one. What it throws ends the query and is thrown by it. */
export type RowReader = (columns: readonly ColumnValues[], row: number) => void | Promise<void>;

/** Marks what a reader threw, as opposed to what DuckDB throws. */
class RowRefused extends Error {}

/** How often an interrupt is repeated until the query ends. */
const INTERRUPT_INTERVAL_MS = 10;

/**
 * Runs all statements of a text and reads the rows of the last one as they arrive. When it settles, nothing runs on the connection. Throws
 * what the reader throws, `query_failed`, `query_interrupted`.
 */
export function executeQuery(connection: DuckDBConnection, query: Query): Promise<RowsRead> {
  return interruptibly(connection, query, () => runStatements(connection, query));
}

/**
 * Runs statements that end when the signal aborts. When it settles, nothing runs on the connection. Throws what a reader throws,
 * `query_failed`, `query_interrupted`.
 */
export async function interruptibly<T>(
  connection: DuckDBConnection,
  query: Pick<Query, 'sql' | 'signal'>,
  run: () => Promise<T>,
): Promise<T> {
  let repeated: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    // A query that waits for a thread forgets interrupts when it starts (DuckDB 1.5.6).
    repeated = setInterval(() => connection.interrupt(), INTERRUPT_INTERVAL_MS);
  };
  query.signal.addEventListener('abort', interrupt);
  try {
    if (NAMES_A_RIGHT.test(query.sql)) await shieldRights(connection);
    return await run();
  } catch (error) {
    if (error instanceof RowRefused) throw error.cause;
    // After an abort, any error is its consequence: an interrupt between two statements ends as our own error.
    throw query.signal.aborted ? interrupted() : toQueryError(error);
  } finally {
    query.signal.removeEventListener('abort', interrupt);
    clearInterval(repeated);
  }
}

async function runStatements(connection: DuckDBConnection, query: Query): Promise<RowsRead> {
  const { sql, parameters, signal } = query;
  const statements = query.isOneStatement === true ? undefined : await extractStatements(connection, sql);
  const count = statements?.count ?? 1;
  const used: string[] = [];
  let read: RowsRead = { hasMore: false, total: 0 };
  for (let index = 0; index < count; index += 1) {
    throwIfInterrupted(signal);
    const statement = await (statements?.prepare(index) ?? connection.prepare(sql));
    used.push(...bindParameters(statement, parameters));
    throwIfInterrupted(signal);
    const isLast = index === count - 1;
    if (isLast && query.refusesExcess === true) refuseExcess(parameters, used);
    await query.beforeRun?.(statement, isLast);
    if (isLast) read = await streamRows(connection, statement, query);
    else await statement.run();
    statement.destroySync();
  }
  return read;
}

async function streamRows(
  connection: DuckDBConnection,
  statement: DuckDBPreparedStatement,
  query: Query,
): Promise<RowsRead> {
  const result = await statement.stream();
  let fetched = 0;
  let hasMore = false;
  try {
    ({ hasMore, fetched } = await readRows(result, query));
    // Anything but a SELECT does all of its work.
    if (hasMore && statement.statementType === StatementType.SELECT) {
      const countable = query.countsRest?.() ?? 0;
      const rest = countable > 0 ? await countRest(result, connection, countable) : undefined;
      if (rest === undefined) {
        connection.interrupt();
        await drain(result);
      }
      return { hasMore, total: rest === undefined ? undefined : fetched + rest };
    }
    if (hasMore) fetched += await drain(result);
  } catch (error) {
    connection.interrupt();
    await drain(result);
    throw error;
  }
  // Otherwise a stream that failed or was interrupted looks complete (DuckDB 1.5.6).
  if (result.returnType === ResultReturnType.INVALID) await throwStreamError(statement, query.signal);
  return { hasMore, total: fetched };
}

/** Reads until no more rows are wanted; `fetched` counts those of all chunks that have arrived. */
async function readRows(result: DuckDBResult, query: Query): Promise<{ hasMore: boolean; fetched: number }> {
  const { signal, openReader, skippedRows = 0, maxRows, maxRowBytes, takesMore } = query;
  const types = result.columnTypes();
  const readers = types.map((type, index) => columnReader(type, index, maxRowBytes));
  const columns = { names: toUniqueNames(result.columnNames()), types };
  const readRow = refusing(() => openReader(columns));
  const budget = new EventLoopBudget();
  let count = 0;
  let fetched = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    throwIfInterrupted(signal);
    if (chunk === null || chunk.rowCount === 0) return { hasMore: false, fetched };
    const first = Math.max(0, skippedRows - fetched);
    fetched += chunk.rowCount;
    if (first >= chunk.rowCount) continue;
    const values = await readColumns(chunk, readers, budget);
    for (let row = first; row < chunk.rowCount; row += 1) {
      if (budget.isSpent) await budget.renew();
      throwIfInterrupted(signal);
      if (count === maxRows || takesMore?.() === false) return { hasMore: true, fetched };
      count += 1;
      const pending = refusing(() => readRow(values, row));
      if (pending instanceof Promise) await untilTaken(pending, signal);
    }
  }
}

/** Reading by column is twice as fast as reading by row; the budget is for tables of hundreds of columns. */
async function readColumns(
  chunk: DuckDBDataChunk,
  readers: readonly ColumnReader[],
  budget: EventLoopBudget,
): Promise<readonly ColumnValues[]> {
  const values: ColumnValues[] = [];
  for (const read of readers) {
    // Before the work, not after: chunks of many results may arrive in one turn of the loop.
    if (budget.isSpent) await budget.renew();
    values.push(read(chunk));
  }
  return values;
}

function refusing<Result>(step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  }
}

/** The receiver of the rows may be gone and never settle. */
async function untilTaken(pending: Promise<unknown>, signal: AbortSignal): Promise<void> {
  try {
    await raceSignal(pending, signal);
  } catch (error) {
    throwIfInterrupted(signal);
    throw new RowRefused('the row was refused', { cause: error });
  }
}

/** The bindings do not expose the error of a stream; running the same statement without streaming throws it. */
async function throwStreamError(statement: DuckDBPreparedStatement, signal: AbortSignal): Promise<never> {
  throwIfInterrupted(signal);
  if (statement.statementType === StatementType.SELECT) await statement.run();
  throw new MxcpError('query_failed', `${PREFIX}the query failed after its first rows; try again`);
}

/** Unread rows are counted for so long. Reading a chunk without its values takes microseconds. */
const COUNTING_MS = 50;

/** How many rows are left; undefined when they are more than `most` or come too slowly. Then the stream is not at its end, or was interrupted. */
async function countRest(
  result: DuckDBResult,
  connection: DuckDBConnection,
  most: number,
): Promise<number | undefined> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.interrupt();
  }, COUNTING_MS);
  let count = 0;
  try {
    while (count < most) {
      const chunk = await result.fetchChunk();
      // A stream that failed or was interrupted looks complete.
      if (chunk === null || chunk.rowCount === 0)
        return isLate || result.returnType === ResultReturnType.INVALID ? undefined : count;
      count += chunk.rowCount;
    }
    return undefined;
  } catch {
    // The rows that were asked for have arrived. Whatever keeps the others from being counted is no failure of the call.
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** An unread stream keeps the database file open until it is garbage-collected, so the rest is read and discarded. Returns its rows. */
async function drain(result: DuckDBResult): Promise<number> {
  let count = 0;
  try {
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return count;
      count += chunk.rowCount;
    }
  } catch {
    // The interrupt arrived while reading and closed the stream, which is all that is wanted here.
    return count;
  }
}

/** How a column is read: its JSON as text, also text as JSON, or by default as DuckDB has it. */
export type ColumnReading = 'text' | 'json' | undefined;

/** Gives each row as a JSON object. `onOpen` is called before the first one. */
export function jsonRows(
  onRow: (row: JsonObject) => void | Promise<void>,
  readingOf: (column: string) => ColumnReading = () => undefined,
  onOpen?: () => void,
): Query['openReader'] {
  return ({ names, types }) => {
    onOpen?.();
    const readers = types.map((type, at) => toJsonReader(type, readingOf(names[at] ?? '')));
    const toRow = (columns: readonly ColumnValues[], row: number): Record<string, JsonValue> => {
      const object: Record<string, JsonValue> = {};
      for (let at = 0; at < names.length; at += 1) {
        const name = names[at] ?? '';
        const read = readers[at];
        const plain = toJson(columns[at]?.at(row) ?? null);
        const value = read === undefined ? plain : read(plain);
        // Assigning this one would set the prototype.
        if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true });
        else object[name] = value;
      }
      return object;
    };
    if (!losesOrder(names)) return (columns, row) => onRow(toRow(columns, row));
    return (columns, row) => onRow(keepOrder(toRow(columns, row), names));
  };
}

function toJsonReader(type: DuckDBType, reading: ColumnReading): ((value: JsonValue) => JsonValue) | undefined {
  if (reading === 'text') return undefined;
  return reading === 'json' && type.typeId === DuckDBTypeId.VARCHAR ? textToContainer : jsonReader(type);
}

/** A text that is a list or an object in JSON as that; any other text as it is. */
function textToContainer(value: JsonValue): JsonValue {
  const read = typeof value === 'string' ? parseJsonText(value) : value;
  return typeof read === 'object' ? read : value;
}

/** What every error of a statement begins with. */
const PREFIX = 'Failed to execute SQL: ';

/** The message of a failed statement in DuckDB's own words. */
export function reasonOf(error: unknown): string {
  return messageOf(error).replace(PREFIX, '');
}

/** What the bindings put before DuckDB's own message when a text cannot be parsed (DuckDB 1.5.6). */
const EXTRACT_PREFIX = 'Failed to extract statements: ';
/** What they say when there is nothing to extract. */
const NOTHING_FOUND = 'Error in native callback';

/** Splits a text into its statements. Throws `query_failed`, also when there are none. */
export async function extractStatements(connection: DuckDBConnection, sql: string): Promise<DuckDBExtractedStatements> {
  try {
    return await connection.extractStatements(sql);
  } catch (error) {
    const message = messageOf(error);
    const reason = message === NOTHING_FOUND ? 'the SQL has no statement' : message.replace(EXTRACT_PREFIX, '');
    throw new MxcpError('query_failed', `${PREFIX}${reason}`, { cause: error });
  }
}

export function interrupted(cause?: unknown): MxcpError {
  return new MxcpError('query_interrupted', 'the query was interrupted', { cause });
}

/** Throws `query_interrupted` when the signal is aborted. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted();
}

/** DuckDB's errors have no code; the class of an error is the start of its message (DuckDB 1.5.6). */
export function toQueryError(thrown: unknown): MxcpError {
  if (thrown instanceof MxcpError) return thrown;
  const message = messageOf(thrown);
  if (message.startsWith('INTERRUPT Error')) return interrupted(thrown);
  return new MxcpError('query_failed', `${PREFIX}${message}`, { cause: thrown });
}

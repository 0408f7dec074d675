import {
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  ResultReturnType,
  StatementType,
} from '@duckdb/node-api';
import { messageOf, MxcpError } from '../../errors/index.js';
import { bindParameters, refuseExcess } from '../values/parameters.js';
import type { JsonObject, ParameterValue } from '../values/sql-values.js';
import type { CallerIdentity } from './connections.js';
import { interrupted, throwIfInterrupted, toQueryError } from './duckdb-errors.js';
import { RowRefused } from './rows.js';

export interface QueryOptions {
  readonly caller: CallerIdentity;
  /** Aborting interrupts the query; the promise then rejects with `query_interrupted`. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each row of the last statement, in order. What it throws ends the query and is what `query` throws. */
  readonly onRow: (row: JsonObject) => void;
  /** A parameter that no statement uses is an error, told before the last statement runs. */
  readonly refusesExcess?: boolean;
}

/** What preparing a statement tells about it, without running it. */
export interface StatementShape {
  /** Names of `$name` parameters over all statements of the text, without the dollar sign, each once. */
  readonly parameterNames: readonly string[];
}

/** What statements can be compiled on. */
export type InspectedDatabase = Pick<QueryableDatabase, 'inspect'>;

/**
 * The database of one generation. A connection is opened for each query and closed after it, so nothing a call leaves
 * behind (temporary tables, variables, an open transaction) reaches another caller.
 */
export interface QueryableDatabase {
  /** Runs all statements of `sql`. Throws `query_failed`, `query_interrupted`. */
  query(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    options: QueryOptions,
  ): Promise<void>;
  /**
   * Throws `query_failed` when a statement does not compile. DuckDB stops at a parameter whose type it cannot tell; with a
   * sample of each parameter, what stands behind it is compiled too.
   */
  inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape>;
}

export interface Query {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly signal: AbortSignal;
  /** Takes all rows of the last statement. What it throws in a `RowRefused` ends the query and is what the query throws. */
  readonly read: (result: DuckDBResult) => Promise<void>;
  /** Known to be one statement, which saves parsing it apart. */
  readonly isOneStatement?: boolean;
  /** Told of each statement before it runs. */
  readonly onStatement?: (statement: DuckDBPreparedStatement) => void;
  /** A parameter that no statement uses is an error. */
  readonly refusesExcess?: boolean;
  /** Before the last statement runs: while it gives rows, another one would end it. */
  readonly beforeLast?: (statement: DuckDBPreparedStatement) => Promise<void>;
}

/** How often an interrupt is repeated until it is heard. */
const INTERRUPT_INTERVAL_MS = 10;

/**
 * Runs all statements of a text; `read` takes the rows of the last one as they come. When it settles, the connection has
 * nothing running and can be closed. Throws what `read` refuses a row with, `query_failed`, `query_interrupted`.
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
    if (query.isOneStatement === true) await runOneStatement(connection, query);
    else await runStatements(connection, query);
  } catch (error) {
    if (error instanceof RowRefused) throw error.cause;
    // A lost interrupt (between two statements) ends as our own error; an error after an abort is the abort's doing.
    throw query.signal.aborted ? interrupted() : toQueryError(error);
  } finally {
    query.signal.removeEventListener('abort', interrupt);
    clearInterval(repeated);
  }
}

async function runOneStatement(connection: DuckDBConnection, query: Query): Promise<void> {
  const statement = await connection.prepare(query.sql);
  const used = bindParameters(statement, query.parameters);
  if (query.refusesExcess === true) refuseExcess(query.parameters, new Set(used));
  throwIfInterrupted(query.signal);
  await streamRows(connection, statement, query);
  statement.destroySync();
}

async function runStatements(connection: DuckDBConnection, query: Query): Promise<void> {
  const statements = await extractStatements(connection, query.sql);
  const used = new Set<string>();
  for (let index = 0; index < statements.count; index += 1) {
    throwIfInterrupted(query.signal);
    const statement = await statements.prepare(index);
    for (const name of bindParameters(statement, query.parameters)) used.add(name);
    throwIfInterrupted(query.signal);
    query.onStatement?.(statement);
    if (index < statements.count - 1) await statement.run();
    else {
      if (query.refusesExcess === true) refuseExcess(query.parameters, used);
      await query.beforeLast?.(statement);
      await streamRows(connection, statement, query);
    }
    statement.destroySync();
  }
}

async function streamRows(
  connection: DuckDBConnection,
  statement: DuckDBPreparedStatement,
  query: Query,
): Promise<void> {
  const result = await statement.stream();
  try {
    await query.read(result);
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

/** What the bindings put before DuckDB's own words when a text cannot be parsed (DuckDB 1.5.6). */
const PREFIX = 'Failed to extract statements: ';
/** What they say when there is nothing to extract. */
const NOTHING_FOUND = 'Error in native callback';

/** Parses a text into its statements. Throws `query_failed`, also when there are none. */
export async function extractStatements(
  connection: DuckDBConnection,
  sql: string,
): Promise<DuckDBExtractedStatements> {
  try {
    return await connection.extractStatements(sql);
  } catch (error) {
    const message = messageOf(error);
    const reason = message === NOTHING_FOUND ? 'the SQL has no statement' : message.replace(PREFIX, '');
    throw new MxcpError('query_failed', `Failed to execute SQL: ${reason}`, { cause: error });
  }
}

import type { DuckDBConnection } from '@duckdb/node-api';
import type { DatabaseInstance } from './database-instance.js';
import type { DatabaseSession, SessionExecution } from './database-session.js';
import { interrupted, throwIfInterrupted, toQueryError } from './duckdb-errors.js';
import type { InstanceConnection } from './instance-connection.js';
import { executeQuery } from './query-execution.js';
import type { CallerIdentity } from './query.js';
import type { ParameterValue } from './sql-values.js';
import { mayHaveTimeZone, readTypedRows } from './typed-rows.js';

/**
 * The database of one call of a function: what a statement leaves behind (a temporary table, a variable, an open
 * transaction) is there for the next one, and gone with the call. The connection is opened by the first statement.
 */
export class CallSession implements DatabaseSession {
  readonly #instance: DatabaseInstance;
  readonly #caller: CallerIdentity;
  readonly #onDisposed: () => void;
  #connection: Promise<InstanceConnection> | undefined;
  /** Settles when the last statement that was asked for has; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  constructor(instance: DatabaseInstance, caller: CallerIdentity, onDisposed: () => void) {
    this.#instance = instance;
    this.#caller = caller;
    this.#onDisposed = onDisposed;
  }

  execute(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    execution: SessionExecution,
  ): Promise<void> {
    const executed = this.#last.then(() => this.#execute(sql, parameters, execution));
    // Whoever asked for the statement hears of its failure.
    this.#last = executed.catch(() => undefined);
    return executed;
  }

  /** Interrupts what runs. An open transaction is rolled back by closing its connection. Idempotent. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }

  async #execute(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    execution: SessionExecution,
  ): Promise<void> {
    throwIfInterrupted(execution.signal);
    const connection = await this.#connect();
    // Nothing may begin once the end waits for what has begun.
    if (this.#disposed !== undefined) throw interrupted();
    await connection.run(async (native, signal) => {
      const leave = this.#instance.callerFunctions.enter(native, this.#caller);
      try {
        await runStatements(native, sql, parameters, { ...execution, signal });
      } finally {
        leave();
      }
    }, execution.signal);
  }

  async #connect(): Promise<InstanceConnection> {
    if (this.#disposed !== undefined) throw interrupted();
    this.#connection ??= this.#instance.connect();
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw toQueryError(error);
    }
  }

  async #end(): Promise<void> {
    try {
      (await this.#opened())?.interrupt();
      await this.#last;
      (await this.#opened())?.close();
    } finally {
      this.#onDisposed();
    }
  }

  async #opened(): Promise<InstanceConnection | undefined> {
    try {
      return await this.#connection;
    } catch {
      // The statement that opened it has told why it is not open.
      return undefined;
    }
  }
}

async function runStatements(
  connection: DuckDBConnection,
  sql: string,
  parameters: Readonly<Record<string, ParameterValue>>,
  execution: SessionExecution,
): Promise<void> {
  let timeZone = 'UTC';
  await executeQuery(connection, {
    sql,
    parameters,
    signal: execution.signal,
    refusesExcess: true,
    beforeLast: async (statement) => {
      if (mayHaveTimeZone(statement)) timeZone = await readTimeZone(connection);
    },
    read: (result) => readTypedRows(result, { ...execution, timeZone }),
  });
}

/** Code may change it with `SET TimeZone`, so it is asked each time it is needed. */
async function readTimeZone(connection: DuckDBConnection): Promise<string> {
  const result = await connection.runAndReadAll("SELECT current_setting('TimeZone')");
  return String(result.getRows()[0]?.[0] ?? 'UTC');
}

import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import type { Disposable } from '../../lifecycle/index.js';
import type { ParameterValue } from '../values/sql-values.js';
import type { CallerFunctions, CallerIdentity, IdleConnections, InstanceConnection } from './connections.js';
import { interrupted, throwIfInterrupted, toQueryError } from './duckdb-errors.js';
import { executeQuery } from './query.js';
import { mayHaveTimeZone, readTypedRows, type SessionExecution } from './rows.js';

/** These leave nothing on a connection, as long as no transaction is open on it. */
const WITHOUT_TRACE: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.MERGE_INTO,
  StatementType.EXPLAIN,
]);

export interface CallSessionParts {
  readonly caller: CallerIdentity;
  readonly callers: CallerFunctions;
  readonly connections: Pick<IdleConnections, 'take' | 'giveBack'>;
  readonly onDisposed: () => void;
}

/**
 * The database of one call of a function: what a statement leaves behind (a temporary table, a variable, an open
 * transaction) is there for the next one, and gone with the call. The first statement takes a connection; only one that is
 * as it was is used by other calls again.
 */
export class CallSession implements DatabaseSession {
  readonly #parts: CallSessionParts;
  #isAsItWas = true;
  #running = 0;
  #connection: Promise<InstanceConnection> | undefined;
  /** Settles when the last statement that was asked for has; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  constructor(parts: CallSessionParts) {
    this.#parts = parts;
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

  /** Interrupts what runs. What was left on the connection, an open transaction too, goes with it. Idempotent. */
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
    this.#running += 1;
    try {
      await connection.run(
        (native, signal) => this.#runOn(native, { sql, parameters, execution: { ...execution, signal } }),
        execution.signal,
      );
    } catch (error) {
      // What a failed or interrupted query leaves behind is not looked into.
      this.#isAsItWas = false;
      throw error;
    } finally {
      this.#running -= 1;
    }
  }

  async #runOn(connection: DuckDBConnection, statements: Statements): Promise<void> {
    const { callers, caller } = this.#parts;
    const leave = callers.enter(connection, caller);
    try {
      await runStatements(connection, statements, ({ statementType }) => {
        if (!WITHOUT_TRACE.has(statementType)) this.#isAsItWas = false;
      });
    } finally {
      leave();
    }
  }

  async #connect(): Promise<InstanceConnection> {
    if (this.#disposed !== undefined) throw interrupted();
    this.#connection ??= this.#parts.connections.take();
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw toQueryError(error);
    }
  }

  async #end(): Promise<void> {
    const { connections, onDisposed } = this.#parts;
    try {
      const running = await this.#opened();
      if (this.#running > 0) running?.interrupt();
      await this.#last;
      const connection = await this.#opened();
      if (connection === undefined) return;
      if (this.#isAsItWas) connections.giveBack(connection);
      else connection.close();
    } finally {
      onDisposed();
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

interface Statements {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly execution: SessionExecution;
}

async function runStatements(
  connection: DuckDBConnection,
  { sql, parameters, execution }: Statements,
  onStatement: (statement: DuckDBPreparedStatement) => void,
): Promise<void> {
  let timeZone = 'UTC';
  await executeQuery(connection, {
    sql,
    parameters,
    signal: execution.signal,
    refusesExcess: true,
    onStatement,
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

/** One call's database. Statements run one after the other on one connection, which the first one opens. */
export interface DatabaseSession extends Disposable {
  /** Throws `query_failed`, `query_interrupted`. Values lose nothing on their way: they are tagged by their column's type. */
  execute(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    execution: SessionExecution,
  ): Promise<void>;
  /** Rolls back what is open. */
  dispose(): Promise<void>;
}

/** A session on a database that is not open yet; its statements wait for it. */
export class LateSession implements DatabaseSession {
  readonly #session: Promise<DatabaseSession>;

  constructor(session: Promise<DatabaseSession>) {
    this.#session = session;
    // Whoever executes something hears of it.
    session.catch(() => undefined);
  }

  async execute(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    execution: SessionExecution,
  ): Promise<void> {
    const session = await this.#session;
    await session.execute(sql, parameters, execution);
  }

  /** Does not wait for a database that may never open. */
  dispose(): Promise<void> {
    // What cannot be freed now is freed with the database.
    this.#session.then((session) => session.dispose()).catch(() => undefined);
    return Promise.resolve();
  }
}

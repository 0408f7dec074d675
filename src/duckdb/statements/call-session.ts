import { type DuckDBConnection, type DuckDBPreparedStatement, DuckDBTypeId, StatementType } from '@duckdb/node-api';
import type { Caller, DeniedByRule } from '../../caller/index.js';
import { type Disposable, raceSignal } from '../../lifecycle/index.js';
import { encodeWith, valueCodec } from '../values/python-results.js';
import type { JsonValue, SqlParameters } from '../values/sql-values.js';
import {
  CHANGES_NAMES,
  type ConnectionPool,
  type ConnectionWork,
  type PooledConnection,
  type StatementGuard,
} from './connections.js';
import {
  executeQuery,
  interrupted,
  type Query,
  type ResultColumns,
  type RowReader,
  throwIfInterrupted,
  toQueryError,
} from './query.js';

/** A column of a result. `type` is the descriptor by which the Python side of the worker decodes its values. */
export type ColumnType = Readonly<Record<'name' | 'type', JsonValue>>;

export interface SessionExecution {
  /** Aborting interrupts the statement. */
  readonly signal: AbortSignal;
  /** Called once, before the first row. */
  readonly onColumns: (columns: readonly ColumnType[]) => void;
  /** A returned promise delays the next row while the receiver is behind. What it throws ends the statement. */
  readonly onRow: (row: readonly JsonValue[]) => void | Promise<void>;
}

/** Where a session gets its connection, and what its statements must pass there. */
export interface SessionConnections {
  readonly pool: ConnectionPool;
  readonly guard: StatementGuard | undefined;
  /** Learns of statements that the guard refuses. */
  readonly onDenied?: ((denied: DeniedByRule) => void) | undefined;
}

/** The database of one call of a function. */
export type DatabaseSession = Pick<CallSession, 'execute' | 'rollBack' | 'dispose'>;

/** These leave nothing on a connection, as long as no transaction is open on it. */
const WITHOUT_TRACE: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.MERGE_INTO,
  StatementType.EXPLAIN,
]);

/**
 * Runs the statements of one call one after the other on one connection. What a statement leaves behind (a temporary table,
 * a variable, an open transaction) is there for the next one and ends with the call. The first statement takes the
 * connection; other calls reuse it only if nothing was left on it.
 */
export class CallSession implements Disposable {
  readonly #caller: Caller;
  readonly #connections: SessionConnections | Promise<SessionConnections>;
  readonly #onDisposed: () => void;
  readonly #ending = new AbortController();
  #isClean = true;
  #hasTransactions = false;
  #hasChanged = false;
  #running = 0;
  #connection: Promise<PooledConnection> | undefined;
  /** Settles when the statement requested last has; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  /** The connections are a promise while the database is not open yet; statements wait for it. */
  constructor(caller: Caller, connections: SessionConnections | Promise<SessionConnections>, onDisposed: () => void) {
    this.#caller = caller;
    this.#connections = connections;
    this.#onDisposed = onDisposed;
  }

  /** Throws `query_failed`, `query_interrupted`, `DeniedByRule`. Values lose nothing on their way: they are encoded by their column's type. */
  execute(sql: string, parameters: SqlParameters, execution: SessionExecution): Promise<void> {
    const executed = this.#last.then(() => this.#execute(sql, parameters, execution));
    // The caller of `execute` receives the failure.
    this.#last = executed.catch(() => undefined);
    return executed;
  }

  /** Rolls back a transaction that was left open, after all statements so far. Resolves with whether there was one. */
  rollBack(): Promise<boolean> {
    const rolledBack = this.#last.then(() => this.#rollBack());
    this.#last = rolledBack;
    return rolledBack;
  }

  /** Interrupts what runs and rolls back an open transaction. Idempotent. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }

  /** Never rejects: without a transaction, DuckDB refuses the statement, and a connection that is gone has none. */
  async #rollBack(): Promise<boolean> {
    const connection = this.#hasTransactions ? await this.#opened() : undefined;
    const run: ConnectionWork<unknown> = (native) => native.run('ROLLBACK');
    return connection === undefined
      ? false
      : connection.run(run, { caller: this.#caller, signal: this.#ending.signal }).then(
          () => true,
          () => false,
        );
  }

  async #execute(sql: string, parameters: SqlParameters, execution: SessionExecution): Promise<void> {
    throwIfInterrupted(execution.signal);
    const connection = await this.#connect();
    // No statement may begin while `dispose` waits for those that have begun.
    throwIfInterrupted(this.#ending.signal);
    this.#running += 1;
    try {
      const { guard, onDenied } = await this.#connections;
      const run: ConnectionWork<void> = async (native, signal) => {
        const confirm = await guard?.check(native, {
          sql,
          parameters,
          caller: this.#caller,
          ofCaller: false,
          onDenied,
        });
        const running = this.#runOn(native, { sql, parameters, signal }, { ...execution, confirm });
        await (guard === undefined ? running : guard.withhold(running));
      };
      await connection.run(run, { caller: this.#caller, signal: execution.signal });
    } catch (error) {
      // A failed or interrupted query may have left anything behind.
      this.#isClean = false;
      throw error;
    } finally {
      this.#running -= 1;
    }
  }

  async #runOn(
    connection: DuckDBConnection,
    query: Pick<Query, 'sql' | 'parameters' | 'signal'>,
    execution: SessionExecution & { readonly confirm: (() => void) | undefined },
  ): Promise<void> {
    let timeZone = 'UTC';
    const { pool } = await this.#connections;
    let { confirm } = execution;
    let endChange: (() => void) | undefined;
    const running = executeQuery(connection, {
      ...query,
      refusesExcess: true,
      beforeRun: async (prepared, isLast) => {
        if (!WITHOUT_TRACE.has(prepared.statementType)) this.#isClean = false;
        if (this.#mayChangeNames(prepared.statementType)) {
          confirm?.();
          confirm = undefined;
          endChange ??= pool.beginChange(prepared.statementType);
        }
        if (prepared.statementType === StatementType.TRANSACTION) this.#hasTransactions = true;
        if (isLast && mayHaveTimeZone(prepared)) timeZone = await readTimeZone(connection);
      },
      openReader: (columns) => {
        confirm?.();
        return pythonRows(columns, execution, timeZone);
      },
    });
    await running.finally(() => endChange?.());
  }

  /** What a transaction has changed shows when it ends. */
  #mayChangeNames(type: StatementType): boolean {
    if (type === StatementType.TRANSACTION) return this.#hasChanged;
    this.#hasChanged ||= CHANGES_NAMES.has(type);
    return CHANGES_NAMES.has(type);
  }

  async #connect(): Promise<PooledConnection> {
    throwIfInterrupted(this.#ending.signal);
    this.#connection ??= this.#take();
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw toQueryError(error);
    }
  }

  /** The end of the session does not wait for a database that may never open. */
  async #take(): Promise<PooledConnection> {
    const connections = this.#connections;
    const { pool, guard } =
      connections instanceof Promise ? await raceSignal(connections, this.#ending.signal) : connections;
    return pool.take(guard?.setup);
  }

  async #end(): Promise<void> {
    this.#ending.abort(interrupted());
    try {
      const running = await this.#opened();
      if (this.#running > 0) running?.interrupt();
      await this.#last;
      const connection = await this.#opened();
      if (connection === undefined) return;
      if (this.#isClean) (await this.#connections).pool.giveBack(connection);
      else connection.close();
    } finally {
      this.#onDisposed();
    }
  }

  async #opened(): Promise<PooledConnection | undefined> {
    try {
      return await this.#connection;
    } catch {
      // The statement that failed to open it has reported why.
      return undefined;
    }
  }
}

/** Gives each row as Python decodes it: DuckDB's own Python package would return the same values. */
function pythonRows({ names, types }: ResultColumns, execution: SessionExecution, timeZone: string): RowReader {
  const codecs = types.map((type) => valueCodec(type, timeZone));
  execution.onColumns(codecs.map(({ descriptor }, at) => ({ name: names[at] ?? '', type: descriptor })));
  return (columns, row) => execution.onRow(codecs.map((codec, at) => encodeWith(codec, columns[at]?.at(row) ?? null)));
}

/** Whether the result may contain times whose time zone must be known before it is read. */
function mayHaveTimeZone(statement: DuckDBPreparedStatement): boolean {
  for (let index = 0; index < statement.columnCount; index += 1) {
    const id = statement.columnTypeId(index);
    // Nested types are recognised by name; a VARIANT has the type in each value, a parameter gets it when it is bound.
    if (id === DuckDBTypeId.INVALID || id === DuckDBTypeId.VARIANT) return true;
    if (/TIME ZONE|VARIANT|ANY|unbound/.test(nameOfType(statement, index))) return true;
  }
  return false;
}

/** The bindings throw for a type that contains the type of a parameter, as that of `{'a': $a}` does (DuckDB 1.5.6). */
function nameOfType(statement: DuckDBPreparedStatement, index: number): string {
  try {
    return String(statement.columnType(index));
  } catch {
    return 'unbound';
  }
}

/** Read each time it is needed, because code may change it with `SET TimeZone`. */
async function readTimeZone(connection: DuckDBConnection): Promise<string> {
  const result = await connection.runAndReadAll("SELECT current_setting('TimeZone')");
  return String(result.getRows()[0]?.[0] ?? 'UTC');
}

import { type DuckDBConnection, type DuckDBInstance, StatementType } from '@duckdb/node-api';
import type { Caller, DeniedByRule } from '../../caller/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { SqlParameters } from '../values/sql-values.js';
import { type Callers, registerCallerFunctions, registerSteadyCallerFunctions, SHIELD } from './caller-functions.js';

/** Work on a connection. It ends early when the signal aborts, which then stays aborted. */
export type ConnectionWork<T> = (connection: DuckDBConnection, interrupted: AbortSignal) => Promise<T>;

export interface RunOptions {
  /** Whose name the SQL functions return while the work runs. */
  readonly caller?: Caller;
  readonly signal?: AbortSignal | undefined;
  /** What the connection must have been prepared with. */
  readonly setup?: ConnectionSetup | undefined;
}

/** Prepares connections for one kind of work, which alone uses them; it also binds them to the caller functions. */
export type ConnectionSetup = (connection: DuckDBConnection) => Promise<void>;

/** A statement that is about to run. */
export interface GuardedStatement {
  readonly sql: string;
  readonly parameters: SqlParameters;
  readonly caller: Caller;
  /** Whether a caller wrote the text, as opposed to the project. */
  readonly ofCaller: boolean;
  /** Whether the text of a caller reads files, which are known to be allowed. */
  readonly readsFiles?: boolean;
  /** Learns that the statement is refused, before `check` throws: code of the project may catch that. */
  readonly onDenied?: ((denied: DeniedByRule) => void) | undefined;
}

/** What a statement must pass before it runs on a connection that was prepared for this guard. */
export interface StatementGuard {
  readonly setup: ConnectionSetup;
  /**
   * Throws `DeniedByRule` or `query_failed` for a statement that must not run. The statement must run on the connection next, and what this
   * resolves with must be called before its first row: it throws if names may lead elsewhere since.
   */
  check(connection: DuckDBConnection, statement: GuardedStatement): Promise<() => void>;
  /** Leaves out what the error of a statement must not show. */
  withhold<T>(running: Promise<T>): Promise<T>;
}

/** After one of these, names may lead to other tables, views or databases. */
export const CHANGES_NAMES: ReadonlySet<StatementType> = new Set([
  StatementType.ALTER,
  StatementType.ATTACH,
  StatementType.COPY_DATABASE,
  StatementType.CREATE,
  StatementType.CREATE_FUNC,
  StatementType.DETACH,
  StatementType.DROP,
  StatementType.EXECUTE,
  StatementType.MULTI,
]);

/**
 * DuckDB fills this buffer of a stream before the first row is read, and counts 16 bytes for a text of any length. So one query of rows with
 * 5,000 characters took 220 MiB with the default of 1 MB, and takes 40 MiB with this; reading a million rows takes as long (DuckDB 1.5.6).
 */
const SMALL_BUFFER = "SET streaming_buffer_size = '64KiB'";

/** Idle connections beyond this number are closed after use. */
const MAX_IDLE = 16;

/**
 * The connections of one instance. Idle ones are reused for work that leaves nothing behind on them: opening one for each
 * query costs more than a tenth of a short call. Generations share the pool as they share the instance, which disposes it.
 */
export class ConnectionPool implements Disposable {
  readonly #instance: DuckDBInstance;
  readonly #callers: Callers = new Map();
  readonly #open = new Set<PooledConnection>();
  /** By what they were prepared with. */
  readonly #idle = new Map<ConnectionSetup | undefined, PooledConnection[]>([[undefined, []]]);
  #hasSteadyFunctions = false;
  #changes = 0;
  #runningChanges = 0;
  #isDisposed = false;
  #onUnused: (() => void) | undefined;

  constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  get used(): number {
    return this.#open.size - this.idle;
  }

  get idle(): number {
    let count = 0;
    for (const { length } of this.#idle.values()) count += length;
    return count;
  }

  /** Registers the SQL functions that name the caller. Once per instance, before `open`. */
  async registerCallerFunctions(): Promise<void> {
    const connection = await this.#instance.connect();
    registerCallerFunctions(connection, this.#callers);
    connection.closeSync();
  }

  /** Registers those that `shieldSteadily()` leads to. Does nothing the second time. */
  async registerSteadyFunctions(): Promise<void> {
    if (this.#hasSteadyFunctions) return;
    this.#hasSteadyFunctions = true;
    const connection = await this.#instance.connect();
    registerSteadyCallerFunctions(connection, this.#callers);
    connection.closeSync();
  }

  /** Opens a connection. The caller closes it; the pool cannot be disposed before. */
  async open(setup?: ConnectionSetup): Promise<PooledConnection> {
    const native = await this.#instance.connect();
    const connection = new PooledConnection(native, this.#callers, setup, () => this.#forget(connection));
    this.#open.add(connection);
    try {
      await native.run(setup === undefined ? `${SMALL_BUFFER}; ${SHIELD}` : SMALL_BUFFER);
      await setup?.(native);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Runs `work` on a connection of its own, which is closed after it. */
  async useNew<T>(work: ConnectionWork<T>, options?: RunOptions): Promise<T> {
    const connection = await this.open(options?.setup);
    try {
      return await connection.run(work, options);
    } finally {
      connection.close();
    }
  }

  /** Runs `work`, which must leave nothing behind, on an idle connection. */
  async useIdle<T>(work: ConnectionWork<T>, options?: RunOptions): Promise<T> {
    const connection = await this.take(options?.setup);
    try {
      const result = await connection.run(work, options);
      this.giveBack(connection);
      return result;
    } catch (error) {
      // A failed or interrupted query may have left anything behind.
      connection.close();
      throw error;
    }
  }

  /** The caller gives the connection back if it is clean, and closes it otherwise. */
  async take(setup?: ConnectionSetup): Promise<PooledConnection> {
    return this.#idle.get(setup)?.pop() ?? this.open(setup);
  }

  giveBack(connection: PooledConnection): void {
    const idle = this.#idle.get(connection.setup);
    if (this.#isDisposed || idle === undefined || idle.length >= MAX_IDLE) connection.close();
    else idle.push(connection);
  }

  /** From now on, idle connections with this setup are kept, until `retire`. */
  keep(setup: ConnectionSetup): void {
    this.#idle.set(setup, []);
  }

  /** Closes the idle connections with this setup; the others close when they are given back. */
  retire(setup: ConnectionSetup): void {
    for (const connection of this.#idle.get(setup) ?? []) connection.close();
    this.#idle.delete(setup);
  }

  /**
   * Differs once tables, views or databases may have changed; undefined while they may be changing. Creating one may take long, and takes the
   * name of no other.
   */
  get catalogVersion(): number | undefined {
    return this.#runningChanges > 0 ? undefined : this.#changes;
  }

  /** Call it before a statement that may change tables, views or databases, and what it returns afterwards. */
  beginChange(type?: StatementType): () => void {
    const isLong = type === StatementType.CREATE;
    if (!isLong) this.#runningChanges += 1;
    return () => {
      if (!isLong) this.#runningChanges -= 1;
      this.#changes += 1;
    };
  }

  interruptAll(): void {
    for (const connection of this.#open) connection.interrupt();
  }

  /** Interrupts what runs and resolves when every connection is closed. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    for (const idle of this.#idle.values()) for (const connection of idle.splice(0)) connection.close();
    this.interruptAll();
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#onUnused = resolve));
  }

  #forget(connection: PooledConnection): void {
    this.#open.delete(connection);
    if (this.#open.size === 0) this.#onUnused?.();
  }
}

/** One open connection. It does one thing at a time. */
export class PooledConnection {
  readonly native: DuckDBConnection;
  readonly setup: ConnectionSetup | undefined;
  readonly #id: number;
  readonly #callers: Callers;
  readonly #onClosed: () => void;
  #interruption = new AbortController();
  #isClosed = false;

  constructor(native: DuckDBConnection, callers: Callers, setup: ConnectionSetup | undefined, onClosed: () => void) {
    this.native = native;
    this.setup = setup;
    this.#id = native.clientContext.connectionId;
    this.#callers = callers;
    this.#onClosed = onClosed;
  }

  /** Settles only after the work has, so the connection can be closed or used again right after. */
  async run<T>(work: ConnectionWork<T>, { caller, signal }: RunOptions = {}): Promise<T> {
    const interruption = new AbortController();
    this.#interruption = interruption;
    // Not AbortSignal.any(), which costs five times as much as the listener (Node 20).
    const interrupt = (): void => interruption.abort();
    signal?.addEventListener('abort', interrupt);
    if (signal?.aborted === true) interrupt();
    if (caller !== undefined) this.#callers.set(this.#id, caller);
    try {
      return await work(this.native, interruption.signal);
    } finally {
      this.#callers.delete(this.#id);
      signal?.removeEventListener('abort', interrupt);
    }
  }

  /** Ends what runs; later work is not affected. */
  interrupt(): void {
    this.#interruption.abort();
    this.native.interrupt();
  }

  /** Only when nothing runs: otherwise closing never settles and keeps the file locked. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.native.closeSync();
    this.#onClosed();
  }
}

import {
  type DuckDBConnection,
  type DuckDBInstance,
  DuckDBScalarFunction,
  type DuckDBScalarMainFunction,
  VARCHAR,
} from '@duckdb/node-api';
import type { Caller } from '../../caller/index.js';
import type { Disposable } from '../../lifecycle/index.js';

/** Callers by the id of the connection that runs their SQL. */
type Callers = Map<number, Caller>;

/** Work on a connection. It ends early when the signal aborts, which then stays aborted. */
export type ConnectionWork<T> = (connection: DuckDBConnection, interrupted: AbortSignal) => Promise<T>;

export interface RunOptions {
  /** Whose name the SQL functions return while the work runs. */
  readonly caller?: Caller;
  readonly signal?: AbortSignal | undefined;
}

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
  readonly #idle: PooledConnection[] = [];
  #isDisposed = false;
  #onUnused: (() => void) | undefined;

  constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  get used(): number {
    return this.#open.size - this.#idle.length;
  }

  get idle(): number {
    return this.#idle.length;
  }

  /** Registers the SQL functions that name the caller. Once per instance, before `open`. */
  async registerCallerFunctions(): Promise<void> {
    const connection = await this.#instance.connect();
    for (const callerFunction of CALLER_FUNCTIONS) register(connection, callerFunction, this.#callers);
    connection.closeSync();
  }

  /** Opens a connection. The caller closes it; the pool cannot be disposed before. */
  async open(): Promise<PooledConnection> {
    const connection = new PooledConnection(await this.#instance.connect(), this.#callers, () =>
      this.#forget(connection),
    );
    this.#open.add(connection);
    try {
      await connection.native.run(SHIELD);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Runs `work` on a connection of its own, which is closed after it. */
  async useNew<T>(work: ConnectionWork<T>, options?: RunOptions): Promise<T> {
    const connection = await this.open();
    try {
      return await connection.run(work, options);
    } finally {
      connection.close();
    }
  }

  /** Runs `work`, which must leave nothing behind, on an idle connection. */
  async useIdle<T>(work: ConnectionWork<T>, options?: RunOptions): Promise<T> {
    const connection = await this.take();
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
  async take(): Promise<PooledConnection> {
    return this.#idle.pop() ?? this.open();
  }

  giveBack(connection: PooledConnection): void {
    if (this.#isDisposed || this.#idle.length >= MAX_IDLE) connection.close();
    else this.#idle.push(connection);
  }

  interruptAll(): void {
    for (const connection of this.#open) connection.interrupt();
  }

  /** Interrupts what runs and resolves when every connection is closed. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
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
  readonly #id: number;
  readonly #callers: Callers;
  readonly #onClosed: () => void;
  #interruption = new AbortController();
  #isClosed = false;

  constructor(native: DuckDBConnection, callers: Callers, onClosed: () => void) {
    this.native = native;
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

interface CallerFunction {
  readonly name: string;
  readonly parameter?: string;
  readonly valueOf: (caller: Caller, argument: string | null) => string | null;
}

const CALLER_FUNCTIONS: readonly CallerFunction[] = [
  { name: 'get_username', valueOf: (caller) => caller.username },
  { name: 'get_user_email', valueOf: (caller) => caller.email },
  { name: 'get_user_provider', valueOf: (caller) => caller.provider },
  { name: 'get_user_external_token', valueOf: (caller) => caller.externalToken },
  {
    name: 'get_request_headers_json',
    valueOf: ({ requestHeaders }) => (requestHeaders === undefined ? null : JSON.stringify(requestHeaders)),
  },
  { name: 'get_request_header', parameter: 'name', valueOf: headerOf },
];

/**
 * Binds a connection to our caller functions. A macro of the same name in the database file would otherwise come first, and
 * anyone who can write to the file could forge the identity of every caller. Temporary macros come before everything else
 * under every search path, and belong to this connection alone (DuckDB 1.5.6).
 */
const SHIELD = CALLER_FUNCTIONS.map(
  ({ name, parameter = '' }) => `CREATE TEMP MACRO ${name}(${parameter}) AS system.main.${name}(${parameter})`,
).join('; ');

/** Only the caller's own headers: every object has a `constructor`. */
function headerOf({ requestHeaders = {} }: Caller, argument: string | null): string | null {
  const name = argument?.toLowerCase() ?? '';
  return Object.hasOwn(requestHeaders, name) ? (requestHeaders[name] ?? null) : null;
}

/**
 * A caller function finds the caller by the connection that runs it. It must be volatile: DuckDB evaluates any other
 * function when it prepares a statement, and a cached statement then returns the name of the previous caller (DuckDB 1.5.6).
 */
function register(connection: DuckDBConnection, { name, parameter, valueOf }: CallerFunction, callers: Callers) {
  const mainFunction: DuckDBScalarMainFunction = (info, input, output) => {
    const state = info.getState();
    const caller = state !== undefined && 'connectionId' in state ? callers.get(Number(state.connectionId)) : undefined;
    const texts = parameter === undefined ? [] : input.getColumnValues(0);
    for (let row = 0; row < input.rowCount; row += 1) {
      const text = texts[row] ?? null;
      output.setItem(row, caller === undefined ? null : valueOf(caller, text === null ? null : String(text)));
    }
    output.flush();
  };
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      returnType: VARCHAR,
      parameterTypes: parameter === undefined ? [] : [VARCHAR],
      volatile: true,
      specialHandling: true,
      initFunction: (info) => info.setState({ connectionId: info.clientContext.connectionId }),
      mainFunction,
    }),
  );
}

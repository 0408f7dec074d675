import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBScalarMainFunction,
  VARCHAR,
} from '@duckdb/node-api';
import type { Disposable } from '../../lifecycle/index.js';

/** Who makes a call, as SQL sees it through `get_username()` and its family. */
export interface CallerIdentity {
  readonly username: string | null;
  readonly email: string | null;
  readonly provider: string | null;
  readonly externalToken: string | null;
  /** Lower-case names. Absent when the call did not come over HTTP. */
  readonly requestHeaders?: Readonly<Record<string, string>> | undefined;
}

export const ANONYMOUS: CallerIdentity = { username: null, email: null, provider: null, externalToken: null };

/** Work on a connection. The signal tells that the work is to end, and stays aborted. */
export type ConnectionWork<T> = (connection: DuckDBConnection, interrupted: AbortSignal) => Promise<T>;

/** One open connection of an instance, which counts it until it is closed. Does one thing at a time. */
export class InstanceConnection {
  readonly #connection: DuckDBConnection;
  readonly #onClosed: (connection: InstanceConnection) => void;
  #interruption = new AbortController();
  #isClosed = false;

  constructor(connection: DuckDBConnection, onClosed: (connection: InstanceConnection) => void) {
    this.#connection = connection;
    this.#onClosed = onClosed;
  }

  /** Does not settle before the work has; so the connection can be closed, or used again, right after. */
  async run<T>(work: ConnectionWork<T>, cancelled?: AbortSignal): Promise<T> {
    const interruption = new AbortController();
    this.#interruption = interruption;
    // Not AbortSignal.any(), which costs five times as much as the two of these (Node 20).
    const interrupt = (): void => interruption.abort();
    cancelled?.addEventListener('abort', interrupt);
    if (cancelled?.aborted === true) interrupt();
    try {
      return await work(this.#connection, interruption.signal);
    } finally {
      cancelled?.removeEventListener('abort', interrupt);
    }
  }

  /** Ends what runs; what runs later is not touched. */
  interrupt(): void {
    this.#interruption.abort();
    this.#connection.interrupt();
  }

  /** Only when nothing runs: closing then would never settle and keep the file locked. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.closeSync();
    this.#onClosed(this);
  }
}

/** Connections kept for the next query; more than this many at once are closed after use. */
const MAX_IDLE = 16;

/**
 * Connections of one instance that are used again, for queries that leave nothing behind on them: opening one for each costs
 * more than a tenth of a short call. Generations share them as they share the instance, which disposes them.
 */
export class IdleConnections implements Disposable {
  readonly #connect: () => Promise<InstanceConnection>;
  readonly #idle: InstanceConnection[] = [];
  #isDisposed = false;

  constructor(connect: () => Promise<InstanceConnection>) {
    this.#connect = connect;
  }

  async use<T>(work: ConnectionWork<T>, cancelled?: AbortSignal): Promise<T> {
    const connection = await this.take();
    try {
      const result = await connection.run(work, cancelled);
      this.giveBack(connection);
      return result;
    } catch (error) {
      // What a failed or interrupted query leaves behind is not looked into.
      connection.close();
      throw error;
    }
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  /** Whoever takes one gives it back when it is as it was, and else closes it. */
  async take(): Promise<InstanceConnection> {
    return this.#idle.pop() ?? this.#connect();
  }

  giveBack(connection: InstanceConnection): void {
    if (this.#isDisposed || this.#idle.length >= MAX_IDLE) connection.close();
    else this.#idle.push(connection);
  }
}

const VALUES: Readonly<Record<string, (caller: CallerIdentity) => string | null>> = {
  get_username: (caller) => caller.username,
  get_user_email: (caller) => caller.email,
  get_user_provider: (caller) => caller.provider,
  get_user_external_token: (caller) => caller.externalToken,
  get_request_headers_json: ({ requestHeaders }) =>
    requestHeaders === undefined ? null : JSON.stringify(requestHeaders),
};

const SHIELD = [
  ...Object.keys(VALUES).map((name) => `CREATE TEMP MACRO ${name}() AS system.main.${name}()`),
  'CREATE TEMP MACRO get_request_header(name) AS system.main.get_request_header(name)',
].join('; ');

/**
 * The SQL functions that tell who calls. They are registered once per instance and find the caller by the connection
 * that runs them. They must be volatile: what is not is folded when a statement is prepared, and a cached statement then
 * answers with the name of the previous caller (DuckDB 1.5.6).
 */
export class CallerFunctions {
  readonly #callers = new Map<number, CallerIdentity>();

  /** Makes `caller` the caller of everything that runs on the connection, until the returned function is called. */
  enter(connection: DuckDBConnection, caller: CallerIdentity): () => void {
    const id = connection.clientContext.connectionId;
    this.#callers.set(id, caller);
    return () => this.#callers.delete(id);
  }

  /** Once per instance, before any connection is shielded. */
  register(connection: DuckDBConnection): void {
    for (const [name, valueOf] of Object.entries(VALUES)) {
      this.#define(connection, name, 0, (caller) => valueOf(caller));
    }
    this.#define(connection, 'get_request_header', 1, (caller, name) =>
      name === null ? null : headerOf(caller, name.toLowerCase()),
    );
  }

  /**
   * Keeps a connection to these functions: a macro of the same name in the database file would otherwise come first, and whoever
   * may write to the file could answer for every caller who they are. What is temporary comes before everything else, under
   * whatever search path, and belongs to this connection alone (DuckDB 1.5.6).
   */
  async shield(connection: DuckDBConnection): Promise<void> {
    await connection.run(SHIELD);
  }

  #define(
    connection: DuckDBConnection,
    name: string,
    parameterCount: 0 | 1,
    valueOf: (caller: CallerIdentity, argument: string | null) => string | null,
  ): void {
    const mainFunction: DuckDBScalarMainFunction = (info, input, output) => {
      const caller = this.#callerOf(info.getState());
      const texts = parameterCount === 0 ? [] : argumentTexts(input);
      for (let row = 0; row < input.rowCount; row += 1) {
        output.setItem(row, caller === undefined ? null : valueOf(caller, texts[row] ?? null));
      }
      output.flush();
    };
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        returnType: VARCHAR,
        parameterTypes: Array.from({ length: parameterCount }, () => VARCHAR),
        volatile: true,
        specialHandling: true,
        initFunction: (info) => info.setState({ connectionId: info.clientContext.connectionId }),
        mainFunction,
      }),
    );
  }

  #callerOf(state: object | undefined): CallerIdentity | undefined {
    return state !== undefined && 'connectionId' in state
      ? this.#callers.get(Number(state.connectionId))
      : undefined;
  }
}

/** Only the caller's own headers: `constructor` is a name that every object answers to. */
function headerOf({ requestHeaders = {} }: CallerIdentity, name: string): string | null {
  return Object.hasOwn(requestHeaders, name) ? (requestHeaders[name] ?? null) : null;
}

function argumentTexts(input: DuckDBDataChunk): (string | null)[] {
  return input.getColumnValues(0).map((value) => (value === null ? null : String(value)));
}

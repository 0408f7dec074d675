import {
  DuckDBScalarFunction,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBScalarMainFunction,
} from '@duckdb/node-api';
import type { CallerIdentity } from './query.js';

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

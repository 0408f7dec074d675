import {
  DuckDBScalarFunction,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBScalarMainFunction,
} from '@duckdb/node-api';
import type { CallerIdentity } from './query.js';

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

  register(connection: DuckDBConnection): void {
    const values: Readonly<Record<string, (caller: CallerIdentity) => string | null>> = {
      get_username: (caller) => caller.username,
      get_user_email: (caller) => caller.email,
      get_user_provider: (caller) => caller.provider,
      get_user_external_token: (caller) => caller.externalToken,
      get_request_headers_json: ({ requestHeaders }) =>
        requestHeaders === undefined ? null : JSON.stringify(requestHeaders),
    };
    for (const [name, valueOf] of Object.entries(values)) {
      this.#define(connection, name, 0, (caller) => valueOf(caller));
    }
    this.#define(connection, 'get_request_header', 1, (caller, name) =>
      name === null ? null : headerOf(caller, name.toLowerCase()),
    );
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

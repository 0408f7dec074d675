import type { ParameterValue } from './sql-values.js';

/** A value as JSON knows it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

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

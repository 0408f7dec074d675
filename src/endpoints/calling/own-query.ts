import type { Caller } from '../../caller/index.js';
import type { QueryableDatabase, SqlParameters } from '../../duckdb/index.js';
import type { CallGate } from '../../lifecycle/index.js';
import { RowCollector, type ShapedResult } from '../../values/index.js';
import type { SentArguments } from './call-context.js';

/** SQL that no endpoint has, from the owner of the project. */
export interface OwnQuery {
  readonly sql: string;
  readonly parameters: SqlParameters;
  /** How many rows are wanted. */
  readonly limit?: number | undefined;
}

export interface OwnAnswer {
  readonly result: ShapedResult;
  /** Whether there were more rows than were wanted. */
  readonly hasMore: boolean;
}

interface OwnQueryLimits {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly gate: CallGate;
  readonly maxResultBytes: number;
}

/** For the audit log. */
export function toSent({ sql, parameters, limit }: OwnQuery): SentArguments {
  return { sql, parameters, ...(limit !== undefined && { limit }) };
}

/** Waits for its turn and runs the SQL. The owner of the project sees all rows. */
export async function runOwnQuery(
  { sql, parameters, limit: maxRows }: OwnQuery,
  database: QueryableDatabase,
  { caller, signal, gate, maxResultBytes }: OwnQueryLimits,
): Promise<OwnAnswer> {
  const options = { endpoint: 'the query', returns: undefined, checks: undefined, allowsNull: false, maxResultBytes };
  const collector = new RowCollector(options);
  const { onRow } = collector;
  const reading = { onRow, maxRows, maxRowBytes: maxResultBytes, refusesExcess: true };
  const release = await gate.acquire('mxcp query', signal);
  try {
    const { hasMore } = await database.query(sql, parameters, { caller, signal, seesAllRows: true, ...reading });
    return { result: collector.finish(), hasMore };
  } finally {
    release();
  }
}

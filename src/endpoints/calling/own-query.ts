import type { SqlParameters } from '../../duckdb/index.js';
import type { CallGate } from '../../lifecycle/index.js';
import { RowCollector, type ShapedResult } from '../../values/index.js';
import type { SentArguments } from '../running/call-context.js';
import type { RunningCall } from '../running/running-call.js';

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
  call: RunningCall,
  { gate, maxResultBytes }: OwnQueryLimits,
): Promise<OwnAnswer> {
  const { generation, context, deadline } = call;
  const { signal } = deadline;
  const options = { endpoint: 'the query', returns: undefined, checks: undefined, allowsNull: false, maxResultBytes };
  const collector = new RowCollector(options);
  const { onRow } = collector;
  const reading = { onRow, maxRows, maxRowBytes: maxResultBytes, refusesExcess: true };
  const release = await gate.acquire('mxcp query', signal);
  try {
    const access = { caller: context.caller, signal, seesAllRows: true };
    const { hasMore } = await generation.database.query(sql, parameters, { ...access, ...reading });
    const result = collector.finish();
    call.outcome = { result };
    return { result, hasMore };
  } finally {
    release();
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import {
  type DuckDBConnection,
  type DuckDBMaterializedResult,
  type DuckDBPreparedStatement,
  ResultReturnType,
  StatementType,
} from '@duckdb/node-api';
import type { Caller } from '../../caller/index.js';
import { MxcpError } from '../../errors/index.js';
import { Backoff } from '../../lifecycle/index.js';
import { bindParameters } from '../values/parameters.js';
import type { ConnectionPool, ConnectionWork, RunOptions, StatementGuard } from './connections.js';
import { extractStatements, interruptibly, type Query, reasonOf, throwIfInterrupted } from './query.js';
import { hasSeveralStatements } from './sql-text.js';

/** What leaves nothing behind when its transaction is rolled back. */
const COUNTED: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.MERGE_INTO,
]);

/** What DuckDB says at once when another transaction has changed the same row, also one that is going to be rolled back (1.5.6). */
const CONFLICT = /^TransactionContext Error: Conflict on /;
const WAIT_AFTER_CONFLICT = { firstMs: 2, longestMs: 250 };

interface Countings {
  running: number;
  begun: number;
}

/** Of each instance on which rows were counted. */
const countings = new WeakMap<ConnectionPool, Countings>();

type CountedText = Pick<Query, 'sql' | 'parameters'>;

/**
 * Runs all statements of a text but its queries in a transaction of a connection of its own, and rolls it back. Returns how many rows they have
 * changed; undefined while another transaction changes the same ones. Throws `query_failed`, also for a statement that would leave something behind,
 * `query_interrupted`, and what the guard throws.
 */
export async function countChanges(
  connections: ConnectionPool,
  text: CountedText,
  options: CountOptions,
): Promise<number | undefined> {
  const active = countings.get(connections) ?? { running: 0, begun: 0 };
  countings.set(connections, active);
  active.running += 1;
  active.begun += 1;
  try {
    return await countOnce(connections, text, options);
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  } finally {
    active.running -= 1;
  }
}

/** The waits between attempts to count rows that others change. */
export function conflictWaits(): Backoff {
  return new Backoff(WAIT_AFTER_CONFLICT);
}

/**
 * Works on a new connection, and again if that failed because a counting had changed the same rows: a question must not make the calls of others
 * fail. Only a text that is one statement has then done nothing. Throws what `work` throws.
 */
export async function useNewAgain<T>(
  connections: ConnectionPool,
  { sql, work }: { readonly sql: string; readonly work: ConnectionWork<T> },
  options: RunOptions,
): Promise<T> {
  const { signal } = options;
  for (const waits = conflictWaits(); ; ) {
    const { running = 0, begun = 0 } = countings.get(connections) ?? {};
    try {
      return await connections.useNew(work, options);
    } catch (error) {
      const wasCounting = running > 0 || (countings.get(connections)?.begun ?? 0) > begun;
      if (!wasCounting || !isConflict(error) || hasSeveralStatements(sql)) throw error;
      // When the signal ends the wait, the next attempt reports it.
      await delay(waits.next(), undefined, signal && { signal }).catch(() => undefined);
    }
  }
}

function isConflict(error: unknown): boolean {
  return CONFLICT.test(reasonOf(error));
}

function countOnce(
  connections: ConnectionPool,
  text: CountedText,
  { guard, ...running }: CountOptions,
): Promise<number> {
  const work: ConnectionWork<number> = (connection, signal) => {
    const counting = interruptibly(connection, { ...text, signal }, async () => {
      await connection.run('BEGIN TRANSACTION');
      const assertSame = await guard?.check(connection, { ...text, caller: running.caller, ofCaller: false });
      const count = await changeRows(connection, { ...text, signal });
      assertSame?.();
      await connection.run('ROLLBACK');
      return count;
    });
    return guard === undefined ? counting : guard.withhold(counting);
  };
  return connections.useNew(work, { ...running, setup: guard?.setup });
}

interface CountOptions {
  readonly caller: Caller;
  readonly signal?: AbortSignal | undefined;
  readonly guard: StatementGuard | undefined;
}

async function changeRows(
  connection: DuckDBConnection,
  { sql, parameters, signal }: CountedText & Pick<Query, 'signal'>,
): Promise<number> {
  const statements = await extractStatements(connection, sql);
  let count = 0;
  for (let index = 0; index < statements.count; index += 1) {
    throwIfInterrupted(signal);
    const statement = await statements.prepare(index);
    refuseOthers(statement);
    bindParameters(statement, parameters);
    // A query changes no rows, so it need not run.
    if (statement.statementType !== StatementType.SELECT) count += rowsOf(await statement.run());
    statement.destroySync();
  }
  return count;
}

/** `RETURNING` gives the changed rows themselves. */
function rowsOf({ returnType, rowsChanged, rowCount }: DuckDBMaterializedResult): number {
  return returnType === ResultReturnType.CHANGED_ROWS ? rowsChanged : rowCount;
}

function refuseOthers({ statementType }: DuckDBPreparedStatement): void {
  if (COUNTED.has(statementType)) return;
  const message = `a ${StatementType[statementType]} statement changes more than rows, so it cannot be counted beforehand`;
  throw new MxcpError('query_failed', message);
}

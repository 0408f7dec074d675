import { type DuckDBConnection, type DuckDBPreparedStatement, ResultReturnType, StatementType } from '@duckdb/node-api';
import type { Caller } from '../../caller/index.js';
import { MxcpError } from '../../errors/index.js';
import { bindParameters } from '../values/parameters.js';
import type { ConnectionPool, ConnectionWork, StatementGuard } from './connections.js';
import { extractStatements, interruptibly, type Query, throwIfInterrupted } from './query.js';

/** What leaves nothing behind when its transaction is rolled back. */
const COUNTED: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.MERGE_INTO,
]);

type CountedText = Pick<Query, 'sql' | 'parameters'>;

/**
 * Runs all statements of a text in a transaction of a connection of its own, and rolls it back. Returns how many rows they have changed.
 * Throws `query_failed`, also for a statement that would leave something behind, `query_interrupted`, and what the guard throws.
 */
export function countChanges(
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
    const result = await statement.run();
    if (result.returnType === ResultReturnType.CHANGED_ROWS) count += result.rowsChanged;
    // `RETURNING` gives the changed rows themselves.
    else if (statement.statementType !== StatementType.SELECT) count += result.rowCount;
    statement.destroySync();
  }
  return count;
}

function refuseOthers({ statementType }: DuckDBPreparedStatement): void {
  if (COUNTED.has(statementType)) return;
  const message = `a ${StatementType[statementType]} statement changes more than rows, so it cannot be counted beforehand`;
  throw new MxcpError('query_failed', message);
}

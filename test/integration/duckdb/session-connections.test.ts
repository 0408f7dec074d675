import { expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { executeIn } from '../../kit/python-values.js';
import { openDatabase } from './temporary-database.js';

/** Runs statements in a session of its own, and returns the connection of each. Failures are ignored. */
async function connectionOf(database: GenerationDatabase, ...statements: readonly string[]): Promise<unknown> {
  const session = database.openSession(ANONYMOUS);
  try {
    const { rows } = await executeIn(session, 'SELECT current_connection_id()');
    for (const statement of statements) await executeIn(session, statement).catch(() => undefined);
    return rows[0]?.[0];
  } finally {
    await session.dispose();
  }
}

async function openWithTable(): Promise<GenerationDatabase> {
  const database = await openDatabase();
  await connectionOf(database, 'CREATE TABLE t AS SELECT 1 AS a', 'CREATE MACRO m() AS 1');
  return database;
}

test.each([
  ['SELECT * FROM t'],
  ['INSERT INTO t VALUES (2)', 'UPDATE t SET a = a + 1', 'DELETE FROM t WHERE a = 2'],
  ['MERGE INTO t USING (SELECT 7 AS a) AS s ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)'],
  ['EXPLAIN SELECT a FROM t'],
])('a connection on which a session has only done this is used again: %s', async (...statements) => {
  const database = await openWithTable();
  const first = await connectionOf(database, ...statements);
  expect(await connectionOf(database)).toBe(first);
});

test.each([
  ['SET VARIABLE v = 1'],
  ["SET TimeZone = 'Asia/Tokyo'"],
  ['CREATE TEMP TABLE own AS SELECT 1 AS a'],
  ['PREPARE p AS SELECT 1'],
  ['BEGIN', 'INSERT INTO t VALUES (3)'],
  ['BEGIN', 'COMMIT'],
  ["ATTACH ':memory:' AS other", 'USE other'],
  ['CREATE OR REPLACE TEMP MACRO get_username() AS 1'],
  ['PRAGMA enable_profiling'],
  ["SELECT error('no')"],
  ['SELEKT'],
])('a connection on which a session has done this is not: %s', async (...statements) => {
  const database = await openWithTable();
  const first = await connectionOf(database, ...statements);
  expect(await connectionOf(database)).not.toBe(first);
});

test('a connection of a session that was ended while it ran is not used again', async () => {
  const database = await openWithTable();
  const session = database.openSession(ANONYMOUS);
  const { rows } = await executeIn(session, 'SELECT current_connection_id()');
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const { signal } = new AbortController();
  const running = session.execute('FROM range(100000000000)', {}, { signal, onColumns: () => {}, onRow: begin });
  const failed = expect(running).rejects.toMatchObject({ code: 'query_interrupted' });
  await begun;
  await session.dispose();
  await failed;
  expect(await connectionOf(database)).not.toBe(rows[0]?.[0]);
});

test('a session of a database that is closed for a moment waits for it', async () => {
  const database = await openWithTable();
  const share = await database.registry.acquire(database.spec);
  await database.suspend();
  const session = database.openSession(ANONYMOUS);
  const executed = executeIn(session, 'SELECT a FROM t');
  await database.resume(share);
  expect((await executed).rows).toEqual([[1]]);
  await session.dispose();
});

test('a session of a database that stays closed ends without waiting for it', async () => {
  const database = await openWithTable();
  await database.suspend();
  const session = database.openSession(ANONYMOUS);
  const executed = executeIn(session, 'SELECT a FROM t').catch((error: unknown) => error);
  await session.dispose();
  expect(await executed).toMatchObject({ code: 'query_interrupted' });
});

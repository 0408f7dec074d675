import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { createFolder, openDatabase, rowsOf, valueOf } from './temporary-database.js';

const CONNECTION = 'SELECT current_connection_id() AS v, $x AS x';

async function connectionOf(database: GenerationDatabase, sql: string): Promise<unknown> {
  return (await rowsOf(database, sql, { x: 1 }))[0]?.['v'];
}

test('a SELECT that was inspected runs on a connection that is used again', async () => {
  const database = await openDatabase();
  await database.inspect(CONNECTION);
  expect(await connectionOf(database, CONNECTION)).toBe(await connectionOf(database, CONNECTION));
});

test('everything else has a connection of its own', async () => {
  const database = await openDatabase();
  const several = `SET VARIABLE left_behind = 'secret of alice'; ${CONNECTION}`;
  for (const sql of [several, CONNECTION]) {
    if (sql === several) await database.inspect(sql);
    expect(await connectionOf(database, sql)).not.toBe(await connectionOf(database, sql));
  }
  const probe = "SELECT getvariable('left_behind') AS v";
  await database.inspect(probe);
  expect(await valueOf(database, probe)).toBeNull();
});

test('no connection reads far ahead of the rows that are wanted', async () => {
  const database = await openDatabase();
  const sql = "SELECT current_setting('streaming_buffer_size') AS v";
  expect(await valueOf(database, sql)).toBe('64.0 KiB');
  await database.inspect(sql);
  for (const text of [sql, sql, `SET VARIABLE a = 1; ${sql}`]) expect(await valueOf(database, text)).toBe('64.0 KiB');
});

test('each caller on a connection that is used again is himself', async () => {
  const database = await openDatabase();
  const sql = "SELECT get_username() AS name, get_request_header('x-n') AS n FROM range($x)";
  await database.inspect(sql);
  for (const name of ['alice', 'bob', null]) {
    const caller = { ...ANONYMOUS, username: name, requestHeaders: { 'x-n': String(name) } };
    expect(await rowsOf(database, sql, { x: 1 }, { caller })).toEqual([{ name, n: String(name) }]);
  }
});

test('a query that fails or is interrupted does not touch the next one', async () => {
  const database = await openDatabase();
  const failing = "SELECT error('no ' || $x) AS v";
  const endless = 'SELECT a.range AS v FROM range(1000000000000) a, range($x) b';
  for (const sql of [failing, endless, CONNECTION]) await database.inspect(sql);
  await expect(rowsOf(database, failing, { x: 'way' })).rejects.toMatchObject({ code: 'query_failed' });
  const controller = new AbortController();
  const options = { signal: controller.signal, onRow: () => controller.abort() };
  await expect(rowsOf(database, endless, { x: 1000 }, options)).rejects.toMatchObject({ code: 'query_interrupted' });
  expect(await connectionOf(database, CONNECTION)).toBe(await connectionOf(database, CONNECTION));
});

test('files that are added later are seen', async () => {
  const database = await openDatabase();
  const folder = createFolder();
  writeFileSync(join(folder, 'a.csv'), 'n\n1\n');
  const sql = `SELECT count(*) AS v FROM read_csv('${folder}/*.csv')`;
  await database.inspect(sql);
  expect(await valueOf(database, sql)).toBe(1);
  copyFileSync(join(folder, 'a.csv'), join(folder, 'b.csv'));
  expect(await valueOf(database, sql)).toBe(2);
});

test('many at once, then the generation, end without a connection left open', async () => {
  const database = await openDatabase();
  await database.inspect(CONNECTION);
  const seen = await Promise.all(Array.from({ length: 40 }, () => connectionOf(database, CONNECTION)));
  expect(new Set(seen).size).toBeGreaterThan(1);
  await database.dispose();
  await expect(rowsOf(database, CONNECTION, { x: 1 })).rejects.toThrow();
});

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { MxcpError } from '../../../src/errors/index.js';
import { openShop } from './protected-shop.js';
import { rowsOf } from './temporary-database.js';

/*
 * Files of the folder `open` may be read. Each other file holds `secret`: beside the folder, in one whose name begins with its name,
 * where links of the folder lead, and beside the database.
 */

let folder: string;
let database: GenerationDatabase;

async function createFiles(root: string, shop: GenerationDatabase): Promise<void> {
  for (const name of ['open/year=2025', 'closed', 'open2', 'linked']) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'open/a.csv'), 'a,b\n1,fine\n');
  writeFileSync(join(root, 'open/year=2025/b.csv'), 'a,b\n2,fine\n');
  writeFileSync(join(root, 'open/c.json'), '[{"a": 3, "b": "fine"}]');
  for (const name of ['closed/a.csv', 'open2/a.csv', 'a.csv', 'token.txt', 'linked/a.csv'])
    writeFileSync(join(root, name), 'a,b\n666,secret\n');
  writeFileSync(join(root, 'closed/a.json'), '[{"a": 666, "b": "secret"}]');
  symlinkSync('../closed/a.csv', join(root, 'open/link.csv'));
  symlinkSync('../linked', join(root, 'open/sub'));
  symlinkSync(join(root, 'open'), join(root, 'shortcut'));
  await rowsOf(shop, `COPY (SELECT 4 AS a, 'fine' AS b) TO '${root}/open/d.parquet'`);
  await rowsOf(shop, `COPY (SELECT 666 AS a, 'secret' AS b) TO '${root}/closed/a.parquet'`);
}

async function openFiles(tables: Parameters<typeof openShop>[0]) {
  const shop = await openShop(tables);
  const root = join(shop.database.path, '..');
  await createFiles(root, shop.database);
  return { ...shop, root };
}

const run = (sql: string, caller = ANONYMOUS) =>
  rowsOf(
    database,
    sql.replaceAll('@', folder),
    {},
    { caller, staysWithin: true, allowedFolders: [join(folder, 'open')] },
  );

/** Ways to name a file that must not be read. */
const CLOSED = [
  '@/closed/a.csv',
  '@/closed/a.json',
  '@/closed/a.parquet',
  '@/closed/*',
  '@/open2/a.csv',
  '@/open*/a.csv',
  '@/*/a.csv',
  '@/**/*.csv',
  '@/open/../closed/a.csv',
  '@/open/year=2025/../../closed/a.csv',
  '@/open/./../a.csv',
  '@/open//..//a.csv',
  '@/open/link.csv',
  '@/open/*',
  '@/open/l*.csv',
  '@/open/[k-m]ink.csv',
  '@/open/sub/a.csv',
  '@/open/sub/*.csv',
  '@/open/*/a.csv',
  '@/open/s?b/a.csv',
  '@/shortcut/../closed/a.csv',
  '@/open',
  '@/open/',
  '@/open/sub',
  '@/token.txt',
  '@/shop.duckdb',
  '@/shop.duckdb.wal',
  'file://@/closed/a.csv',
  'file:@/closed/a.csv',
  'file://localhost@/open/a.csv',
  'FILE://@/closed/a.csv',
  '~/a.csv',
  '/etc/passwd',
  '/proc/self/environ',
  '/dev/stdin',
  'hf://datasets/a/b/c.csv',
  's3://bucket/a.csv',
  'S3a://bucket/a.csv',
  'gcs://bucket/a.parquet',
  'az://container/a.csv',
  'https://127.0.0.1:1/a.csv',
  'http://127.0.0.1:1/a.csv',
  '../closed/a.csv',
  'a.csv',
] as const;

/** What may be done with a file. `#` is its name between quotes. */
const USES = `FROM #
FROM read_csv(#)
FROM read_csv_auto(#, header = true)
FROM read_text(#)
FROM read_blob(#)
FROM read_json(#)
FROM read_ndjson_objects(#)
FROM read_parquet(#)
FROM parquet_scan([#])
FROM read_csv(['@/open/a.csv', #])
FROM read_csv([#, '@/open/a.csv'])
FROM glob(#)
FROM system.main.read_text(#)
FROM "read_text"(#)
FROM READ_TEXT (#)
FROM read_text/* x */(#)
SELECT (SELECT content FROM read_text(#))
SELECT * FROM plain, read_text(#)
SELECT * FROM plain, LATERAL (FROM read_text(#))
SELECT * FROM plain WHERE EXISTS (FROM read_text(#))
SELECT * FROM plain JOIN read_text(#) ON true
WITH x AS (FROM read_text(#)) FROM x
WITH x AS MATERIALIZED (FROM read_csv(#)) SELECT count(*) FROM x
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, read_text(#) WHERE n < 2) FROM r
SELECT 1 AS x UNION ALL SELECT size FROM read_text(#)
SELECT count(*) FROM #
SELECT * FROM plain ORDER BY (SELECT count(*) FROM read_text(#))
SELECT list(content) OVER () FROM read_text(#)
SUMMARIZE #
SUMMARIZE FROM read_csv(#)
DESCRIBE FROM #
DESCRIBE #
TABLE #
PIVOT (FROM read_csv(#)) ON b IN ('secret') USING count(*)
UNPIVOT (FROM read_csv(#)) ON b
FROM query('FROM read_text(''' || # || ''')')
FROM query_table(#)
FROM sniff_csv(#)
FROM parquet_metadata(#)
FROM read_duckdb(#, table_name = 'orders')
FROM read_csv('@/open/a.csv', filename = (SELECT count(*) > 0 FROM read_text(#)))
COPY plain FROM #
COPY (SELECT 1) TO #
CREATE TABLE stolen AS FROM read_csv(#)
INSERT INTO plain SELECT a FROM read_csv(#)
ATTACH # AS other
EXPLAIN ANALYZE FROM read_csv(#)
PREPARE p AS FROM read_csv(#)
EXPORT DATABASE #
IMPORT DATABASE #
SET VARIABLE x = (SELECT max(content) FROM read_text(#))
SELECT 1; FROM read_text(#)`.split('\n');

const SPELLINGS = [
  (path: string) => `'${path}'`,
  (path: string) => `e'${path.replace('a', String.raw`\x61`)}'`,
  (path: string) => `$$${path}$$`,
] as const;

/** All of them with `MXCP_TEST_ATTACKS=all`, otherwise each fifth, of which each use, path and spelling has some. */
function attacksWith(use: string): readonly string[] {
  const attacks = CLOSED.flatMap((path) => SPELLINGS.map((spell) => use.replaceAll('#', spell(path))));
  const share = process.env['MXCP_TEST_ATTACKS'] === 'all' ? 1 : 5;
  return attacks.filter((_, at) => (at + USES.indexOf(use)) % share === 0);
}

test('there are thousands of attacks', () => {
  expect(USES.length * CLOSED.length * SPELLINGS.length).toBeGreaterThan(6000);
});

async function shownBy(sql: string): Promise<string | undefined> {
  try {
    return `${sql}: ${JSON.stringify(await run(sql)).slice(0, 200)}`;
  } catch (error) {
    if (!(error instanceof MxcpError)) throw error;
    const isRefused = /^SQL of a caller |Parser Error/.test(error.message.replace('Failed to execute SQL: ', ''));
    return isRefused && !/secret/.test(error.logMessage) ? undefined : `${sql}: ${error.logMessage.slice(0, 200)}`;
  }
}

describe('with allowed folders', () => {
  beforeAll(async () => {
    const shop = await openFiles([]);
    database = shop.database;
    folder = shop.root;
    return shop.close;
  });

  test.each([
    ["FROM '@/open/a.csv'", [1]],
    ["FROM read_csv('@/open/a.csv', header = true)", [1]],
    ["FROM read_csv(['@/open/a.csv', '@/open/year=2025/b.csv']) ORDER BY a", [1, 2]],
    ["FROM read_csv('@/open/year*/*.csv')", [2]],
    ["FROM '@/open/c.json'", [3]],
    ["FROM read_parquet('@/open/*.parquet')", [4]],
    ["FROM '@/shortcut/a.csv'", [1]],
    ["SELECT o.a FROM read_csv('@/open/a.csv') o JOIN plain USING (a)", [1]],
    ['FROM plain', [1]],
  ])('a caller reads %s', async (sql, values) => {
    expect((await run(sql)).map(({ a }) => a)).toEqual(
      values.map((value) => (sql.includes('json') ? String(value) : value)).map(Number),
    );
  });

  test.each(USES)('a caller reads nothing else: %s', async (use) => {
    const attacks = attacksWith(use);
    const shown: string[] = [];
    for (const attack of attacks) {
      const leak = await shownBy(attack);
      if (leak !== undefined) shown.push(leak);
    }
    expect(shown).toEqual([]);
  });

  test.each([
    "FROM read_text('@/' || 'closed/a.csv')",
    "FROM read_text(concat('@', '/closed/a.csv'))",
    "FROM (VALUES ('@/closed/a.csv')) v(f), read_text(f)",
    "FROM read_text(getvariable('x'))",
    "FROM read_csv('@/open/a.csv'), (SELECT getenv('HOME'))",
    "FROM read_csv('@/open/a.csv'), duckdb_secrets(), which_secret('s3://x', 's3')",
    "SELECT getenv('HOME') FROM '@/open/a.csv'",
    'FROM read_text($1)',
    "FROM read_csv('@/open/missing.csv')",
    "INSERT INTO plain SELECT a FROM '@/open/a.csv'",
    "COPY plain TO '@/open/out.csv'",
    "CREATE VIEW w AS FROM '@/open/a.csv'",
  ])('is refused what cannot be judged: %s', async (sql) => {
    await expect(run(sql)).rejects.toThrow('may read only files in `sql_tools.allowed_folders`');
  });
});

test('rules for rows hold beside files', async () => {
  const shop = await openFiles([{ rows: 'region = get_username()' }]);
  const allowedFolders = [join(shop.root, 'open')];
  const read = (sql: string) =>
    rowsOf(
      shop.database,
      sql.replaceAll('@', shop.root),
      {},
      { caller: { ...ANONYMOUS, username: 'north' }, staysWithin: true, allowedFolders },
    );
  const joined = "SELECT count(*) AS n FROM # o, read_parquet('@/open/d.parquet') p";
  expect(await read(joined.replace('#', 'orders'))).toEqual([{ n: 5 }]);
  await expect(read(joined.replace('#', 'shop.main.orders'))).rejects.toThrow('reads orders around its rule');
  await expect(read("FROM read_blob('@/shop.duckdb')")).rejects.toThrow('names a file elsewhere');
  const beside = rowsOf(
    shop.database,
    `FROM read_blob('${shop.root}/shop.duckdb')`,
    {},
    { staysWithin: true, allowedFolders: [shop.root] },
  );
  await expect(beside).rejects.toThrow('reads a file beside a database');
  await shop.close();
});

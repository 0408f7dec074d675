import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type GenerationDatabase } from '../../../src/duckdb/index.js';
import { buildGeneration, createFolder, createRegistry, rowsOf, specOf } from './temporary-database.js';

let folder: string;
let database: GenerationDatabase;
beforeEach(async () => {
  folder = createFolder();
  writeFileSync(join(folder, 'a.csv'), 'a,b\n1,2\n');
  writeFileSync(join(folder, 'token.txt'), 'a-secret-token');
  database = await buildGeneration(createRegistry(), specOf(join(folder, 'data.duckdb')));
  await rowsOf(
    database,
    `CREATE TABLE t(a INTEGER, note TEXT); CREATE VIEW v AS FROM '${folder}/a.csv'; CREATE TABLE "in/out" (a INTEGER)`,
  );
});

const run = (sql: string) => rowsOf(database, sql.replaceAll('@', folder), {}, { staysWithin: true });

/** Table functions that reach nothing outside of the database. */
const HARMLESS =
  /^(duckdb_(?!logs$)\w+|pragma_\w+|icu_\w+|pg_\w+|arrow_scan\w*|check_peg_parser|checkpoint|force_checkpoint|generate_series|range|repeat|repeat_row|json_each|json_tree|sql_auto_complete|summary|test_\w+|unnest|duckdb_logs)$/;

describe('SQL of a caller', () => {
  test.each([
    "SELECT * FROM read_text('@/token.txt')",
    "SELECT * FROM READ_TEXT ('@/token.txt')",
    'SELECT * FROM "read_text"(\'@/token.txt\')',
    "FROM system.main.read_text('@/token.txt')",
    "FROM read_text/* x */('@/token.txt')",
    "FROM read_text /* /* x */ */ ('@/token.txt')",
    "FROM read_text -- x\n('@/token.txt')",
    "SELECT (SELECT content FROM read_text('@/token.txt'))",
    "WITH x AS (FROM read_blob('@/token.txt')) FROM x",
    "INSERT INTO t SELECT 1, content FROM read_text('@/token.txt')",
    'CREATE MACRO m(f) AS TABLE FROM read_text(f)',
    "PREPARE p AS FROM read_text('@/token.txt')",
    "FROM glob('@/*')",
    "FROM query('FROM read_text(''@/token.txt'')')",
    "FROM query_table('@/a.csv')",
    "FROM sniff_csv('@/a.csv')",
    "FROM '@/a.csv'",
    'FROM "@/a.csv"',
    "SELECT * FROM t WHERE a IN (FROM '@/a.csv' SELECT a)",
    "SELECT * FROM t, '@/a.csv'",
    "SELECT * FROM (SELECT 1) x, '@/a.csv'",
    "SELECT * FROM t /* select */, '@/a.csv'",
    'SELECT * FROM t AS "select", \'@/a.csv\'',
    "SELECT * FROM t values, '@/a.csv'",
    "SELECT * FROM t set(a, b), '@/a.csv'",
    "SELECT * FROM t WHERE note = 'x' UNION ALL BY NAME FROM '@/a.csv'",
    'FROM a.csv',
    'FROM "a" . "csv"',
    'FROM a./**/csv',
    "SELECT * FROM t LIMIT (SELECT a FROM '@/a.csv')",
    "SELECT * FROM t ORDER BY (SELECT a FROM '@/a.csv')",
    "SELECT * FROM t SEMI JOIN '@/a.csv' USING (a)",
    "SELECT 1 UNION ALL SELECT a FROM '@/a.csv'",
    "SELECT 1; FROM '@/a.csv'",
    "FROM e'@/a\\x2ecsv'",
    'FROM $$@/a.csv$$',
    ...['\u200b', '\u2060', '\ufeff', '\u00a0'].flatMap((space) => [
      `FROM read_text${space}('@/token.txt')`,
      `DELETE FROM t USING read_text${space}('@/token.txt')`,
      `DELETE FROM t USING${space}'@/a.csv' x`,
    ]),
    "FROM '@/a.c' -- x\n'sv'",
    "FROM '@/a.c'\r'sv'",
    "DELETE FROM t USING '@/a.c' -- x\n'sv' y",
    "DELETE FROM t USING '@/a.c'\r -- x\r\n'sv' y",
    "DELETE FROM t USING t u -- x\r, '@/a.csv' y",
    "SELECT * FROM t JOIN t u ON true, '@/a.csv'",
    "SELECT * FROM t JOIN t u ON CASE WHEN true THEN true END, '@/a.csv'",
    "SELECT * FROM t JOIN t u ON EXISTS (SELECT 1 WHERE true), '@/a.csv'",
    "SELECT * FROM t ASOF JOIN t u ON t.a >= u.a, '@/a.csv'",
    "UPDATE t SET a = 1 FROM t u JOIN t v ON true, '@/a.csv' x",
    "DELETE FROM t USING t u JOIN t v ON CASE WHEN true THEN true END, '@/a.csv' x",
    "INSERT INTO t SELECT * FROM t JOIN t u ON true, '@/a.csv'",
    "FROM '@/token'",
    "FROM './token'",
    "FROM 'https://127.0.0.1:1/x'",
    "DELETE FROM t USING 'https://127.0.0.1:1/x' y",
    "COPY t FROM '@/none.csv'",
    "EXPLAIN COPY t FROM '@/none.csv'",
    "EXPLAIN ANALYZE /* x */ COPY t FROM '@/none.csv'",
    "PREPARE p AS COPY t FROM '@/none.csv'",
    "PREPARE p (TEXT) AS -- x\n COPY t FROM '@/none.csv'",
    "COPY t FROM 's3://bucket/a.csv'",
    "SELECT 1; COPY t FROM '@/none.csv'",
    "EXPORT DATABASE '@/out.csv'",
    "\u200bEXPORT\u200bDATABASE '@/out.csv'",
    "UNPIVOT '@/a.csv' ON a",
    "PIVOT '@/a.csv' ON a",
    "FROM (PIVOT '@/a.csv' ON a)",
    "DESCRIBE '@/a.csv'",
    "SUMMARIZE '@/a.csv'",
    "TABLE '@/a.csv'",
    "EXPLAIN ANALYZE FROM '@/a.csv'",
    "INSERT INTO t FROM '@/a.csv'",
    "INSERT INTO t FROM e'@/a\\x2ecsv'",
    "INSERT INTO t FROM '@/a.c'\n'sv'",
    'INSERT INTO t FROM $x$@/a.csv$x$',
    "UPDATE t SET a = x.a FROM '@/a.csv' x",
    "UPDATE t SET a = (SELECT max(a) FROM '@/a.csv')",
    "DELETE FROM t USING '@/a.csv' x WHERE t.a = x.a",
    "MERGE INTO t USING '@/a.csv' x ON t.a = x.a WHEN MATCHED THEN DELETE",
    "CREATE TABLE u AS FROM '@/a.csv'",
    "CREATE VIEW u AS FROM '@/a.csv'",
    "CREATE MACRO m() AS TABLE FROM '@/a.csv'",
    "CREATE TYPE e AS ENUM (SELECT b FROM '@/a.csv')",
    "SET VARIABLE x = (SELECT a FROM '@/a.csv')",
    "COPY t TO '@/out.csv'",
    "COPY (SELECT 1) TO '@/out.csv'",
    "COPY t FROM '@/a.csv'",
    "ATTACH '@/other.duckdb' AS other",
    "EXPORT DATABASE '@/out'",
    'DETACH data',
    "EXPLAIN ANALYZE COPY t TO '@/out.csv'",
    "EXPLAIN/**/ANALYZE COPY t TO '@/out.csv'",
    "EXPLAIN ANALYZE SET memory_limit = '1TB'",
    'EXPLAIN ANALYZE LOAD icu',
    "PREPARE p AS COPY t TO '@/out.csv'; EXECUTE p",
    'COPY FROM DATABASE data TO temp',
    "IMPORT DATABASE '@'",
    "IMPORT /* x */ DATABASE '@'",
    'ALTER DATABASE data SET ALIAS TO other',
    'UPDATE EXTENSIONS (icu)',
    "SET/**/memory_limit = '1TB'",
    "SET TimeZone = 'UTC'; SET \"memory_limit\" = '1TB'",
    'PRAGMA enable_profiling',
    'PRAGMA disable_optimizer',
    'DROP SECRET s',
    'INSTALL httpfs',
    'LOAD icu',
    "SET memory_limit = '1TB'",
    "SET GLOBAL temp_directory = '@'",
    "SET file_search_path = '@'",
    "PRAGMA memory_limit = '1TB'",
    'RESET memory_limit',
    "SET profiling_output = '@/out.csv'",
    "CALL enable_logging(storage = 'file')",
    "CREATE SECRET s (TYPE http, HTTP_PROXY 'http://attacker.example')",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
  ])('is refused when it reaches beyond the database: %s', async (sql) => {
    await expect(run(sql)).rejects.toMatchObject({
      code: 'query_failed',
      message: expect.stringMatching(
        /^SQL of a caller stays within the database, and this uses .*external_access: true/,
      ),
    });
    expect(existsSync(join(folder, 'out.csv'))).toBe(false);
  });

  test.each([
    'SELECT * FROM t',
    'FROM v',
    "SELECT 'report.csv' AS name, note FROM t WHERE note LIKE '%.csv'",
    "INSERT INTO t VALUES (1, 'report.csv')",
    "UPDATE t SET note = 'it costs $5.' WHERE a = 1",
    'INSERT INTO t SELECT i, i::TEXT FROM range(3) r(i)',
    'CREATE TABLE read_log (read_at DATE, scan_id INTEGER); INSERT INTO read_log (scan_id) VALUES (1)',
    "SELECT * FROM t WHERE note GLOB 'a*'",
    "SELECT count(*) FROM t WHERE note IN ('a.csv', 'b.csv') AND note <> 'x.json'",
    'SELECT t.a, x.json FROM t, (SELECT 1 AS json) x -- of a.csv',
    "INSERT INTO t VALUES (1, 'a.csv'), (2, 'b.csv')",
    "UPDATE t SET note = 'a.csv' WHERE note = 'b.csv'",
    "DELETE FROM t WHERE note = 'a.csv'",
    "SELECT json_extract(note, '$.a'), json_extract(note, '$.b') FROM t WHERE note IN ('x', 'e', 'a$') -- of t",
    'FROM "in/out"',
    "UPDATE t SET note = 'https://example.com/a' WHERE note LIKE '%/%'",
    "SELECT e'a\\tb' AS x, $$it's$$ AS y FROM t",
    'SELECT note AS copy, a AS export FROM t',
    "INSERT INTO t SELECT a, 'copy' AS copy FROM t",
    'DESCRIBE t',
    'SUMMARIZE t',
    'SHOW TABLES',
    "SELECT unnest([1, 2]); SELECT json_extract('{\"a\": 1}', '$.a')",
    'WITH x AS (SELECT 1 AS a) SELECT * FROM x JOIN t USING (a)',
    'EXPLAIN SELECT * FROM t',
    'EXPLAIN ANALYZE SELECT * FROM t',
    'EXPLAIN (FORMAT json) SELECT * FROM t',
    'USE main',
    'ALTER TABLE t ADD COLUMN c INTEGER',
    'VACUUM',
    'TRUNCATE t',
    'BEGIN; INSERT INTO t VALUES (2, NULL); COMMIT',
    "SET TimeZone = 'UTC'; SELECT 1",
    "SET VARIABLE x = 1; SELECT getvariable('x')",
    'PIVOT t ON a USING count(*)',
    "PRAGMA table_info('t')",
    'CHECKPOINT',
    'DROP VIEW v',
  ])('runs when it stays within: %s', async (sql) => {
    await expect(run(sql)).resolves.toBeDefined();
  });

  test('is refused every table function of the engine that is not known to be harmless', async () => {
    const names = await rowsOf(
      database,
      "SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE function_type = 'table'",
    );
    const reaching = names.map(({ name }) => String(name)).filter((name) => !HARMLESS.test(name));
    expect(reaching.length).toBeGreaterThan(20);
    for (const name of reaching) await expect(run(`FROM ${name}('x')`), name).rejects.toThrow('stays within');
  });

  test('may reach anything where that is allowed', async () => {
    const sql = `SELECT content FROM read_text('${folder}/token.txt')`;
    expect(await rowsOf(database, sql)).toEqual([{ content: 'a-secret-token' }]);
  });
});

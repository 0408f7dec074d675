import { beforeAll, describe, expect, test } from 'vitest';
import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { MxcpError } from '../../../src/errors/index.js';
import { openShop } from './protected-shop.js';
import { rowsOf } from './temporary-database.js';

/*
 * What a caller may try who writes SQL. The foreign rows are recognised wherever they show: every address of theirs begins with `secret`,
 * they are many, and an expression that meets one raises `f0und`.
 */

const NORA: Caller = { ...ANONYMOUS, username: 'north', permissions: ['north'] };
const OWN = 3;
const FOREIGN = 7919;
const TABLES = `CREATE TABLE orders (id INTEGER PRIMARY KEY, region VARCHAR, email VARCHAR, amount INTEGER);
  INSERT INTO orders SELECT i, 'north', i::VARCHAR, 1 FROM range(${OWN}) AS t(i);
  INSERT INTO orders SELECT i, 'south', 'secret' || i, 1000003 FROM range(${OWN}, ${OWN + FOREIGN}) AS t(i);
  CREATE TABLE grants (who VARCHAR, region VARCHAR); INSERT INTO grants VALUES ('north', 'north');
  CREATE TABLE plain (a INTEGER, note VARCHAR); INSERT INTO plain VALUES (1, 'x'), (2, 'y');
  CREATE VIEW by_name AS SELECT * FROM orders; CREATE VIEW by_path AS SELECT * FROM shop.main.orders;
  CREATE VIEW of_view AS SELECT * FROM by_path WHERE id >= 0;
  CREATE MACRO of_macro() AS TABLE SELECT * FROM shop.main.orders; CREATE MACRO of_name() AS TABLE SELECT * FROM orders;
  CREATE MACRO how_many() AS (SELECT count(*) FROM shop.main.orders); CREATE SEQUENCE counter`;

/** How SQL may lead to the table. */
const SOURCES = [
  'orders',
  'main.orders',
  'shop.main.orders',
  '"shop"."main"."orders"',
  'SHOP . /* x */ MAIN . Orders',
  'by_name',
  'by_path',
  'of_macro()',
  "query('FROM shop.main.orders')",
  "query_table('orders')",
  "query_table('shop.main.orders')",
  "(FROM shop.main.orders WHERE region = 'north' OR true)",
  '(FROM shop.main.orders UNION ALL BY NAME FROM orders)',
  '(WITH o AS MATERIALIZED (FROM shop.main.orders) FROM o)',
] as const;

/** What may be done with it; `@` is the table. */
const USES = `SELECT * FROM @
FROM @
SELECT count(*) FROM @
SELECT count(*) FROM @ AS o, plain
SELECT sum(amount), min(email), max(region) FROM @
SELECT max(id) FROM @
SELECT approx_count_distinct(id) FROM @
SELECT email FROM @ ORDER BY amount DESC LIMIT 1
SELECT email FROM @ WHERE amount > 5
SELECT count(*) FROM @ WHERE region <> 'north'
SELECT string_agg(email, ',') FROM @
SELECT DISTINCT region FROM @
SELECT list(email) FROM @
SELECT first(o) FROM @ AS o WHERE o.amount > 1
SELECT to_json(o) FROM @ AS o
SELECT (SELECT max(email) FROM @) AS m
SELECT * FROM plain WHERE note IN (SELECT email FROM @) OR EXISTS (FROM @ WHERE amount > 1)
SELECT CASE WHEN EXISTS (FROM @ WHERE region <> 'north') THEN error('f0und') END AS x
SELECT ARRAY(SELECT email FROM @)
WITH o AS (FROM @) SELECT count(*), max(email) FROM o
WITH o AS NOT MATERIALIZED (FROM @) FROM o, plain
WITH RECURSIVE r(n, e) AS (SELECT 0, '' UNION ALL SELECT n + 1, (SELECT max(email) FROM @) FROM r WHERE n < 2) FROM r
SELECT * FROM plain, LATERAL (SELECT email FROM @ AS o WHERE o.id > a) ORDER BY ALL
SELECT * FROM plain p LEFT JOIN @ AS o ON o.id >= p.a
SELECT * FROM plain p FULL JOIN @ AS o ON false
SELECT * FROM plain POSITIONAL JOIN @
SELECT * FROM plain p ASOF JOIN @ AS o ON p.a >= o.id
SELECT * FROM plain ANTI JOIN @ AS o ON o.id = a
SELECT * FROM plain p SEMI JOIN @ AS o ON o.id = p.a + 100
SELECT email FROM @ EXCEPT SELECT note FROM plain
SELECT note FROM plain UNION SELECT email FROM @
SELECT note FROM plain INTERSECT SELECT email FROM @ UNION ALL SELECT max(email) FROM @
PIVOT @ ON region IN ('north', 'south') USING count(*)
PIVOT @ ON region USING max(email)
UNPIVOT (SELECT region, email FROM @) ON region, email
SELECT row_number() OVER (ORDER BY id DESC), email FROM @ LIMIT 2
SELECT lag(email) OVER (ORDER BY id DESC) FROM @ QUALIFY id = 1
SELECT region, count(*) FROM @ GROUP BY CUBE (region, amount)
SELECT * FROM @ TABLESAMPLE 50 PERCENT (bernoulli)
SELECT * FROM @ USING SAMPLE 5 ROWS
SUMMARIZE FROM @
SUMMARIZE @
DESCRIBE FROM @
EXPLAIN FROM @
EXPLAIN ANALYZE SELECT count(*) FROM @
SELECT stats(email) FROM @
SELECT COLUMNS(c -> c = 'email') FROM @
SELECT * EXCLUDE (region) FROM @ WHERE hash(email) > 0
SELECT count(*) FROM @ WHERE CAST(email AS INTEGER) >= 0
SELECT sum(CAST(email AS INTEGER)) FROM @
SELECT count(*) FROM @ WHERE error('f0und ' || email) IS NULL AND region <> 'north'
SELECT count(*) FROM @ WHERE CASE WHEN region <> 'north' THEN error('f0und') IS NULL ELSE true END
SELECT count(*) FROM @ WHERE error(CASE WHEN amount > 1 THEN 'f0und' END) IS NULL
SELECT count(*) FROM @ WHERE 1 // (amount - 1000003) IS NOT NULL AND CAST(email AS INTEGER) > -1
SELECT count(*) FROM @ WHERE list_contains([CAST(email AS INTEGER)], 2)
SELECT count(*) FROM @ WHERE CAST(email AS INTEGER) IN (SELECT a FROM plain)
SELECT count(*) FROM @ AS o JOIN plain p ON CAST(o.email AS INTEGER) = p.a
SELECT count(*) FROM (SELECT CAST(email AS INTEGER) AS e FROM @) WHERE e < 2
SELECT count(*) FILTER (CAST(email AS INTEGER) < 2) FROM @
SELECT count(*) FROM @ WHERE strptime(email, '%d') IS NULL
SELECT count(*) FROM @ WHERE json_extract(email, '$') IS NULL
SELECT count(*) FROM @ WHERE NOT (CAST(email AS INTEGER) < 0 OR length(email) > 3)
SELECT max(CAST(email AS INTEGER)) OVER () FROM @ LIMIT 1
SELECT count(*) FROM @ WHERE nextval('counter') > 0
SELECT json_serialize_plan('FROM orders') FROM @
PREPARE p AS FROM @
CREATE TABLE stolen AS FROM @
CREATE TEMP VIEW orders AS FROM @
INSERT INTO plain SELECT id, email FROM @ WHERE amount > 1 RETURNING *
COPY (FROM @) TO '/dev/null'`.split('\n');

/** What needs no table in its place. */
const OTHERS = `FROM pragma_storage_info('orders')
FROM pragma_storage_info('shop.main.orders')
PRAGMA storage_info('orders')
FROM duckdb_table_sample('shop.main.orders')
FROM seq_scan('shop.main.orders')
SELECT estimated_size FROM duckdb_tables()
SELECT table_name, estimated_size FROM duckdb_tables() WHERE table_name = 'orders'
SELECT reltuples FROM pg_catalog.pg_class WHERE relname = 'orders'
SELECT * FROM duckdb_tables()
SHOW ALL TABLES
SELECT sql FROM duckdb_views()
SELECT view_definition FROM information_schema.views
SELECT * FROM pg_catalog.pg_views
SELECT * FROM sqlite_master
SELECT * FROM duckdb_indexes()
SELECT * FROM duckdb_logs()
SELECT * FROM duckdb_memory()
SELECT how_many()
SELECT last_value FROM duckdb_sequences()
CALL pragma_database_size()
DROP VIEW orders
DROP VIEW IF EXISTS temp.main.orders; FROM orders
USE shop.main
SET search_path = 'shop.main'
ATTACH ':memory:' AS shop2; COPY FROM DATABASE shop TO shop2
EXPORT DATABASE '/tmp'
COPY shop.main.orders TO '/dev/null'
EXECUTE p
UPDATE orders SET amount = 1 RETURNING *
UPDATE shop.main.orders SET amount = 1 RETURNING *
DELETE FROM shop.main.orders WHERE region <> 'north' RETURNING *
MERGE INTO shop.main.orders AS o USING plain ON o.id = plain.a WHEN MATCHED THEN DELETE RETURNING *
INSERT INTO shop.main.orders VALUES (4, 'x', 'x', 1)
INSERT INTO shop.main.orders SELECT * FROM shop.main.orders ON CONFLICT DO UPDATE SET amount = 2 RETURNING *
ALTER TABLE shop.main.orders RENAME TO harmless
CREATE INDEX i ON shop.main.orders (email)
CREATE OR REPLACE MACRO get_username() AS 'south'
CREATE OR REPLACE TEMP MACRO get_username() AS 'south'; FROM orders
CREATE OR REPLACE TEMP VIEW orders AS FROM shop.main.orders; FROM orders
BEGIN; FROM shop.main.orders; COMMIT
SELECT 1; FROM shop.main.orders
FROM read_duckdb('shop.duckdb', table_name = 'orders')
FROM read_blob('shop.duckdb')
FROM json_execute_serialized_sql(json_serialize_sql('FROM shop.main.orders'))
PRAGMA json_execute_serialized_sql('x')
SELECT json_serialize_plan('FROM orders')
SELECT getvariable('x'), current_setting('search_path')
VALUES ((SELECT max(email) FROM shop.main.orders))
TABLE shop.main.orders
SELECT * FROM (VALUES (1)) v(x), (SELECT id, region, email, amount, x FROM shop.main.orders, (VALUES (2)) w(x))
SELECT id, region, email, amount, email FROM shop.main.orders WHERE region = get_username()
FROM shop.main.orders WHERE region = get_username() OR amount > 1`.split('\n');

const attacksOn = (sources: readonly string[]) =>
  sources.flatMap((source) => USES.map((use) => use.replaceAll('@', source)));
const ATTACKS = [...attacksOn(SOURCES), ...OTHERS];

/** What of the foreign rows an answer shows. */
const SHOWN = new RegExp(`secret|f0und|1000003|\\b(?:${FOREIGN}|${FOREIGN + OWN}|${FOREIGN + OWN - 1})\\b`);

async function shownBy(database: GenerationDatabase, sql: string, staysWithin: boolean): Promise<string | undefined> {
  let answer: string;
  try {
    answer = JSON.stringify(await rowsOf(database, sql, {}, { caller: NORA, staysWithin }));
  } catch (error) {
    if (!(error instanceof MxcpError)) throw error;
    // What the log says counts too: it shows that an expression has met a foreign row.
    const isOfRows = !/^Failed to execute SQL: (?:Parser|Binder|Catalog) Error|rows are protected|stays within/.test(
      error.logMessage,
    );
    answer = isOfRows ? `${error.message} ${error.logMessage}` : '';
  }
  return SHOWN.test(answer) ? `${sql}: ${answer.slice(0, 200)}` : undefined;
}

test('there are more than a thousand attacks', () => {
  expect(new Set(ATTACKS).size).toBeGreaterThan(1000);
});

const leaksOf = async (database: GenerationDatabase, attacks: readonly string[], staysWithin: boolean) => {
  const leaks: string[] = [];
  for (const sql of attacks) {
    const leak = await shownBy(database, sql, staysWithin);
    if (leak !== undefined) leaks.push(leak);
  }
  return leaks;
};

describe('under a rule', () => {
  let database: GenerationDatabase;
  beforeAll(async () => {
    const shop = await openShop([{ rows: 'region = get_username()' }], {}, TABLES);
    database = shop.database;
    return shop.close;
  });

  test.each(SOURCES)('a caller who reads %s sees no foreign row', async (source) => {
    expect(await leaksOf(database, attacksOn([source]), true)).toEqual([]);
  });

  test('a caller sees no foreign row by other means, and changes none', async () => {
    expect(await leaksOf(database, OTHERS, true)).toEqual([]);
    const sql = 'SELECT count(*) AS n, sum(amount)::DOUBLE AS s FROM orders';
    const state = { n: OWN + FOREIGN, s: OWN + FOREIGN * 1000003 };
    expect(await rowsOf(database, sql, {}, { caller: NORA, seesAllRows: true })).toEqual([state]);
  });

  test.each([attacksOn(['orders']), attacksOn(['shop.main.orders']), OTHERS])(
    'a careless endpoint shows no foreign row: %s, …',
    async (...attacks) => {
      expect(await leaksOf(database, attacks, false)).toEqual([]);
    },
  );

  test('a caller sees the rows of its own', async () => {
    const sql = 'SELECT count(*) AS n FROM orders o JOIN by_name USING (id) WHERE o.id IN (SELECT id FROM of_name())';
    expect(await rowsOf(database, sql, {}, { caller: NORA, staysWithin: true })).toEqual([{ n: OWN }]);
  });
});

test.each([
  'region IN (SELECT g.region FROM grants g WHERE g.who = get_username())',
  "regexp_matches(region, '^n.*h$') AND has_permission(region)",
  'region = (SELECT max(g.region) FROM grants g WHERE g.who = get_username())',
])('no expression meets a foreign row before the rule %s', async (rows) => {
  const shop = await openShop([{ rows }], {}, TABLES);
  const leaks = await leaksOf(shop.database, attacksOn(['orders']), true);
  await shop.close();
  expect(leaks).toEqual([]);
});

test('the attacks would show foreign rows without a rule', async () => {
  const shop = await openShop([], {}, TABLES);
  const leaks = await leaksOf(shop.database, attacksOn(['orders']), false);
  await shop.close();
  expect(leaks.length).toBeGreaterThan(USES.length * 0.7);
});

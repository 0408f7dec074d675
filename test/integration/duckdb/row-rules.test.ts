import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import type { Protection, TableRule } from '../../../src/config/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import type { QueryOptions } from '../../../src/duckdb/database/generation-database.js';
import { openShop } from './protected-shop.js';
import { rowsOf } from './temporary-database.js';

const NORA: Caller = { ...ANONYMOUS, userId: 'u-1', username: 'north', role: 'clerk', permissions: ['north', 'a,b'] };
const ALL = { seesAllRows: true } as const;

const open = async (tables: readonly Partial<TableRule>[], rest: Partial<Protection> = {}) => {
  const { database, close } = await openShop(tables, rest);
  onTestFinished(close);
  return database;
};

const read = (database: GenerationDatabase, sql: string, options: Partial<QueryOptions> = {}) =>
  rowsOf(database, sql, {}, { caller: NORA, ...options });

describe('a rule for rows', () => {
  let database: GenerationDatabase;
  beforeAll(async () => {
    const shop = await openShop([{ rows: 'region = get_username()' }]);
    database = shop.database;
    return shop.close;
  });

  test.each([
    'SELECT count(*) AS n FROM orders',
    'SELECT count(*) AS n FROM main.orders',
    'SELECT count(*) AS n FROM ORDERS',
    'SELECT count(*) AS n FROM all_orders',
    'SELECT count_orders() AS n',
    "SELECT count(*) AS n FROM query_table('orders')",
    'WITH o AS MATERIALIZED (FROM orders) SELECT count(*) AS n FROM o',
    'SELECT max((SELECT count(*) FROM orders)) AS n FROM plain',
  ])('holds for %s', async (sql) => {
    expect(await read(database, sql)).toEqual([{ n: 5 }]);
    expect(await read(database, sql, { caller: { ...NORA, username: 'west' } })).toEqual([{ n: 0 }]);
    expect(await read(database, sql, ALL)).toEqual([{ n: 10 }]);
  });

  test.each([
    'SELECT count(*) AS n FROM orders WHERE ($region IS NULL OR region = $region)',
    'SELECT count(*) + coalesce(length($region), 0) AS n FROM orders WHERE upper($region) IS NULL',
    'SELECT count(*) AS n FROM orders WHERE typeof($region) = \'"NULL"\' AND $region IS NOT DISTINCT FROM $other',
  ])('leaves parameters without a value usable: %s', async (sql) => {
    const parameters = sql.includes('$other') ? { region: null, other: null } : { region: null };
    expect(await rowsOf(database, sql, parameters, { caller: NORA })).toEqual([{ n: 5 }]);
    const foreign = sql.replace('FROM orders', 'FROM shop.main.orders');
    await expect(rowsOf(database, foreign, parameters, { caller: NORA })).rejects.toThrow('orders');
  });

  test.each([
    'SELECT (SELECT count(*) FROM orders o2 WHERE o2.id < o.id) AS n FROM orders o WHERE id = 8',
    'SELECT n FROM orders o, LATERAL (SELECT count(*) AS n FROM orders p WHERE p.id < o.id) WHERE o.id = 8',
    'SELECT count(*) + 3 AS n FROM grants g WHERE EXISTS (FROM orders o WHERE o.region = g.who)',
    'SELECT 4 AS n FROM grants g WHERE g.who IN (SELECT region FROM orders o WHERE o.region = g.region)',
    'SELECT count(*) - 1 AS n FROM orders o LEFT JOIN LATERAL (SELECT id FROM orders p WHERE p.id > o.id ORDER BY id LIMIT 1) ON true',
  ])('leaves correlated subqueries usable: %s', async (sql) => {
    expect(await read(database, sql)).toEqual([{ n: 4 }]);
  });

  test.each([
    'SELECT count(*) FROM shop.main.orders',
    'SELECT count(*) FROM shop.orders',
    "FROM query('FROM shop.main.orders')",
    "FROM pragma_storage_info('shop.main.orders')",
    'SELECT stats(id) FROM orders',
    'EXPLAIN ANALYZE FROM orders',
    'SELECT id, region FROM shop.main.orders WHERE region = $$north$$',
    'SELECT 1 FROM plain WHERE EXISTS (FROM shop.main.orders)',
    'UPDATE shop.main.orders SET id = 1 RETURNING *',
    "COPY shop.main.orders TO '/dev/null'",
    'CREATE OR REPLACE TEMP VIEW orders AS FROM shop.main.orders; FROM orders',
  ])('refuses %s', async (sql) => {
    const denied: string[] = [];
    const refused = read(database, sql, { onDenied: ({ reason }) => void denied.push(reason) });
    await expect(refused).rejects.toMatchObject({ code: 'policy_denied', rule: 'protect' });
    expect(denied).toEqual([expect.stringMatching(/^rows are protected, and this SQL /)]);
    expect(denied[0]).not.toMatch(/north/);
  });
});

describe('rules are read with the database', () => {
  const problemsOf = async (...tables: Partial<TableRule>[]) =>
    open(tables).then(
      () => 'none',
      (error: Error) => error.message,
    );

  test.each([
    [{ rows: 'regio = get_username()' }, /Referenced column "regio" not found/],
    [{ rows: 'region' }, /must be a condition, which is true or false, but it is VARCHAR/],
    [{ rows: 'region = $name' }, /has a parameter/],
    [{ rows: 'region =' }, /syntax error/],
    [{ rows: 'true, false' }, /must be a condition/],
    [{ table: 'order', rows: 'true' }, /syntax error|does not exist/],
    [{ table: 'orderz', rows: 'true' }, /Table with name orderz does not exist/],
    [
      { masks: [{ column: 'emial', expression: 'NULL' }] },
      /there is no column "emial" in orders; its columns are id, region, email, amount/,
    ],
    [{ masks: [{ column: 'amount', expression: "'***'" }] }, /must have the type of the column, INTEGER/],
    [{ masks: [{ column: 'email', expression: 'emial' }] }, /Referenced column "emial" not found/],
    [{ table: 'all_orders', rows: 'true' }, /is a view on `shop.main.orders`, which has no rule/],
  ])('%o is refused', async (rule, message) => {
    expect(await problemsOf(rule)).toMatch(message);
  });

  test('all problems of all rules are reported together', async () => {
    const message = await problemsOf(
      { rows: 'a = 1' },
      { table: 'plain', rows: 'b = 1', masks: [{ column: 'c', expression: 'NULL' }] },
    );
    expect(message.split('\n')).toHaveLength(4);
  });
});

test('a mask takes the place of the values of a column everywhere, also for conditions', async () => {
  const masks = [
    { column: 'email', expression: "CASE WHEN has_permission('pii') THEN email ELSE '***' END" },
    { column: 'Amount', expression: 'NULL' },
  ];
  const database = await open([{ masks }]);
  expect(await read(database, 'SELECT DISTINCT email, amount FROM orders')).toEqual([{ email: '***', amount: null }]);
  expect(await read(database, "SELECT id FROM orders WHERE email LIKE 'user%' OR amount > 0")).toEqual([]);
  const caller = { ...NORA, permissions: ['pii'] };
  expect(await read(database, 'SELECT email FROM orders WHERE id = 1', { caller })).toEqual([
    { email: 'user1@example.com' },
  ]);
});

test.each([
  'region = get_username()',
  'has_permission(region)',
  'region IN (SELECT g.region FROM grants g WHERE g.who = get_username())',
  'EXISTS (FROM grants g WHERE g.region = orders.region AND g.who = get_username())',
  "get_user_role() = 'clerk' AND list_contains(get_user_permissions(), region) -- a comment",
  "region = (SELECT max(region) FROM grants) AND get_user_id() = 'u-1'",
])('a rule may be any condition over the caller: %s', async (rows) => {
  const database = await open([{ rows }]);
  expect(await read(database, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 5 }]);
  expect(await read(database, 'SELECT count(*) AS n FROM orders', { caller: ANONYMOUS })).toEqual([{ n: 0 }]);
  expect(await read(database, 'SELECT (SELECT count(*) FROM orders o WHERE o.id > p.a) AS n FROM plain p')).toEqual([
    { n: 4 },
  ]);
  await expect(read(database, 'FROM shop.main.orders')).rejects.toThrow('reads orders around its rule');
});

test('rules apply within rules, and to views that have a rule of their own', async () => {
  const database = await open([
    { rows: 'region IN (SELECT region FROM grants)' },
    { table: 'grants', rows: 'who = get_username()' },
    { table: 'all_orders', rows: 'id > 4' },
  ]);
  expect(await read(database, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 5 }]);
  expect(await read(database, 'SELECT count(*) AS n FROM orders', { caller: ANONYMOUS })).toEqual([{ n: 0 }]);
  expect(await read(database, 'SELECT count(*) AS n FROM all_orders')).toEqual([{ n: 2 }]);
});

test('an error of a rule shows no value of a row', async () => {
  const database = await open([{ rows: 'CAST(email AS INTEGER) > 0' }]);
  const failed = read(database, 'FROM orders');
  await expect(failed).rejects.toMatchObject({ code: 'query_failed', logMessage: expect.stringContaining('user0@') });
  await expect(failed).rejects.not.toThrow(/user/);
});

test('a listed endpoint sees everything and may write', async () => {
  const database = await open([{ rows: 'false' }], { unfiltered: ['tool "import"'] });
  const all = { endpoint: 'tool "import"' };
  await read(database, 'UPDATE orders SET amount = 1', all);
  expect(await read(database, 'SELECT sum(amount) AS s FROM orders', all)).toEqual([{ s: 10 }]);
  expect(await read(database, 'SELECT count(*) AS n FROM orders', { endpoint: 'tool "report"' })).toEqual([{ n: 0 }]);
  await expect(read(database, 'UPDATE orders SET amount = 1')).rejects.toThrow(
    'only what `protect.unfiltered` lists may change it',
  );
});

test('a statement is not taken for the rule of a caller of whom less is known', async () => {
  const database = await open([{ rows: "coalesce(lower(get_request_header('x-tenant')) = region, true)" }]);
  const caller = { ...NORA, requestHeaders: { 'x-tenant': 'South' } };
  expect(await read(database, 'SELECT count(*) AS n FROM orders', { caller })).toEqual([{ n: 5 }]);
  expect(await read(database, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 10 }]);
  await expect(read(database, 'FROM shop.main.orders WHERE coalesce(NULL, true)', { caller })).rejects.toThrow(
    'around',
  );
  await expect(read(database, 'FROM shop.main.orders WHERE true', { caller })).rejects.toThrow('around');
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import type { LiveEndpointCalls } from '../../../src/endpoints/index.js';
import { anonymous, fixture, openProject } from '../../kit/projects/endpoint-project.js';

let disposer: Disposer;
let calls: LiveEndpointCalls;
let database: GenerationDatabase;

beforeEach(async () => {
  disposer = new Disposer();
  ({ calls, database } = await openProject(fixture('endpoint-kinds.good'), disposer));
});
afterEach(() => disposer.dispose());

async function rowsOf(tool: string, sent: Readonly<Record<string, unknown>> = {}): Promise<readonly unknown[]> {
  const { texts } = await calls.callTool(tool, sent, anonymous());
  return Array.from(texts, (text): unknown => JSON.parse(text));
}

async function execute(sql: string): Promise<void> {
  await database.query(sql, {}, { caller: ANONYMOUS, onRow: () => undefined });
}

const columnsOf = async (table: string) => rowsOf('get_table_schema', { table_name: table });

test('tables are listed as SQL must write them, wherever they are', async () => {
  await execute(`CREATE TABLE zz (a INT NOT NULL); CREATE VIEW "a view" AS FROM zz; CREATE TABLE "select" (a INT);
      CREATE SCHEMA sx; CREATE TABLE sx.t1 (a INT); CREATE SCHEMA "S 2"; CREATE TABLE "S 2"."a""b" (a INT);
      ATTACH ':memory:' AS other; CREATE TABLE other.tt (x DATE)`);
  const tables = await rowsOf('list_tables');
  expect(tables).toEqual([
    { name: '"a view"', type: 'VIEW' },
    { name: '"select"', type: 'BASE TABLE' },
    { name: 'zz', type: 'BASE TABLE' },
    { name: 'other.main.tt', type: 'BASE TABLE' },
    { name: '"S 2"."a""b"', type: 'BASE TABLE' },
    { name: 'sx.t1', type: 'BASE TABLE' },
  ]);
  for (const table of tables) {
    const { name } = table as { name: string };
    expect(await rowsOf('execute_sql_query', { sql: `SELECT count(*) AS n FROM ${name}` })).toEqual([{ n: 0 }]);
  }
});

test('the schema of a table is found by every name that SQL accepts', async () => {
  await execute(`CREATE TABLE zz (a INT NOT NULL, "B b" VARCHAR); CREATE VIEW "a view" AS SELECT 1.5 AS x;
      CREATE SCHEMA sx; CREATE TABLE sx.t1 (a DATE); ATTACH ':memory:' AS other; CREATE TABLE other.tt (x DATE)`);
  const zz = [
    { name: 'a', type: 'INTEGER', nullable: false },
    { name: 'B b', type: 'VARCHAR', nullable: true },
  ];
  for (const name of ['zz', 'ZZ', 'main.zz', '"zz"', 'test.main.zz', 'Main."ZZ"'])
    expect(await columnsOf(name), name).toEqual(zz);
  for (const name of ['a view', '"a view"', 'main."A VIEW"'])
    expect(await columnsOf(name), name).toEqual([{ name: 'x', type: 'DECIMAL(2,1)', nullable: true }]);
  expect(await columnsOf('SX.T1')).toEqual([{ name: 'a', type: 'DATE', nullable: true }]);
  for (const name of ['other.tt', 'other.main.tt'])
    expect(await columnsOf(name), name).toEqual([{ name: 'x', type: 'DATE', nullable: true }]);
});

test.each([
  ['flihgts', /Table with name flihgts does not exist!\nDid you mean "flights"\?/],
  ['nope.flights', /"nope.flights" does not exist/],
  ['t1', /Did you mean "sx.t1"\?/],
  ['', /does not exist/],
  ["flights'; DROP TABLE flights", /does not exist/],
])('a name that no table has is an error: %j', async (name, message) => {
  await execute('CREATE TABLE flights (a INT); CREATE SCHEMA sx; CREATE TABLE sx.t1 (a INT)');
  await expect(columnsOf(name)).rejects.toMatchObject({
    code: 'query_failed',
    message: expect.stringMatching(message),
  });
  await expect(columnsOf(name)).rejects.not.toThrow(/LINE|pragma_table_info/);
  expect(await columnsOf('flights')).toHaveLength(1);
});

test('a query returns at most as many rows as the caller wants, 1000 by default, and says when there are more', async () => {
  const select = (rows: number, limit?: number) =>
    calls.callTool('execute_sql_query', { sql: `SELECT * FROM range(${rows})`, ...(limit && { limit }) }, anonymous());
  expect(await select(1000)).not.toHaveProperty('leftOut');
  expect(await select(1_000_000_000_000)).toMatchObject({
    texts: { length: 1000 },
    leftOut: { because: 'rows', nextOffset: 1000, total: undefined, argument: 'limit' },
  });
  expect(await select(1001, 1001)).not.toHaveProperty('leftOut');
  expect(await select(3, 2)).toMatchObject({ texts: { length: 2 }, leftOut: { total: 3 } });
  await expect(select(1, -1)).rejects.toMatchObject({ code: 'params_invalid' });
});

test('a statement that changes data is run to its end, however few of its rows are wanted', async () => {
  await execute('CREATE TABLE numbers (n INT)');
  const sql = 'INSERT INTO numbers SELECT * FROM range(5000) RETURNING n';
  expect(await calls.callTool('execute_sql_query', { sql, limit: 1 }, anonymous())).toMatchObject({
    leftOut: { nextOffset: 1, total: 5000 },
  });
  expect(await rowsOf('execute_sql_query', { sql: 'SELECT count(*) AS n FROM numbers' })).toEqual([{ n: 5000 }]);
});

test.each(["SELECT ';' AS a; SELECT 2", 'SELECT 1;\n--;\n; SELECT 2', '/* ; */ SELECT 1; /* x */ ROLLBACK'])(
  'a text with several statements is refused: %j',
  async (sql) => {
    await expect(rowsOf('execute_sql_query', { sql })).rejects.toThrow('the SQL has several statements');
  },
);

test.each(['SELECT 1 AS a; -- ; SELECT 2', 'SELECT 1 AS a;;', "PIVOT (SELECT 1 AS a, 'x' AS b) ON b USING count(*)"])(
  'a text that DuckDB splits, but that has one statement, is run: %j',
  async (sql) => {
    expect(await rowsOf('execute_sql_query', { sql })).toMatchObject([{ a: 1 }]);
  },
);

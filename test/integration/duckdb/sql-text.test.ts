import * as fc from 'fast-check';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished, test } from 'vitest';
import { castParameters, scanParameterNames } from '../../../src/duckdb/statements/sql-text.js';
import { openDatabase, rowsOf, valueOf } from './temporary-database.js';

/** Pieces of expressions, right and wrong, in which DuckDB may find a parameter or not. */
const piece = fc.oneof(
  fc.constantFrom('$x', '$Y_1', '$größe', '$1', '?', '$x$', '$$', '$$ $n $$', '$t$', '$t1$ $n $t1$', '$é$', '$a$b'),
  fc.constantFrom(
    "'$n'",
    "'it''s $n'",
    "'\\' ",
    "E'\\' $n'",
    "e'\\\\'",
    "E'''$n'",
    "abE'$n'",
    "x'41'",
    "'",
    '"$n"',
    '"a""$n"',
    // A string continues behind the end of a line, with escapes if it began with them.
    "E'a'\n'\\' $n'",
    "E'a' -- '\n'\\' $n'",
    "'a'\n'\\'",
  ),
  fc.constantFrom('/* $n */', '/* /* */ $n */', '/*', '*/', '-- $n\n', '-- $n\r', '--', '- -', '/', '*'),
  fc.constantFrom(
    'a',
    'a$b',
    'b$c$d',
    'ä$x',
    '1',
    '1.5',
    '1e5',
    '::INT',
    ' ',
    '\n',
    '+',
    ',',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ':',
    '||',
  ),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => `SELECT 1 AS one, ${pieces.join(' ')}`);
const dense = fc.array(piece, { maxLength: 6 }).map((pieces) => `SELECT 1 AS one, ${pieces.join('')}`);

test('a text that DuckDB can parse has the parameters that were found in it', async () => {
  const instance = await DuckDBInstance.create();
  onTestFinished(() => instance.closeSync());
  const connection = await instance.connect();
  await connection.run('CREATE TABLE t (a INTEGER, "a$b" INTEGER, "b$c$d" INTEGER, ä INTEGER, "ä$x" INTEGER)');
  let parsed = 0;
  const namesOf = async (sql: string): Promise<readonly string[] | undefined> => {
    try {
      const statement = await connection.prepare(`${sql} FROM t`);
      parsed += 1;
      return Array.from({ length: statement.parameterCount }, (_, at) => statement.parameterName(at + 1));
    } catch {
      // Most texts are no SQL.
      return undefined;
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, dense), async (sql) => {
      const names = await namesOf(sql);
      fc.pre(names !== undefined);
      const isNamed = (name: string) => !/^\d/.test(name);
      expect([...scanParameterNames(`${sql} FROM t`)].filter(isNamed).toSorted()).toEqual(
        names?.filter(isNamed).toSorted(),
      );
      const samples = Object.fromEntries(scanParameterNames(sql).map((name) => [name, 1]));
      const cast = castParameters(sql, samples);
      // With these types, what was right may be wrong.
      const namesOfCast = await namesOf(cast ?? '');
      if (namesOfCast !== undefined) expect(namesOfCast.toSorted()).toEqual(names?.toSorted());
    }),
    { numRuns: 1500, maxSkipsPerRun: 1000 },
  );
  expect(parsed).toBeGreaterThan(1500);
});

test.each([
  ['SELECT $x AS a, n AS b$c FROM zq', ['x']],
  ['SELECT /* a /* b */ $y */ $x AS a FROM zq', ['x']],
  ['SELECT $é$ ; $y $é$ || $x AS a FROM zq', ['x']],
  ["SELECT E'it\\'s $y' || $x AS a FROM zq", ['x']],
  ["SELECT E'a' -- $y\n\u00a0-- ' $y\r'\\' $y' || $x AS a FROM zq", ['x']],
  ["SELECT 'a' -- $y\n'\\' || $x AS a FROM zq", ['x']],
])('a later statement has only the parameters that DuckDB finds: %s', async (sql, names) => {
  const database = await openDatabase();
  const { parameterNames } = await database.inspect(`CREATE OR REPLACE TEMP TABLE zq AS SELECT 1 AS n; ${sql}`);
  expect(parameterNames).toEqual(names);
});

const LEFT_OPEN = {
  code: 'query_failed',
  message: 'the SQL leaves a transaction open, which would be rolled back; add COMMIT at the end of the same text',
};

test('a transaction that is left open is an error before anything runs', async () => {
  const database = await openDatabase();
  const put = 'CREATE TABLE IF NOT EXISTS t(a INT); BEGIN; INSERT INTO t VALUES (1)';
  for (const sql of [put, 'BEGIN', 'BEGIN; COMMIT; START TRANSACTION; SELECT 1']) {
    await expect(database.inspect(sql)).rejects.toMatchObject(LEFT_OPEN);
    await expect(rowsOf(database, sql)).rejects.toMatchObject(LEFT_OPEN);
  }
  expect(await valueOf(database, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 't'")).toBe(0);
  await rowsOf(database, `${put}; COMMIT`);
  expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(1);
  await rowsOf(database, 'BEGIN; DELETE FROM t; ROLLBACK');
  expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(1);
});

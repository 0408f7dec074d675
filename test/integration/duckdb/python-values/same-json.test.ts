import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ANONYMOUS } from '../../../../src/caller/index.js';
import type { JsonObject } from '../../../../src/duckdb/index.js';
import { executeIn } from '../../../kit/python-values.js';
import { LITERALS } from '../sql-literals.js';
import { openDatabase, rowsOf } from '../temporary-database.js';
import { jsonOf, toJsonValue, toResults } from './convert.js';

/** What Python's own types cannot keep, and what is left of it: the same as in DuckDB's Python package. */
const LOST_IN_PYTHON: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["DATE '0044-03-15 (BC)'", '0044-03-15 (BC)'],
  ["DATE '12024-01-01'", '12024-01-01'],
  ["DATE 'infinity'", '9999-12-31'],
  ["DATE '-infinity'", '0001-01-01'],
  ["TIMESTAMP '294247-01-10 04:00:54'", '294247-01-10 04:00:54'],
  ["TIMESTAMP '0044-03-15 (BC) 10:00:00'", '0044-03-15 (BC) 10:00:00'],
  ["TIMESTAMP 'infinity'", '9999-12-31T23:59:59.999999'],
  ["TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", '2024-01-02T03:04:05.123456'],
  ["TIMESTAMP_NS '1969-12-31 23:59:59.123456789'", '1969-12-31T23:59:59.123457'],
  ["'-infinity'::TIMESTAMP_NS", '0001-01-01T00:00:00'],
  ["TIMESTAMPTZ '-infinity'", '0001-01-01T00:00:00'],
  ["'01:02:03.123456789'::TIME_NS", '01:02:03.123456'],
  ["INTERVAL '14 months 3 days 01:02:03.5'", 'P423DT1H2M3.5S'],
  ["MAP {[1, 2]: 'list'}", { key: [[1, 2]], value: ['list'] }],
  ["'POINT(1 2)'::GEOMETRY", 'AQEAAAAAAAAAAADwPwAAAAAAAABA'],
]);

/** Rows as an SQL endpoint gives them, and as a function gives them that returns what `db.execute` gave it. */
async function bothWays(statements: readonly string[]) {
  const database = await openDatabase();
  const session = database.openSession(ANONYMOUS);
  await executeIn(session, "SET TimeZone = 'UTC'");
  const sql: JsonObject[][] = [];
  const typed = [];
  for (const statement of statements) {
    sql.push(await rowsOf(database, statement));
    typed.push(await executeIn(session, statement));
  }
  return { sql, python: (await toResults('rows', typed)).map((result) => jsonOf(result)) };
}

test('is given for a value whichever language reads it from the database', async () => {
  const { sql, python } = await bothWays(LITERALS.map(([expression]) => `SELECT ${expression} AS v`));
  expect(python).toEqual(
    LITERALS.map(([expression, json]) => [
      { v: LOST_IN_PYTHON.has(expression) ? LOST_IN_PYTHON.get(expression) : json },
    ]),
  );
  const differing = LITERALS.filter((_, at) => JSON.stringify(sql[at]) !== JSON.stringify(python[at]));
  expect(differing.map(([expression]) => expression).toSorted()).toEqual([...LOST_IN_PYTHON.keys()].toSorted());
});

test("is text where the type is JSON, as in DuckDB's Python package", async () => {
  const { sql, python } = await bothWays(['SELECT \'{"a": [1.10]}\'::JSON AS v', "SELECT {'x': 'null'::JSON} AS v"]);
  expect(sql).toEqual([[{ v: { a: [1.1] } }], [{ v: { x: null } }]]);
  expect(python).toEqual([[{ v: '{"a": [1.10]}' }], [{ v: { x: 'null' } }]]);
});

test('is given for any number, date and text', async () => {
  const micros = fc.sample(fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }), 1_500);
  const doubles = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 1_500);
  const texts = fc.sample(fc.string({ unit: 'binary' }), 1_500).map((text) => text.replaceAll('\0', ' '));
  const { sql, python } = await bothWays([
    `SELECT make_timestamp(us) AS moment, make_timestamp(us)::DATE AS day, make_timestamp(us)::TIME AS clock,
       timezone('UTC', make_timestamp(us)) AS utc, us, us::HUGEINT * us AS big, us::DECIMAL(38, 0) / 1 AS d,
       (us % 1000000000000)::DECIMAL(38, 7) AS small, (us::DECIMAL(18, 0) / 1000)::DECIMAL(30, 9) AS exact,
       [us, NULL] AS list, {'a': us, 'b': {'c': us > 0}} AS record, MAP {us: us} AS map,
       to_microseconds(us % 3600000000) AS span, us::VARCHAR::BLOB AS bytes, md5(us::VARCHAR)::UUID AS id
     FROM unnest([${micros.join(', ')}]::BIGINT[]) AS t(us)`,
    `SELECT v, v::FLOAT AS single FROM unnest([${doubles.map((value) => `'${value}'`).join(', ')}]::DOUBLE[]) AS t(v)
     WHERE abs(v) < 1e38`,
    `SELECT v FROM unnest([${texts.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ')}]) AS t(v)`,
  ]);
  expect(python).toEqual(toJsonValue(sql));
  expect(sql.map((rows) => rows.length > 500)).toEqual([true, true, true]);
});

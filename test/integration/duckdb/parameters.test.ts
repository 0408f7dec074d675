import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTaggedParameters, TypedText, type JsonValue, type ParameterValue } from '../../../src/duckdb/index.js';
import { openDatabase, rowsOf, valueOf } from './temporary-database.js';

const VALUES: readonly (readonly [ParameterValue, string, JsonValue])[] = [
  [null, '"NULL"', null],
  ['text', 'VARCHAR', 'text'],
  ["it's; DROP TABLE t --", 'VARCHAR', "it's; DROP TABLE t --"],
  ['', 'VARCHAR', ''],
  ['zero \u0000 byte', 'VARCHAR', 'zero \u0000 byte'],
  [true, 'BOOLEAN', true],
  [5, 'BIGINT', 5],
  [-0, 'BIGINT', 0],
  [5_000_000_000, 'BIGINT', 5_000_000_000],
  [9_007_199_254_740_991, 'BIGINT', 9_007_199_254_740_991],
  [1.5, 'DOUBLE', 1.5],
  [1e300, 'DOUBLE', 1e300],
  [12n, 'BIGINT', 12],
  [2n ** 63n - 1n, 'BIGINT', '9223372036854775807'],
  [2n ** 63n, 'HUGEINT', '9223372036854775808'],
  [-(2n ** 127n), 'HUGEINT', '-170141183460469231731687303715884105728'],
  [new TypedText('DATE', '2024-02-29'), 'DATE', '2024-02-29'],
  [new TypedText('TIME', '01:02:03.5'), 'TIME', '01:02:03.5'],
  [new TypedText('TIMESTAMP', '2024-01-02T03:04:05'), 'TIMESTAMP', '2024-01-02T03:04:05'],
  [new TypedText('TIMESTAMPTZ', '2024-01-02T03:04:05+02:00'), 'TIMESTAMP WITH TIME ZONE', '2024-01-02T01:04:05+00:00'],
  [[], '"NULL"[]', []],
  [[null, null], '"NULL"[]', [null, null]],
  [[1, 2, null], 'BIGINT[]', [1, 2, null]],
  [[1, 2.5], 'DOUBLE[]', [1, 2.5]],
  [[1, 2n ** 70n], 'HUGEINT[]', [1, '1180591620717411303424']],
  [[true, false], 'BOOLEAN[]', [true, false]],
  [['a', 1, true, null, [2], { b: 3 }], 'VARCHAR[]', ['a', '1', 'true', null, '[2]', '{"b":3}']],
  [[[1], [], [2.5], null], 'DOUBLE[][]', [[1], [], [2.5], null]],
  [[[], [['x']]], 'VARCHAR[][][]', [[], [['x']]]],
  [[[1], ['a']], 'VARCHAR[][]', [['1'], ['a']]],
  [
    [new TypedText('DATE', '2024-01-02'), null, new TypedText('DATE', '2024-01-03')],
    'DATE[]',
    ['2024-01-02', null, '2024-01-03'],
  ],
  [[new TypedText('DATE', '2024-01-02'), 'soon'], 'VARCHAR[]', ['2024-01-02', 'soon']],
  [
    { a: 1, b: { c: ['x'] }, d: null },
    'STRUCT(a BIGINT, b STRUCT(c VARCHAR[]), d "NULL")',
    { a: 1, b: { c: ['x'] }, d: null },
  ],
  [{ day: new TypedText('DATE', '2024-01-02') }, 'STRUCT("day" DATE)', { day: '2024-01-02' }],
  [
    { sqlType: 'DATE', text: '2024-01-02' },
    'STRUCT(sqltype VARCHAR, "text" VARCHAR)',
    { sqlType: 'DATE', text: '2024-01-02' },
  ],
  [{}, 'JSON', {}],
  [
    [{ a: 1 }, { a: 2.5, b: 'only here' }, {}, null],
    'STRUCT(a DOUBLE, b VARCHAR)[]',
    [{ a: 1, b: null }, { a: 2.5, b: 'only here' }, { a: null, b: null }, null],
  ],
  [[{ a: null }, { a: [1] }], 'STRUCT(a BIGINT[])[]', [{ a: null }, { a: [1] }]],
];

describe('a parameter', () => {
  test.each(VALUES)('%o is bound as %s', async (value, type, json) => {
    const database = await openDatabase();
    expect(await valueOf(database, 'SELECT $x AS v', { x: value })).toEqual(json);
    const actual = String(await valueOf(database, 'SELECT typeof($x) AS v', { x: value }));
    expect(actual.toLowerCase()).toBe(type.toLowerCase());
  });

  test('of any JSON value comes back with the same text where SQL has one type for it', async () => {
    const database = await openDatabase();
    const scalar = fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null));
    const list = fc.oneof(fc.array(fc.string()), fc.array(fc.maxSafeInteger()), fc.array(fc.array(fc.boolean())));
    const struct = fc.record({ a: scalar, b: list, c: fc.record({ d: scalar }) });
    await fc.assert(
      fc.asyncProperty(fc.oneof(scalar, list, struct), async (value) => {
        expect(await valueOf(database, 'SELECT $x AS v', { x: value })).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 200 },
    );
  });

  test('of any nesting is bound without an error', async () => {
    const database = await openDatabase();
    const { tree } = fc.letrec<{ tree: ParameterValue }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<ParameterValue>(null, true, 1, 1.5, 2n ** 70n, 'x', new TypedText('DATE', '2024-01-02')),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'text'), tie('tree'), { maxKeys: 3 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        expect(await rowsOf(database, 'SELECT $x AS v', { x: value })).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test('is compared and computed with as its type', async () => {
    const database = await openDatabase();
    const sql = `SELECT $n + 1 AS n, $day + INTERVAL 1 DAY AS next, list_contains($ids, 2) AS has, $o.a.b AS inner,
      $none IS NULL AS missing`;
    const rows = await rowsOf(database, sql, {
      n: 41,
      day: new TypedText('DATE', '2024-02-28'),
      ids: [1, 2, 3],
      o: { a: { b: 'deep' } },
      none: null,
    });
    expect(rows).toEqual([{ n: 42, next: '2024-02-29T00:00:00', has: true, inner: 'deep', missing: true }]);
  });

  test('that is a whole number keeps its digits in a list of decimals', async () => {
    const database = await openDatabase();
    const { x = null } = parseTaggedParameters({
      x: [{ $: 'decimal', v: '1.5' }, { $: 'int', v: '9007199254740993' }, 2],
    });
    expect(await valueOf(database, 'SELECT $x AS v', { x })).toEqual([1.5, '9007199254740993', 2]);
  });

  test.each([new TypedText('DATE', '2024-02-30'), new TypedText('TIME', '25:00'), new TypedText('TIMESTAMP', 'now')])(
    '%j is refused',
    async (value) => {
      const database = await openDatabase();
      await expect(rowsOf(database, 'SELECT $x', { x: value })).rejects.toMatchObject({
        code: 'params_invalid',
        message: `"${value.text}" is not a ${value.sqlType}`,
      });
    },
  );

  test('that no type can hold is an error of the query', async () => {
    const database = await openDatabase();
    await expect(rowsOf(database, 'SELECT $x', { x: 2n ** 200n })).rejects.toMatchObject({ code: 'query_failed' });
  });

  test('that the SQL uses and the caller did not give is named', async () => {
    const database = await openDatabase();
    await expect(rowsOf(database, 'SELECT $given, $missing', { given: 1 })).rejects.toMatchObject({
      code: 'query_failed',
      message: expect.stringContaining('"missing"'),
    });
    await expect(rowsOf(database, 'SELECT $constructor', {})).rejects.toMatchObject({ code: 'query_failed' });
  });

  test('that the SQL does not use is no error', async () => {
    const database = await openDatabase();
    expect(await rowsOf(database, 'SELECT $a AS a', { a: 1, b: 2 })).toEqual([{ a: 1 }]);
  });

  test('is given to each statement that uses it', async () => {
    const database = await openDatabase();
    const sql =
      'CREATE TABLE t AS SELECT $a AS a; INSERT INTO t VALUES ($b); SELECT a FROM t WHERE a IN ($a, $b) ORDER BY a';
    expect(await rowsOf(database, sql, { a: 1, b: 2 })).toEqual([{ a: 1 }, { a: 2 }]);
  });
});

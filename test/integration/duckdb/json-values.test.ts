import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { toIsoDate, toIsoTimestamp } from '../../../src/duckdb/values/iso-time.js';
import { JSON_LITERALS, LITERALS } from './sql-literals.js';
import { openForAllTests, rowsOf, valueOf } from './temporary-database.js';

let database: GenerationDatabase;
openForAllTests((opened) => {
  database = opened;
});

describe('a value of SQL', () => {
  test.each([...LITERALS, ...JSON_LITERALS])('%s is given as %j', async (expression, json) => {
    expect(await valueOf(database, `SELECT ${expression} AS v`)).toEqual(json);
  });

  test('that is NULL is null in every type', async () => {
    const types = ['TINYINT', 'HUGEINT', 'DOUBLE', 'DECIMAL(20,2)', 'VARCHAR', 'DATE', 'TIMESTAMP', 'TIMESTAMPTZ'];
    const more = [
      'TIME',
      'INTERVAL',
      'BLOB',
      'UUID',
      'INTEGER[]',
      'STRUCT(a INTEGER)',
      'MAP(VARCHAR, INTEGER)',
      'JSON',
    ];
    for (const type of [...types, ...more]) expect(await valueOf(database, `SELECT NULL::${type} AS v`)).toBeNull();
  });

  test.each([
    ["MAP {1::UNION(n INT, s VARCHAR): 1, '1'::UNION(n INT, s VARCHAR): 2}", '"1"'],
    ["MAP {'\\xFF'::BLOB: 1, '/w=='::BLOB: 2}", '"/w=="'],
    ["[{'m': MAP {['nan'::DOUBLE]: 1, [NULL]: 2}}]", '"[null]"'],
  ])('%s is an error, because two keys are the same text', async (expression, key) => {
    await expect(valueOf(database, `SELECT ${expression} AS m`)).rejects.toMatchObject({
      code: 'query_failed',
      message: `two keys of a MAP are both ${key} in JSON; select \`map_entries(…)\` of it, which is a list, or convert its keys`,
    });
  });

  test.each([
    ["{'2': 1, 'b': 2, '1': 3}", '{"2":1,"b":2,"1":3}'],
    ['MAP {2021: 1, 2020: 2}', '{"2021":1,"2020":2}'],
    ["[{'2': [{'1': MAP {2: 'a', 1: 'b'}, '0': NULL}]}]", '[{"2":[{"1":{"2":"a","1":"b"},"0":null}]}]'],
    ["union_value(u := {'2': 1, '1': 2})", '{"2":1,"1":2}'],
  ])('%s keeps its order', async (expression, json) => {
    expect(JSON.stringify(await valueOf(database, `SELECT ${expression} AS v`))).toBe(json);
  });

  test('of any nested type is the JSON that DuckDB makes of it', async () => {
    const leaf = fc.constantFrom(
      'NULL::INTEGER',
      '1',
      '-5::BIGINT',
      "'text'",
      "'ü\"'",
      'true',
      "'a much longer text of no use'",
    );
    const expression = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc.array(tie('value'), { minLength: 1, maxLength: 3 }).map((values) => `{${fields(values, "'", "': ")}}`),
        tie('value').map((value) => `[${value}, NULL, ${value}]`),
        tie('value').map((value) => `array_value(${value}, ${value})`),
        tie('value').map((value) => `MAP {'2': ${value}, '1': ${value}}`),
        tie('value').map((value) => `list_extract([NULL, ${value}], i % 3)`),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(expression, fc.constantFrom(3, 2100), async (value, count) => {
        const rows = await rowsOf(
          database,
          `SELECT v, to_json(v)::VARCHAR AS json FROM (SELECT ${value} AS v FROM range(${count}) t(i))`,
        );
        expect(rows).toHaveLength(count);
        for (const { v = null, json } of rows) expect(JSON.stringify(v)).toBe(json ?? 'null');
      }),
      { numRuns: 30 },
    );
  });

  test('is given in every type that DuckDB has for trying', async () => {
    const rows = await rowsOf(database, 'FROM test_all_types()');
    expect(rows).toHaveLength(3);
    expect(Object.keys(rows[0] ?? {}).length).toBeGreaterThan(50);
    expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
    expect(Object.values(rows[2] ?? {}).every((value) => value === null)).toBe(true);
  });

  test('that is a date or time is written as DuckDB itself writes it, but for the T', async () => {
    const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    const samples = fc.sample(micros, 2_000);
    const list = `unnest([${samples.join(', ')}]::BIGINT[]) AS t(us)`;
    const rows = await rowsOf(
      database,
      `SELECT us::VARCHAR AS us, make_timestamp(us)::VARCHAR AS text, make_timestamp(us)::DATE::VARCHAR AS day,
        date_diff('day', DATE '1970-01-01', make_timestamp(us)::DATE) AS days FROM ${list}`,
    );
    expect(rows).toHaveLength(2_000);
    for (const row of rows) {
      expect(toIsoTimestamp(BigInt(String(row['us'])) * 1_000n)).toBe(String(row['text']).replace(' ', 'T'));
      expect(toIsoDate(Number(row['days']))).toBe(row['day']);
    }
  });
});

/** `'f2': a, 'f1': b` */
function fields(values: readonly string[], before: string, after: string): string {
  return values.map((value, at) => `${before}${String(values.length - at)}${after}${value}`).join(', ');
}

describe('a row', () => {
  test('keeps the order of its columns, also of those called as whole numbers', async () => {
    const rows = await rowsOf(database, `SELECT 'x' AS name, 1 AS "2021", 2 AS "2020", 3 AS "2020"`);
    expect(JSON.stringify(rows)).toBe('[{"name":"x","2021":1,"2020":2,"2020_1":3}]');
    expect(Object.keys(rows[0] ?? {})).toEqual(['name', '2021', '2020', '2020_1']);
  });

  test('keeps columns of the same name apart', async () => {
    expect(await rowsOf(database, 'SELECT 1 AS a, 2 AS a, 3 AS a, 4 AS b')).toEqual([{ a: 1, a_1: 2, a_2: 3, b: 4 }]);
  });

  test('keeps columns apart also where one is called what another would become', async () => {
    expect(await rowsOf(database, 'SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a_1')).toEqual([
      { a: 1, a_2: 2, a_1: 3, a_1_1: 4 },
    ]);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ' ', 'a.b', '"'])(
    'may have a column called %j',
    async (name) => {
      const [row] = await rowsOf(database, `SELECT 1 AS "${name.replaceAll('"', '""')}"`);
      expect(JSON.stringify(row)).toBe(`{${JSON.stringify(name)}:1}`);
    },
  );
});

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseRegistry, GenerationDatabase, type JsonValue } from '../../../src/runtime/index.js';
import { toIsoDate, toIsoTimestamp } from '../../../src/runtime/duckdb/iso-time.js';
import { rowsOf, specOf, valueOf } from './temporary-database.js';

const folder = mkdtempSync(join(tmpdir(), 'mxcp-values-'));
const registry = new DatabaseRegistry();
let database: GenerationDatabase;

beforeAll(async () => {
  database = await GenerationDatabase.build(registry, specOf(join(folder, 'data.duckdb')));
  await database.commit();
});

afterAll(async () => {
  await database.dispose();
  await registry.dispose();
  rmSync(folder, { recursive: true });
});

const VALUES: readonly (readonly [string, JsonValue])[] = [
  ['NULL', null],
  ['TRUE', true],
  ['127::TINYINT', 127],
  ['(-32768)::SMALLINT', -32_768],
  ['2147483647::INTEGER', 2_147_483_647],
  ['255::UTINYINT', 255],
  ['65535::USMALLINT', 65_535],
  ['4294967295::UINTEGER', 4_294_967_295],
  ['9007199254740991::BIGINT', 9_007_199_254_740_991],
  ['9007199254740992::BIGINT', '9007199254740992'],
  ['(-9007199254740992)::BIGINT', '-9007199254740992'],
  ['9223372036854775807::BIGINT', '9223372036854775807'],
  ['18446744073709551615::UBIGINT', '18446744073709551615'],
  ['1::HUGEINT', 1],
  ['170141183460469231731687303715884105727::HUGEINT', '170141183460469231731687303715884105727'],
  ['340282366920938463463374607431768211455::UHUGEINT', '340282366920938463463374607431768211455'],
  [
    "'123456789012345678901234567890123456789012345'::BIGNUM",
    '123456789012345678901234567890123456789012345',
  ],
  ['1.5::FLOAT', 1.5],
  ['0.1::DOUBLE', 0.1],
  ['1e300', 1e300],
  ["'NaN'::DOUBLE", null],
  ["'infinity'::DOUBLE", null],
  ["'-infinity'::FLOAT", null],
  ['12.50::DECIMAL(10,2)', 12.5],
  ['(-0.001)::DECIMAL(4,3)', -0.001],
  ['999999999999999::DECIMAL(18,0)', 999_999_999_999_999],
  ['1234567890123456.5::DECIMAL(18,1)', '1234567890123456.5'],
  ['0.1234567890123456789::DECIMAL(38,19)', '0.1234567890123456789'],
  ["'text'", 'text'],
  ["''", ''],
  ['\'ü € 😀 "quoted"\'', 'ü € 😀 "quoted"'],
  ["DATE '2024-02-29'", '2024-02-29'],
  ["DATE '0044-03-15 (BC)'", '-000043-03-15'],
  ["DATE '12024-01-01'", '+012024-01-01'],
  ["DATE 'infinity'", 'infinity'],
  ["DATE '-infinity'", '-infinity'],
  ["TIMESTAMP '2024-01-02 03:04:05'", '2024-01-02T03:04:05'],
  ["TIMESTAMP '2024-01-02 03:04:05.120'", '2024-01-02T03:04:05.12'],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", '1969-12-31T23:59:59.999999'],
  ["TIMESTAMP '294247-01-10 04:00:54'", '+294247-01-10T04:00:54'],
  ["TIMESTAMP '0044-03-15 (BC) 10:00:00'", '-000043-03-15T10:00:00'],
  ["TIMESTAMP 'infinity'", 'infinity'],
  ["TIMESTAMP_S '2024-01-02 03:04:05'", '2024-01-02T03:04:05'],
  ["TIMESTAMP_MS '2024-01-02 03:04:05.678'", '2024-01-02T03:04:05.678'],
  ["TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", '2024-01-02T03:04:05.123456789'],
  ["TIMESTAMP_NS '1969-12-31 23:59:59.123456789'", '1969-12-31T23:59:59.123456789'],
  ["'-infinity'::TIMESTAMP_NS", '-infinity'],
  ["TIMESTAMPTZ '2024-01-02 03:04:05+02'", '2024-01-02T01:04:05+00:00'],
  ["TIMESTAMPTZ '2024-01-02 03:04:05.5-05:30'", '2024-01-02T08:34:05.5+00:00'],
  ["TIMESTAMPTZ '-infinity'", '-infinity'],
  ["TIME '01:02:03'", '01:02:03'],
  ["TIME '01:02:03.456789'", '01:02:03.456789'],
  ["'01:02:03.123456789'::TIME_NS", '01:02:03.123456789'],
  ["TIMETZ '01:02:03.5+02'", '01:02:03.5+02:00'],
  ["TIMETZ '01:02:03-05:30'", '01:02:03-05:30'],
  ["INTERVAL '14 months 3 days 01:02:03.5'", 'P1Y2M3DT1H2M3.5S'],
  ["INTERVAL '-1 day'", 'P-1D'],
  ["INTERVAL '0 days'", 'PT0S'],
  ["'text'::BLOB", 'text'],
  ["''::BLOB", ''],
  ["'\\xFF\\xFE\\x00'::BLOB", '//4A'],
  ["'c2b2b1a0-0000-4000-8000-0123456789ab'::UUID", 'c2b2b1a0-0000-4000-8000-0123456789ab'],
  ["'00000000-0000-0000-0000-000000000000'::UUID", '00000000-0000-0000-0000-000000000000'],
  ["'medium'::ENUM('small', 'medium')", 'medium'],
  ["'0101'::BIT", '0101'],
  ['\'{"a": 1}\'::JSON', '{"a": 1}'],
  ['[1, NULL, 3]', [1, null, 3]],
  ['[]', []],
  ['[[1], [], NULL]', [[1], [], null]],
  ['[1, 2]::INTEGER[2]', [1, 2]],
  ["{'a': 1, 'b': NULL, 'c d': 'x'}", { a: 1, b: null, 'c d': 'x' }],
  ["MAP {'k': 1, 'l': NULL}", { k: 1, l: null }],
  ["MAP {1: 'one', 2: 'two'}", { '1': 'one', '2': 'two' }],
  ["MAP {DATE '2024-01-02': 1}", { '2024-01-02': 1 }],
  ["MAP {[1, 2]: 'list'}", { '[1,2]': 'list' }],
  ['MAP {}', {}],
  ['union_value(number := 5)', 5],
  ["union_value(day := DATE '2024-01-02')", '2024-01-02'],
  [
    "{'a': [{'b': MAP {'c': [DATE '2024-01-02', NULL]}}], 'n': 9007199254740993}",
    {
      a: [{ b: { c: ['2024-01-02', null] } }],
      n: '9007199254740993',
    },
  ],
  [
    "[{'when': TIMESTAMP '2024-01-02 03:04:05', 'nan': 'NaN'::DOUBLE}]",
    [{ when: '2024-01-02T03:04:05', nan: null }],
  ],
  ["{'a': [1, NULL], 'b': 'two'}::VARIANT", { a: [1, null], b: 'two' }],
  ['42::VARIANT', 42],
  ["'POINT(1 2)'::GEOMETRY", '0101000000000000000000F03F0000000000000040'],
];

describe('a value of SQL', () => {
  test.each(VALUES)('%s is given as %j', async (expression, json) => {
    expect(await valueOf(database, `SELECT ${expression} AS v`)).toEqual(json);
  });

  test('that is NULL is null in every type', async () => {
    const types = [
      'TINYINT',
      'HUGEINT',
      'DOUBLE',
      'DECIMAL(20,2)',
      'VARCHAR',
      'DATE',
      'TIMESTAMP',
      'TIMESTAMPTZ',
    ];
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
    for (const type of [...types, ...more])
      expect(await valueOf(database, `SELECT NULL::${type} AS v`)).toBeNull();
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

describe('a row', () => {
  test('keeps columns of the same name apart', async () => {
    expect(await rowsOf(database, 'SELECT 1 AS a, 2 AS a, 3 AS a, 4 AS b')).toEqual([
      { a: 1, a_1: 2, a_2: 3, b: 4 },
    ]);
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

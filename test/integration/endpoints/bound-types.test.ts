import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toJson } from '../../../src/endpoints/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { anonymous, foldersOf, openProject } from '../../kit/projects/endpoint-project.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

function tool(name: string, sql: string, type: string, returns = 'return: { type: object }'): readonly string[] {
  return sqlTool(name, sql, [`parameters: [{ name: v, ${type} }]`, returns]);
}

const EVERY_TYPE = [
  ['text', 'type: string', 'VARCHAR'],
  ['whole', 'type: integer', 'BIGINT'],
  ['number', 'type: number', 'DOUBLE'],
  ['truth', 'type: boolean', 'BOOLEAN'],
  ['date', 'type: string, format: date', 'DATE'],
  ['time', 'type: string, format: time', 'TIME'],
  ['when', 'type: string, format: date-time', 'TIMESTAMP WITH TIME ZONE'],
  ['epoch', 'type: number, format: timestamp', 'TIMESTAMP'],
  ['list', 'type: array, items: { type: integer }', 'BIGINT[]'],
  ['struct', 'type: object, properties: { a: { type: string, format: date } }', 'STRUCT(a DATE)'],
] as const;

const FILES: Record<string, readonly string[]> = {
  ...Object.fromEntries(
    EVERY_TYPE.map(([name, type]) => [
      `tools/${name}.yml`,
      tool(name, 'SELECT typeof($v) AS type, $v AS v', `${type}, default: null`),
    ]),
  ),
  'tools/year.yml': tool(
    'year',
    'SELECT year($v) AS y, $v + INTERVAL 1 DAY AS next',
    'type: string, format: date, default: null',
  ),
  'tools/square.yml': tool('square', 'SELECT $v * $v AS v, $v // 2 AS half, typeof($v) AS type', 'type: number'),
  'tools/numbers.yml': tool('numbers', 'SELECT typeof($v) AS type, $v AS v', 'type: array, items: { type: number }'),
  'tools/free.yml': tool('free', 'SELECT typeof($v) AS type, $v[1].k0 AS first, len($v) AS n', 'type: array'),
  'tools/part.yml': tool(
    'part',
    'SELECT typeof($v[1].a) AS type, len($v) AS n',
    'type: array, items: { type: object, properties: { a: { type: integer } } }',
  ),
  'tools/at.yml': tool(
    'at',
    "SELECT CASE $v WHEN 1 THEN 'tomorrow' WHEN 2 THEN '2024-01-01' WHEN 3 THEN '2024-01-01 10:00:00+02' END AS at",
    'type: integer',
    'return: { type: object, properties: { at: { type: string, format: date-time } } }',
  ),
  'tools/stored.yml': sqlTool(
    'stored',
    "SELECT unnest(['1000-01-01 (BC)'::TIMESTAMP, '2024-02-29 23:59:59.123456', '200000-01-01', NULL]) AS at, " +
      "unnest(['24:00:00'::TIME, '10:30:00.5', NULL, '00:00:00']) AS time, '10:30:00+02'::TIMETZ AS zoned",
    [
      'return: { type: array, items: { type: object, properties: { at: { type: string, format: date-time },' +
        ' time: { type: string, format: time }, zoned: { type: string, format: time } } } }',
    ],
  ),
};

describe('the SQL type of an argument', () => {
  const disposer = new Disposer();
  let call: (name: string, v?: unknown) => Promise<unknown>;

  beforeAll(async () => {
    const project = new TemporaryProject(FILES);
    disposer.defer(() => Promise.resolve(project[Symbol.dispose]()));
    const { calls, catalog } = await openProject(foldersOf(project.root), disposer);
    expect(catalog.failures).toEqual([]);
    call = async (name, v) => {
      const result = await calls.callTool(name, v === undefined ? {} : { v }, anonymous());
      return toJson(result);
    };
  });
  afterAll(() => disposer.dispose());

  it.each(EVERY_TYPE)('is the declared one for null: %s', async (name, _, type) => {
    expect(await call(name)).toEqual({ type, v: null });
  });

  it('lets functions of dates take null', async () => {
    expect(await call('year')).toEqual({ y: null, next: null });
    expect(await call('year', '2024-02-28')).toEqual({ y: 2024, next: '2024-02-29T00:00:00' });
  });

  it('is DOUBLE for a number that a double holds', async () => {
    expect(await call('square', 5_000_000_000)).toEqual({ v: 25e18, half: 2_500_000_000, type: 'DOUBLE' });
    expect(await call('square', 7)).toEqual({ v: 49, half: 3.5, type: 'DOUBLE' });
    expect(await call('square', '1152921504606846976')).toMatchObject({ type: 'DOUBLE' });
    expect(await call('numbers', [1, 2])).toEqual({ type: 'DOUBLE[]', v: [1, 2] });
    expect(await call('numbers', [1, '9007199254740993'])).toEqual({ type: 'BIGINT[]', v: [1, '9007199254740993'] });
  });

  it('is one STRUCT for objects that have something in common, and JSON for those that have not', async () => {
    const unlike = (count: number) => Array.from({ length: count }, (_, at) => ({ [`k${at}`]: at + 0.5 }));
    expect(await call('free', unlike(3))).toEqual({
      type: 'STRUCT(k0 DOUBLE, k1 DOUBLE, k2 DOUBLE)[]',
      first: 0.5,
      n: 3,
    });
    expect(await call('free', unlike(3000))).toEqual({ type: 'JSON[]', first: 0.5, n: 3000 });
    const wide = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`k${at}`, at]));
    expect(await call('free', [wide])).toEqual({ type: 'JSON[]', first: 0, n: 1 });
    expect(await call('part', [{ a: 1 }, { b: 2 }])).toEqual({ type: 'BIGINT', n: 2 });
    await expect(call('part', unlike(300))).rejects.toMatchObject({
      code: 'params_invalid',
      message:
        '"v[]" has too many different members that are not declared; send fewer, or declare a type without members',
    });
  });

  it('is checked in results too', async () => {
    await expect(call('at', 1)).rejects.toThrow('"at" must be a date and time');
    await expect(call('at', 2)).rejects.toThrow('"at" must be a date and time');
    expect(await call('at', 3)).toEqual({ at: '2024-01-01 10:00:00+02' });
    expect(await call('stored')).toHaveLength(4);
  });
});

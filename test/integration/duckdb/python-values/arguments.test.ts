import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DeclaredValue,
  toTaggedArguments,
  TypedText,
  type JsonValue,
  type ParameterValue,
} from '../../../../src/duckdb/index.js';
import { jsonOf, show, toJsonValue, toResults } from './convert.js';

const ARGUMENTS: readonly (readonly [ParameterValue, string])[] = [
  ['text', "str('text')"],
  ['', "str('')"],
  ['😀 \u2028 \0 "', "str('😀 \\u2028 \\x00 \"')"],
  [1, 'int(1)'],
  [1.5, 'float(1.5)'],
  [9_007_199_254_740_993n, 'int(9007199254740993)'],
  [-(2n ** 70n), 'int(-1180591620717411303424)'],
  [true, 'bool(True)'],
  [null, 'NoneType(None)'],
  [[1, [null], 'x'], "[int(1), [NoneType(None)], str('x')]"],
  [{ a: { b: [] } }, "{str('a'): {str('b'): []}}"],
  [{ $: 'date', v: '2024-01-01' }, "{str('$'): str('date'), str('v'): str('2024-01-01')}"],
  [{ __proto__x: 1, constructor: 2 }, "{str('__proto__x'): int(1), str('constructor'): int(2)}"],
  [new TypedText('DATE', '2024-02-29'), 'date(datetime.date(2024, 2, 29))'],
  [new TypedText('TIME', '01:02'), 'time(datetime.time(1, 2))'],
  [new TypedText('TIME', '01:02:03.123456789'), 'time(datetime.time(1, 2, 3, 123456))'],
  [new TypedText('TIME', '01:02:03+05:30'), 'time(01:02:03+05:30)'],
  [new TypedText('TIMESTAMP', '2024-01-02'), 'datetime(datetime.datetime(2024, 1, 2, 0, 0))'],
  [new TypedText('TIMESTAMP', '2024-01-02 03:04'), 'datetime(datetime.datetime(2024, 1, 2, 3, 4))'],
  [new TypedText('TIMESTAMP', '2024-01-02t03:04:05.6'), 'datetime(datetime.datetime(2024, 1, 2, 3, 4, 5, 600000))'],
  [new TypedText('TIMESTAMPTZ', '2024-01-02T03:04:05Z'), 'datetime(2024-01-02T03:04:05+00:00)'],
  [new TypedText('TIMESTAMPTZ', '2024-01-02T03:04:05.678z'), 'datetime(2024-01-02T03:04:05.678000+00:00)'],
  [new TypedText('TIMESTAMPTZ', '2024-01-02T03:04:05+05:30'), 'datetime(2024-01-02T03:04:05+05:30)'],
  [new TypedText('TIMESTAMPTZ', '2024-01-02T03:04:05 -0330'), 'datetime(2024-01-02T03:04:05-03:30)'],
  [new TypedText('TIMESTAMPTZ', '2024-01-02T03:04+01'), 'datetime(2024-01-02T03:04:00+01:00)'],
  [[new TypedText('DATE', '2024-01-01')], '[date(datetime.date(2024, 1, 1))]'],
  [new DeclaredValue({ a: 1 }, { a: 1, b: 'x' }), "{str('a'): int(1)}"],
  [{ d: new TypedText('DATE', '2024-01-01') }, "{str('d'): date(datetime.date(2024, 1, 1))}"],
];

test('reach Python as its own values', async () => {
  const shown = await show(
    'show-arguments',
    ARGUMENTS.map(([value]) => toTaggedArguments({ x: value })),
  );
  expect(shown).toEqual(ARGUMENTS.map(([, python]) => `{str('x'): ${python}}`));
});

test('of any JSON value, under any name, come back as they were', async () => {
  const samples: readonly Record<string, JsonValue>[] = fc.sample(
    fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }).map(toJsonValue), { maxKeys: 4 }),
    500,
  );
  const results = await toResults('arguments', samples.map(toTaggedArguments));
  expect(results.map((result) => jsonOf(result))).toEqual(samples.map((value) => JSON.parse(JSON.stringify(value))));
});

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ANONYMOUS } from '../../../../src/caller/index.js';
import { parseTaggedParameters } from '../../../../src/duckdb/index.js';
import { executeIn } from '../../../kit/python-values.js';
import { openDatabase } from '../temporary-database.js';
import { encode, show } from './convert.js';

/** What `SELECT $x` makes of each value, in the words of `show`. */
async function sendThrough(expressions: readonly string[]): Promise<readonly string[]> {
  const session = (await openDatabase()).openSession(ANONYMOUS);
  await executeIn(session, "SET TimeZone = 'UTC'");
  const results = [];
  for (const parameters of await encode('encode', expressions))
    results.push(await executeIn(session, 'SELECT $x AS v', parseTaggedParameters(parameters)));
  return show('show-rows', results);
}

const integers = fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n }).map((value) => `(${value})`);
const smallIntegers = fc.integer().map((value) => `(${value})`);
const floats = fc.double().map((value) => `float("${Object.is(value, -0) ? '-0' : value}")`);
const texts = fc.string({ unit: 'binary' }).map((value) => JSON.stringify(value));
const dates = fc.integer({ min: 1, max: 3_652_059 }).map((day) => `dt.date.fromordinal(${day})`);
const moments = fc
  .bigInt({ min: 0n, max: 315_537_897_599_999_999n })
  .map((micros) => `(dt.datetime.min + dt.timedelta(microseconds=${micros}))`);
const utcMoments = moments.map((moment) => `${moment}.replace(tzinfo=dt.timezone.utc)`);
const clocks = fc.integer({ min: 0, max: 86_399_999_999 }).map((micros) => {
  return `(dt.datetime.min + dt.timedelta(microseconds=${micros})).time()`;
});
const spans = fc
  .tuple(fc.integer({ min: -999_999_999, max: 999_999_998 }), fc.integer({ min: 0, max: 86_399_999_999 }))
  .map(([days, micros]) => `dt.timedelta(days=${days}, microseconds=${micros})`);
const bytes = fc.uint8Array().map((value) => `bytes([${value.join(', ')}])`);
const ids = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => `uuid.UUID(int=${value})`);
const kinds = [smallIntegers, floats, texts, dates, moments, utcMoments, clocks, spans, bytes, ids];
const scalars = fc.oneof(...kinds, integers, fc.constantFrom('None', 'True', 'False'));
const lists = fc
  .constantFrom(...kinds)
  .chain((kind) => fc.array(fc.oneof(kind, fc.constant('None')), { maxLength: 5 }))
  .map((items) => `[${items.join(', ')}]`);
const records = fc
  .dictionary(fc.string({ minLength: 1 }), fc.oneof(scalars, lists), { minKeys: 1, maxKeys: 4 })
  .filter(
    (fields) => new Set(Object.keys(fields).map((name) => name.toLowerCase())).size === Object.keys(fields).length,
  )
  .map((fields) => `{${Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}: ${value}`)}}`);

test('of every kind come back from the database as they were', async () => {
  const expressions = fc.sample(fc.oneof(scalars, lists, records), 1_500);
  expect(await sendThrough(expressions)).toEqual(await show('show', expressions));
});

test('that are decimals keep each of their digits', async () => {
  const expressions = fc.sample(
    fc
      .tuple(fc.bigInt({ min: 1n, max: 10n ** 38n - 1n }), fc.integer({ min: 0, max: 38 }), fc.boolean())
      .map(([digits, scale, negative]) => `Decimal((${negative ? 1 : 0}, tuple(map(int, "${digits}")), -${scale}))`),
    500,
  );
  expect(await sendThrough(expressions)).toEqual(await show('show', expressions));
});

test('are a dict, or a list whose places count from one', async () => {
  expect(
    await encode('encode-all', ['None', '{}', '{"a": 1}', '{1: 2}', '[5, "x"]', '(5,)', 'range(2)', 'iter([1])']),
  ).toEqual([{}, {}, { a: 1 }, { 1: 2 }, { 1: 5, 2: 'x' }, { 1: 5 }, { 1: 0, 2: 1 }, { 1: 1 }]);
});

test.each([
  ['5', 'TypeError: the parameters of a query are a dict or a list, not of type "int"'],
  ['"text"', 'TypeError: the parameters of a query are a dict or a list, not of type "str"'],
  ['{"a": {1, 2}}', 'TypeError: parameter a is of type "set", which no SQL type represents'],
  ['[1, [object()]]', 'TypeError: parameter 2[0] is of type "object", which no SQL type represents'],
  ['{"c": circle()}', 'TypeError: parameter c contains itself, or is nested too deeply'],
  ['{1: 2, "1": 3}', 'TypeError: the dict of parameters has two keys that are "1" as text'],
  ['{"a": [{1: 2, "1": 3}]}', 'TypeError: parameter a[0] has two keys that are "1" as text'],
  ['[2**128]', 'OverflowError: parameter 1 is an integer of more than 128 bits, which no SQL type holds'],
])('that cannot be sent are refused with their place: %s', async (expression, message) => {
  expect(await encode('encode-all', [expression])).toEqual([{ error: expect.stringContaining(message) }]);
});

test.each([
  ['text'],
  [[1]],
  [null],
  [{ x: { $: 'unknown', v: 1 } }],
  [{ x: { $: 'int' } }],
  [{ x: { $: 'int', v: 'many' } }],
  [{ x: { $: 'decimal', v: '1e5' } }],
  [{ x: { $: 'struct', v: 1 } }],
  [{ x: [{ y: 1 }] }],
])('that the worker would never send are refused: %j', (parameters) => {
  expect(() => parseTaggedParameters(parameters)).toThrow(
    expect.objectContaining({ code: 'query_failed', message: expect.stringContaining('query parameters') }),
  );
});

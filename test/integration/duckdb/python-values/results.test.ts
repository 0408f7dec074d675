import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toTaggedArguments } from '../../../../src/duckdb/index.js';
import { jsonOf, toJsonValue, toResults } from './convert.js';

const VALUES: readonly (readonly [string, string])[] = [
  ['None', 'null'],
  ['True', 'true'],
  ['5', '5'],
  ['2**53 - 1', '9007199254740991'],
  ['2**53', '"9007199254740992"'],
  ['-2**53', '"-9007199254740992"'],
  ['10**40', '"10000000000000000000000000000000000000000"'],
  ['Size.SMALL', '3'],
  ['1.0', '1'],
  ['-0.0', '0'],
  ['1.5', '1.5'],
  ['0.1', '0.1'],
  ['1e300', '1e+300'],
  ['float("nan")', 'null'],
  ['float("inf")', 'null'],
  ['float("-inf")', 'null'],
  ['Decimal("12.50")', '12.5'],
  ['Decimal("-0.001")', '-0.001'],
  ['Decimal("0.00")', '0'],
  ['Decimal("1E+3")', '1000'],
  ['Decimal("999999999999999")', '999999999999999'],
  ['Decimal("1234567890123456.5")', '"1234567890123456.5"'],
  ['Decimal("0.1234567890123456789")', '"0.1234567890123456789"'],
  ['Decimal("1E-20")', '1e-20'],
  ['Decimal("1E-400")', `"0.${'0'.repeat(399)}1"`],
  ['Decimal("NaN")', 'null'],
  ['Decimal("Infinity")', 'null'],
  ['"text"', '"text"'],
  ['Text("text")', '"text"'],
  ['"ü € 😀 \\" \\\\ \\n \\0"', '"ü € 😀 \\" \\\\ \\n \\u0000"'],
  ['"\\ud83d\\ude00"', '"😀"'],
  ['"half \\ud83d"', '"half \ufffd"'],
  ['Tone.HIGH', '"high"'],
  ['Color.RED', '"red"'],
  ['Color.PAIR', '[1,2]'],
  ['b"text"', '"text"'],
  ['b"\\xff\\xfe\\x00"', '"//4A"'],
  ['bytearray(b"text")', '"text"'],
  ['memoryview(b"text")', '"text"'],
  ['uuid.UUID(int=5)', '"00000000-0000-0000-0000-000000000005"'],
  ['pathlib.PurePosixPath("a/b")', '"a/b"'],
  ['ipaddress.ip_address("::1")', '"::1"'],
  ['dt.date(1, 1, 1)', '"0001-01-01"'],
  ['dt.datetime(2024, 1, 2)', '"2024-01-02T00:00:00"'],
  ['dt.datetime(2024, 1, 2, 3, 4, 5, 120000)', '"2024-01-02T03:04:05.12"'],
  ['dt.datetime(2024, 1, 2, 3, 4, 5, 6)', '"2024-01-02T03:04:05.000006"'],
  ['dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc)', '"2024-01-02T00:00:00+00:00"'],
  ['dt.datetime(2024, 1, 2, 3, 4, 5, 500000, dt.timezone(-dt.timedelta(hours=3.5)))', '"2024-01-02T03:04:05.5-03:30"'],
  ['dt.time(1, 2, 3, 450000)', '"01:02:03.45"'],
  ['dt.time(1, 2, tzinfo=dt.timezone.utc)', '"01:02:00+00:00"'],
  ['dt.timedelta(0)', '"PT0S"'],
  ['dt.timedelta(days=3, hours=1, minutes=2, seconds=3.5)', '"P3DT1H2M3.5S"'],
  ['dt.timedelta(days=-1)', '"P-1D"'],
  ['dt.timedelta(microseconds=-1)', '"PT-0.000001S"'],
  ['dt.timedelta(hours=-25)', '"P-1DT-1H"'],
  ['{}', '{}'],
  ['{"a": 1, "b": {"c": [None, 2.0]}}', '{"a":1,"b":{"c":[null,2]}}'],
  ['{1: 2, None: 3, False: 4, 1.5: 5, 2.0: 6}', '{"1":2,"null":3,"false":4,"1.5":5,"2":6}'],
  ['{dt.date(2024, 1, 2): 1, (1, "a"): 2, Color.RED: 3, b"k": 4}', '{"2024-01-02":1,"[1,\\"a\\"]":2,"red":3,"k":4}'],
  ['{float("nan"): 1, float("inf"): 2, float("-inf"): 3}', '{"nan":1,"inf":2,"-inf":3}'],
  ['{"name": 1, 2021: 2, 2020: 3}', '{"name":1,"2021":2,"2020":3}'],
  ['collections.UserString("text")', '"text"'],
  ['types.MappingProxyType({"a": 1})', '{"a":1}'],
  ['collections.OrderedDict(b=1, a=2)', '{"b":1,"a":2}'],
  ['collections.Counter("aab")', '{"a":2,"b":1}'],
  [
    'Order(1, Order(2), [Order(3)])',
    '{"id":1,"next":{"id":2,"next":null,"lines":[]},"lines":[{"id":3,"next":null,"lines":[]}]}',
  ],
  ['Slotted(1)', '{"a":1}'],
  ['Point(1, Point(2, None))', '{"x":1,"y":{"x":2,"y":null}}'],
  [
    'Model(a=1, when=dt.date(2024, 1, 2), inner=Model(b=Decimal("1.10")))',
    '{"a":1,"when":"2024-01-02","inner":{"b":1.1}}',
  ],
  ['Model()', '{}'],
  ['OldModel()', '{"a":1}'],
  ['Attributes()', '{"a":1,"b":"2024-01-02"}'],
  [
    '{"list": [1], "tuple": (1,), "set": {1}, "range": range(2), "items": (i for i in "ab")}',
    '{"list":[1],"tuple":[1],"set":[1],"range":[0,1],"items":["a","b"]}',
  ],
  ['(lambda shared: {"a": shared, "b": [shared, shared]})({"x": []})', '{"a":{"x":[]},"b":[{"x":[]},{"x":[]}]}'],
];

const LISTS: readonly (readonly [string, readonly string[]])[] = [
  ['[]', []],
  ['[1, "a", None, [2]]', ['1', '"a"', 'null', '[2]']],
  ['(1, 2)', ['1', '2']],
  ['{3, 1, 2}', ['1', '2', '3']],
  ['frozenset("ba")', ['"a"', '"b"']],
  ['{"b", 1, None}', ['null', '1', '"b"']],
  ['range(3)', ['0', '1', '2']],
  ['({"n": n} for n in range(2))', ['{"n":0}', '{"n":1}']],
  ['iter([1, 2])', ['1', '2']],
  ['map(str, [1, 2])', ['"1"', '"2"']],
  ['{"a": 1}.keys()', ['"a"']],
  ['{"a": 1}.values()', ['1']],
  ['{"a": 1}.items()', ['["a",1]']],
  ['collections.deque([1, 2])', ['1', '2']],
  ['[Order(1)]', ['{"id":1,"next":null,"lines":[]}']],
  ['[Point(1, 2)]', ['{"x":1,"y":2}']],
  ['[[], {}, ""]', ['[]', '{}', '""']],
];

const NO_JSON: readonly (readonly [string, string])[] = [
  ['object()', 'result is of type "object"; return dicts, lists'],
  ['[1, {"a b": [object()]}]', `result[1]['a b'][0] is of type "object"`],
  ['{"owner": Order(1, {2: 1j})}', 'result.owner.next[2] is of type "complex"'],
  ['Order', 'result is of type "type"'],
  ['[print]', 'result[0] is of type "builtin_function_or_method"'],
  ['(o for o in [1, object])', 'result[1] is of type "type"'],
  ['circle()', 'result[1].again contains itself'],
  ['{"c": circle()}', 'result.c[1].again contains itself'],
  ['own_loop()', 'result.next[0].back contains itself'],
  ['{1: "a", "1": "b"}', `result has two keys that are "1" in JSON: 1 and '1'`],
  ['[{"by": {(1, 2): 3, "[1,2]": 4}}]', `result[0].by has two keys that are "[1,2]" in JSON: (1, 2) and '[1,2]'`],
  ['{float("nan"): 1, float("-nan"): 2}', 'result has two keys that are "nan" in JSON: nan and nan'],
  ['{None: 1, "null": 2}', `result has two keys that are "null" in JSON: None and 'null'`],
  ['{b"k": 1, "k": 2}', `result has two keys that are "k" in JSON: b'k' and 'k'`],
  ['deep(100000)', 'is nested too deeply'],
  ['{"a": deep(100000)}', 'is nested too deeply'],
];

describe('what a function returns', () => {
  test('is the JSON that an SQL endpoint gives for the same, one value at a time', async () => {
    const results = await toResults(
      'results',
      VALUES.map(([expression]) => expression),
    );
    expect(results).toEqual(VALUES.map(([, text]) => ({ shape: 'value', texts: [text] })));
    const inside = await toResults(
      'results',
      VALUES.map(([expression]) => `[{"v": ${expression}}]`),
    );
    expect(inside).toEqual(VALUES.map(([, text]) => ({ shape: 'list', texts: [`{"v":${text}}`] })));
  });

  test('comes item by item when it is a list of any kind', async () => {
    const results = await toResults(
      'results',
      LISTS.map(([expression]) => expression),
    );
    expect(results).toEqual(LISTS.map(([, texts]) => ({ shape: 'list', texts })));
  });

  test('is an error that names type and place where it is no JSON', async () => {
    const results = await toResults(
      'results',
      NO_JSON.map(([expression]) => expression),
    );
    expect(results).toEqual(NO_JSON.map(([, words]) => ({ error: expect.stringContaining(words) })));
    for (const result of results)
      expect('error' in result && result.error).toMatch(/^TypeError: the result cannot be converted to JSON: result/);
  });

  test('is made while a generator runs, so that its own error is reported unchanged', async () => {
    expect(await toResults('results', ['failing()', '{"a": failing()}'])).toEqual([
      { error: 'LookupError: no more' },
      { error: 'LookupError: no more' },
    ]);
  });

  test('of any JSON value is that value again', async () => {
    const samples = fc.sample(fc.jsonValue({ maxDepth: 4 }).map(toJsonValue), 1_000);
    const results = await toResults(
      'arguments',
      samples.map((value) => toTaggedArguments({ value })),
    );
    expect(results.map((result) => jsonOf(result))).toEqual(samples.map((value) => ({ value })));
  });
});

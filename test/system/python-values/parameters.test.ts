import { expect, test } from 'vitest';
import { compareParameters, differences, linesOf } from './compare-values.js';

test('come back as those that are given to the Python package of DuckDB', async () => {
  const expressions = linesOf('parameters.txt');
  expect(expressions.length).toBeGreaterThan(150);
  expect(differences(await compareParameters(expressions))).toEqual([]);
});

/** What the package refuses or gets wrong, and what becomes of it here. */
const DIFFERENT: readonly (readonly [string, string, RegExp])[] = [
  ['Decimal("1E+3")', "Decimal(Decimal('1000'))", /Decimal\('1\.000'\)/],
  ['Decimal("-Infinity")', 'float(-inf)', /float\(inf\)/],
  ['np.int64(5)', 'int(5)', /NotImplementedException/],
  ['np.uint64(2**64 - 1)', 'int(18446744073709551615)', /NotImplementedException/],
  ['np.float32(0.5)', 'float(0.5)', /NotImplementedException/],
  ['np.bool_(True)', 'bool(True)', /NotImplementedException/],
  ['np.timedelta64(5, "s")', 'timedelta(datetime.timedelta(seconds=5))', /NotImplementedException/],
  [
    'np.datetime64("2024-01-02T03:04:05.123456789")',
    'datetime(datetime.datetime(2024, 1, 2, 3, 4, 5, 123456))',
    /int\(1704164645123456789\)/,
  ],
  ['[float("nan")]', 'list[float(nan)]', /NoneType\(None\)/],
  ['dt.time(1, tzinfo=dt.timezone(-dt.timedelta(hours=9)))', 'time(01:00:00-09:00)', /InvalidInputException/],
  ['dt.time(1, tzinfo=zoneinfo.ZoneInfo("Europe/Zurich"))', 'time(datetime.time(1, 0))', /AttributeError/],
];

test('are understood also where the Python package refuses them or gets them wrong', async () => {
  const compared = await compareParameters(DIFFERENT.map(([expression]) => expression));
  expect(compared.map(({ of, ours }) => [of, ours])).toEqual(
    DIFFERENT.map(([expression, ours]) => [
      expression,
      expect.stringMatching(new RegExp(`^list\\[dict\\{str\\('v'\\): ${ours.replace(/[()[\].]/g, '\\$&')}\\}\\]$`)),
    ]),
  );
  for (const [at, [, , theirs]] of DIFFERENT.entries()) expect(compared[at]?.theirs).toMatch(theirs);
});

test.each([
  ['{1, 2}', 'TypeError: parameter x is of type "set", which no SQL type represents'],
  ['[1, object()]', 'TypeError: parameter x[1] is of type "object", which no SQL type represents'],
  ['{"a": {"b": 1j}}', 'TypeError: parameter x.a.b is of type "complex", which no SQL type represents'],
  ['2**128', 'OverflowError: parameter x is an integer of more than 128 bits, which no SQL type holds'],
  ['pd.DataFrame({"a": [1]})', 'TypeError: parameter x is of type "DataFrame", which no SQL type represents'],
])('that no SQL type represents are refused with their place: %s', async (expression, message) => {
  const [compared] = await compareParameters([expression]);
  expect(compared?.ours).toBe(`list[dict{str('error'): str('${message}')}]`);
});

import { expect, test } from 'vitest';
import { compareRows, differences, linesOf, openSession } from './compare-values.js';

const EXPRESSIONS = linesOf('rows.txt');

test('are the values that the Python package of DuckDB gives, for every kind of value', async () => {
  expect(EXPRESSIONS.length).toBeGreaterThan(300);
  const statements = EXPRESSIONS.map((expression) => `SELECT ${expression} AS v`);
  const compared = await compareRows(await openSession(), 'UTC', [...statements, 'FROM test_all_types()']);
  expect(differences(compared)).toEqual([]);
  expect(compared).toHaveLength(EXPRESSIONS.length + 1);
});

test.each(['America/New_York', 'Asia/Kathmandu', 'Europe/Zurich', 'Etc/GMT+5', 'Pacific/Apia'])(
  'show the clock of %s when that is the zone of the connection',
  async (timeZone) => {
    const clocks = EXPRESSIONS.filter(
      // Zones of long ago are rounded to minutes there, and the summers after 2037 have no summer time.
      (expression) => /TIMESTAMPTZ|timezone/.test(expression) && /(19[789]|20[0123])\d-/.test(expression),
    );
    expect(clocks.length).toBeGreaterThan(40);
    const statements = clocks.map((expression) => `SELECT ${expression} AS v`);
    expect(differences(await compareRows(await openSession(), timeZone, statements))).toEqual([]);
  },
);

test('differ from those of the Python package where the package gives no value, or a wrong one', async () => {
  const compared = await compareRows(await openSession(), 'America/New_York', [
    "SELECT '0001-01-01 00:00:00+00'::TIMESTAMPTZ AS v",
    "SELECT '2050-07-01 12:00:00+00'::TIMESTAMPTZ AS v",
    "SELECT INTERVAL '178956970 years' AS v",
  ]);
  expect(compared.map(({ ours }) => ours)).toEqual([
    "list[dict{str('v'): str('0001-01-01 00:00:00+00')}]",
    "list[dict{str('v'): datetime(2050-07-01T08:00:00-04:00)}]",
    expect.stringMatching(/^OverflowError: /),
  ]);
  expect(compared.map(({ theirs }) => theirs)).toEqual([
    expect.stringMatching(/^OverflowError: /),
    "list[dict{str('v'): datetime(2050-07-01T07:00:00-05:00)}]",
    expect.stringMatching(/^OverflowError: /),
  ]);
});

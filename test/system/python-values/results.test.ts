import { expect, test } from 'vitest';
import { toResults } from './compare-values.js';

const FIRST = '{"n":1,"x":1.5,"t":"2024-01-02T03:04:05.5","s":"a","c":"u","i":1,"o":{"k":[1]}}';
const SECOND = '{"n":2,"x":null,"t":null,"s":null,"c":null,"i":null,"o":null}';

const RESULTS: readonly (readonly [string, readonly string[]])[] = [
  ['FRAME', ['list', FIRST, SECOND]],
  ['{"rows": FRAME}', ['value', `{"rows":[${FIRST},${SECOND}]}`]],
  ['FRAME[FRAME.n > 5]', ['list']],
  ['pd.DataFrame([[1, 2]], columns=["a", "a"])', ['list', '{"a":1,"a_1":2}']],
  ['pd.DataFrame([[1]], columns=[5])', ['list', '{"5":1}']],
  ['FRAME.n', ['list', '1', '2']],
  ['FRAME.t', ['list', '"2024-01-02T03:04:05.5"', 'null']],
  ['FRAME.i', ['list', '1', 'null']],
  ['FRAME.c', ['list', '"u"', 'null']],
  ['FRAME.index', ['list', '"first"', '"second"']],
  ['FRAME.n.sum()', ['value', '3']],
  ['FRAME.x.mean()', ['value', '1.5']],
  ['FRAME.iloc[0].to_dict()', ['value', FIRST]],
  ['FRAME.to_dict("records")', ['list', FIRST, SECOND]],
  ['pd.Series([{"a": 1}])', ['list', '{"a":1}']],
  ['pd.Categorical(["a", "b"])', ['list', '"a"', '"b"']],
  ['[pd.NaT, pd.NA, float("nan")]', ['list', 'null', 'null', 'null']],
  ['pd.Timestamp("2024-01-02T03:04:05.123456789")', ['value', '"2024-01-02T03:04:05.123456789"']],
  ['pd.Timestamp("2024-01-02", tz="Europe/Zurich")', ['value', '"2024-01-02T00:00:00+01:00"']],
  ['pd.Timedelta("1 day 2 hours")', ['value', '"P1DT2H"']],
  ['pd.Period("2024-01")', ['value', '"2024-01"']],
  ['{"i": pd.Interval(0, 1)}', ['value', '{"i":"(0, 1]"}']],
  ['np.int64(5)', ['value', '5']],
  ['np.uint64(2**64 - 1)', ['value', '"18446744073709551615"']],
  ['np.float32(0.5)', ['value', '0.5']],
  ['np.float64("nan")', ['value', 'null']],
  ['np.longdouble(1.5)', ['value', '1.5']],
  ['np.bool_(True)', ['value', 'true']],
  ['np.str_("x")', ['value', '"x"']],
  ['np.datetime64("2024-01-02")', ['value', '"2024-01-02"']],
  ['np.datetime64("2024-01")', ['value', '"2024-01-01"']],
  ['np.datetime64("2024-01-02T03:04:05.123456789")', ['value', '"2024-01-02T03:04:05.123456789"']],
  ['np.datetime64("NaT")', ['value', 'null']],
  ['np.timedelta64(90, "m")', ['value', '"PT1H30M"']],
  ['np.array([1, 2])', ['list', '1', '2']],
  ['np.array([[1.5, np.nan], [2, 3]])', ['list', '[1.5,null]', '[2,3]']],
  ['np.array(5)', ['value', '5']],
  ['np.array([])', ['list']],
  ['np.array(["2024-01-01", "NaT"], dtype="M8[D]")', ['list', '"2024-01-01"', 'null']],
  ['np.array([1, "x", None], dtype=object)', ['list', '1', '"x"', 'null']],
  ['np.ma.array([1, 2], mask=[False, True])', ['list', '1', 'null']],
  ['{np.int64(1): np.array([[1]])}', ['value', '{"1":[[1]]}']],
  [
    'Customer(name="Zoë", since="2024-01-02", friends=[Customer(name="Al", since="2020-01-01")])',
    [
      'value',
      '{"name":"Zoë","since":"2024-01-02","balance":1.5,"friends":[{"name":"Al","since":"2020-01-01","balance":1.5,"friends":[]}]}',
    ],
  ],
  [
    '[Customer(name="Al", since="2020-01-01")]',
    ['list', '{"name":"Al","since":"2020-01-01","balance":1.5,"friends":[]}'],
  ],
];

test('of numpy, pandas and pydantic are the JSON of the plain values they represent', async () => {
  expect(await toResults(RESULTS.map(([expression]) => expression))).toEqual(RESULTS.map(([, texts]) => texts));
});

test('of numpy and pandas without a JSON form are refused by name', async () => {
  const [complex, grouped] = await toResults(['[np.complex128(1)]', '{"g": FRAME.groupby("n")}']);
  expect(complex?.[1] ?? complex?.[0]).toContain('result[0] is of type "complex"');
  expect(grouped?.[0]).toContain('result.g is of type "DataFrameGroupBy"');
});

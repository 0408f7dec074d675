import { expect, test } from 'vitest';
import { toResults } from './compare-values.js';

const FIRST = '{"index":"first","n":1,"x":1.5,"t":"2024-01-02T03:04:05.5","s":"a","c":"u","i":1,"o":{"k":[1]}}';
const SECOND = '{"index":"second","n":2,"x":null,"t":null,"s":null,"c":null,"i":null,"o":null}';

function withoutIndex(json: string): string {
  return json.replace(/"index":"\w+",/, '');
}

const RESULTS: readonly (readonly [string, readonly string[]])[] = [
  ['FRAME', ['list', FIRST, SECOND]],
  ['{"rows": FRAME}', ['value', `{"rows":[${FIRST},${SECOND}]}`]],
  ['FRAME[FRAME.n > 5]', ['list']],
  ['pd.DataFrame([[1, 2]], columns=["a", "a"])', ['list', '{"a":1,"a_1":2}']],
  ['pd.DataFrame([[1]], columns=[5])', ['list', '{"5":1}']],
  ['FRAME.n', ['value', '{"first":1,"second":2}']],
  ['FRAME.reset_index().t', ['list', '"2024-01-02T03:04:05.5"', 'null']],
  ['FRAME.reset_index().i', ['list', '1', 'null']],
  ['FRAME.reset_index().c', ['list', '"u"', 'null']],
  // An index that is data.
  ['MASS.groupby("species")["g"].mean()', ['list', '{"species":"A","g":2}', '{"species":"B","g":5}']],
  ['MASS.groupby("species").sum()', ['list', '{"species":"A","g":4}', '{"species":"B","g":5}']],
  ['MASS.set_index("species")', ['list', '{"species":"A","g":1}', '{"species":"A","g":3}', '{"species":"B","g":5}']],
  ['MASS.species.value_counts()', ['list', '{"species":"A","count":2}', '{"species":"B","count":1}']],
  ['MASS.set_index("species").g.loc[["B"]]', ['list', '{"species":"B","g":5}']],
  ['MASS.groupby(["species", "g"]).size().iloc[:1]', ['list', '{"species":"A","g":1,"value":1}']],
  ['MASS.groupby("species").agg(["min", "max"]).iloc[:1]', ['list', '{"species":"A","g_min":1,"g_max":3}']],
  [
    'pd.crosstab(MASS.species, MASS.g)',
    ['list', '{"species":"A","1":1,"3":1,"5":0}', '{"species":"B","1":0,"3":0,"5":1}'],
  ],
  ['MASS.describe().iloc[:2]', ['list', '{"index":"count","g":3}', '{"index":"mean","g":3}']],
  ['MASS.g.describe().iloc[:2]', ['value', '{"count":3,"mean":3}']],
  [
    'pd.Series([1, 2, 3], pd.to_datetime(["2024-01-01", "2024-01-02", "2024-02-01"])).resample("MS").sum()',
    ['list', '{"index":"2024-01-01T00:00:00","value":3}', '{"index":"2024-02-01T00:00:00","value":3}'],
  ],
  ['pd.Series([1, 2], index=[2020, 2030])', ['list', '{"index":2020,"value":1}', '{"index":2030,"value":2}']],
  ['pd.Series([1, 2], index=["a", "a"])', ['list', '{"index":"a","value":1}', '{"index":"a","value":2}']],
  ['pd.DataFrame({"index": [1]}, index=["x"])', ['list', '{"index":"x","index_1":1}']],
  [
    'pd.DataFrame([[1, 2]], columns=pd.to_datetime(["2024-01-01", None]))',
    ['list', '{"2024-01-01T00:00:00":1,"NaT":2}'],
  ],
  // A row, with the names of its columns.
  ['MASS.iloc[0]', ['value', '{"species":"A","g":1}']],
  ['[MASS.loc[2]]', ['list', '{"species":"B","g":5}']],
  ['{"by": MASS.groupby("species")["g"].max()}', ['value', '{"by":[{"species":"A","g":3},{"species":"B","g":5}]}']],
  // The plain range that every table has is none.
  ['MASS', ['list', '{"species":"A","g":1}', '{"species":"A","g":3}', '{"species":"B","g":5}']],
  ['MASS.g', ['list', '1', '3', '5']],
  ['MASS.groupby("species", as_index=False).sum()', ['list', '{"species":"A","g":4}', '{"species":"B","g":5}']],
  ['FRAME.index', ['list', '"first"', '"second"']],
  ['FRAME.n.sum()', ['value', '3']],
  ['FRAME.x.mean()', ['value', '1.5']],
  ['FRAME.iloc[0].to_dict()', ['value', withoutIndex(FIRST)]],
  ['FRAME.to_dict("records")', ['list', withoutIndex(FIRST), withoutIndex(SECOND)]],
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
  ['np.ma.masked', ['value', 'null']],
  ['np.array([(1, "x")], dtype=[("a", "i4"), ("b", "U3")])', ['list', '{"a":1,"b":"x"}']],
  ['np.array([(1, "x")], dtype=[("a", "i4"), ("b", "U3")])[0]', ['value', '{"a":1,"b":"x"}']],
  ['Numbers([1, 2])', ['list', '1', '2']],
  ['{"n": Numbers([1])}', ['value', '{"n":[1]}']],
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

import { expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import { openForAllTests, rowsOf } from './temporary-database.js';

let database: GenerationDatabase;
openForAllTests((opened) => {
  database = opened;
});

const MAX_ROW_BYTES = 1_000_000;

test.each([
  ['a list', 'range(600000)'],
  ['a list of lists', '[range(300000), range(300000)]'],
  ['arrays', '[[1, 2, 3]::INTEGER[3] FOR i IN range(200000)]'],
  ['a map', 'map_from_entries([(i, i) FOR i IN range(300000)])'],
  ['a text', "repeat('x', 1100000)"],
  ['texts in a list', "[repeat('x', 600000), repeat('y', 600000)]"],
  ['a text in a struct', "{'a': [{'b': repeat('x', 1100000)}]}"],
  ['bytes', "repeat('x', 1100000)::BLOB"],
  ['a union', "union_value(u := repeat('x', 1100000))"],
  ['a list of a null and many', '[NULL, range(600000), NULL]'],
  ['a variant', 'range(600000)::VARIANT'],
])('%s of more bytes than a row may have is not read', async (_, expression) => {
  const rows: unknown[] = [];
  const query = database.query(
    `SELECT ${expression} AS v`,
    {},
    { caller: ANONYMOUS, maxRowBytes: MAX_ROW_BYTES, onRow: (row) => void rows.push(row) },
  );
  await expect(query).rejects.toMatchObject({
    code: 'result_too_large',
    message: 'a row of the result has a value of more than 1000000 bytes (--max-result-bytes); ask for less at once',
  });
  expect(rows).toEqual([]);
});

test.each([
  ['a list', 'range(300000)', 300_000],
  ['a text', "repeat('x', 900000)", 900_000],
])('%s of fewer bytes is read', async (_, expression, length) => {
  const [row] = await rowsOf(database, `SELECT ${expression} AS v`, {}, { maxRowBytes: MAX_ROW_BYTES });
  expect(row?.['v']).toHaveLength(length);
});

test('rows that share a long list are read up to the first that is too much', async () => {
  let count = 0;
  const query = database.query(
    'SELECT range(10000) AS v FROM range(2048)',
    {},
    {
      caller: ANONYMOUS,
      onRow: ({ v }) => {
        expect(v).toHaveLength(10_000);
        count += 1;
        if (count === 3) throw new Error('enough');
      },
    },
  );
  await expect(query).rejects.toThrow('enough');
});

test.each([
  ['range(1000001)', 'more than 1000000 items'],
  ['[range(500000), range(500000)]', 'more than 1000000 items'],
  ['list_transform(range(501), i -> range(2000))', 'more than 1000000 items'],
  ["repeat('x', 300000000)", 'more than 268435456 bytes'],
  ["repeat('9', 20000)::BIGNUM", 'more than 4096 bytes, as a BIGNUM'],
])('%s is too large whatever the limit', async (expression, reason) => {
  await expect(rowsOf(database, `SELECT ${expression} AS v`)).rejects.toMatchObject({
    code: 'result_too_large',
    message: `a row of the result has a value of ${reason}; ask for less at once`,
  });
});

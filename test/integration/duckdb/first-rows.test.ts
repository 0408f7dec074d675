import { describe, expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { JsonObject } from '../../../src/duckdb/index.js';
import { openDatabase, rowsOf, valueOf } from './temporary-database.js';

describe('a query of which only the first rows are wanted', () => {
  test('ends after them and says that there are more', async () => {
    const database = await openDatabase();
    const sql = 'SELECT i FROM range(100000000000) t(i)';
    const rows: JsonObject[] = [];
    const read = async (text: string, maxRows: number): Promise<boolean> => {
      const options = { caller: ANONYMOUS, maxRows, onRow: (row: JsonObject) => void rows.push(row) };
      return (await database.query(text, {}, options)).hasMore;
    };
    await database.inspect(sql);
    for (let round = 1; round <= 20; round += 1) {
      expect(await read(sql, 3)).toBe(true);
      expect(await valueOf(database, 'SELECT 42')).toBe(42);
    }
    expect(rows.slice(-3)).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
    expect(rows).toHaveLength(60);
    expect(await read('SELECT i FROM range(3) t(i)', 3)).toBe(false);
    expect(await read('SELECT i FROM range(2) t(i)', 3)).toBe(false);
  });

  test('does all of its work unless it is a SELECT', async () => {
    const database = await openDatabase();
    await rowsOf(database, 'CREATE TABLE t (a INTEGER UNIQUE)');
    const insert = 'INSERT INTO t FROM range(100000) RETURNING a';
    const options = { caller: ANONYMOUS, maxRows: 1, onRow: () => undefined };
    expect(await database.query(insert, {}, options)).toEqual({ hasMore: true, total: 100_000 });
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(100_000);
    await expect(database.query(insert, {}, options)).rejects.toMatchObject({ code: 'query_failed' });
  });
});

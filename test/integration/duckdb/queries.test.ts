import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { type JsonObject, TypedText } from '../../../src/duckdb/index.js';
import { largestTurnOf } from '../../kit/event-loop.js';
import {
  buildGeneration,
  countDescriptors,
  createFolder,
  createRegistry,
  ENDLESS,
  endlessInto,
  openDatabase,
  rowsOf,
  specOf,
  untilThere,
  valueOf,
} from './temporary-database.js';

/** How many queries Node runs at the same time; the others wait for one of these threads. */
const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);

describe('a text of SQL', () => {
  test('gives the rows of its last statement', async () => {
    const database = await openDatabase();
    expect(await rowsOf(database, 'SELECT 1 AS a; SELECT 2 AS b;')).toEqual([{ b: 2 }]);
    expect(await rowsOf(database, "SELECT ';' AS a -- ; nothing\n;")).toEqual([{ a: ';' }]);
  });

  test('gives no rows when it defines something', async () => {
    const database = await openDatabase();
    expect(await rowsOf(database, 'CREATE TABLE t(a INTEGER)')).toEqual([]);
    expect(await rowsOf(database, 'DROP TABLE t')).toEqual([]);
  });

  test('gives the number of rows that it changed', async () => {
    const database = await openDatabase();
    await rowsOf(database, 'CREATE TABLE t(a INTEGER)');
    expect(await rowsOf(database, 'INSERT INTO t VALUES (1), (2), (3)')).toEqual([{ Count: 3 }]);
    expect(await rowsOf(database, 'UPDATE t SET a = 0 WHERE a > 1')).toEqual([{ Count: 2 }]);
    expect(await rowsOf(database, 'DELETE FROM t')).toEqual([{ Count: 3 }]);
    expect(await rowsOf(database, 'INSERT INTO t VALUES (7) RETURNING a')).toEqual([{ a: 7 }]);
  });

  test.each(['', '  ', '-- only a comment', ';'])('without a statement is an error: %j', async (sql) => {
    const database = await openDatabase();
    const error = { code: 'query_failed', message: 'Failed to execute SQL: the SQL has no statement' };
    await expect(rowsOf(database, sql)).rejects.toMatchObject(error);
    await expect(database.inspect(sql)).rejects.toMatchObject(error);
  });

  test.each([
    ['SELEC 1', 'Parser Error'],
    ['SELECT * FROM missing', 'Catalog Error'],
    ['SELECT missing', 'Binder Error'],
    ["SELECT 'x'::INTEGER", 'Conversion Error'],
    ['SELECT 1; SELECT * FROM missing', 'Catalog Error'],
    ["SELECT error('stop') FROM range(3)", 'Invalid Input Error'],
  ])('that DuckDB refuses is an error with its words: %s', async (sql, words) => {
    const database = await openDatabase();
    await expect(rowsOf(database, sql)).rejects.toMatchObject({
      code: 'query_failed',
      message: expect.stringMatching(new RegExp(`^Failed to execute SQL: ${words}`)),
    });
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
  });

  test('stops at the first statement that fails', async () => {
    const database = await openDatabase();
    await expect(
      rowsOf(database, 'CREATE TABLE a(x INTEGER); SELECT missing; CREATE TABLE b(x INTEGER)'),
    ).rejects.toThrow();
    expect(await rowsOf(database, 'SHOW TABLES')).toEqual([{ name: 'a' }]);
  });

  test('that fails after its first rows is an error, not a short result', async () => {
    const database = await openDatabase();
    const sql = "SELECT CASE WHEN i = 400000 THEN error('late') ELSE i END AS i FROM range(500000) AS r(i)";
    await expect(rowsOf(database, sql)).rejects.toMatchObject({
      code: 'query_failed',
      message: 'Failed to execute SQL: Invalid Input Error: late',
    });
  });
});

describe('rows', () => {
  test('arrive in the order of the query', async () => {
    const database = await openDatabase();
    const rows = await rowsOf(database, 'SELECT i FROM range(100000) AS r(i) ORDER BY i DESC');
    expect(rows.map(({ i }) => i)).toEqual(Array.from({ length: 100_000 }, (_, at) => 99_999 - at));
  });

  test('by the million arrive with bounded memory, and other work continues meanwhile', {
    timeout: 120_000,
  }, async () => {
    const database = await openDatabase();
    let count = 0;
    let sum = 0;
    let peak = 0;
    const before = process.memoryUsage().rss;
    const sql = "SELECT i, i * 1.5 AS d, 'row ' || i AS t, i::VARCHAR AS u FROM range(3000000) AS r(i)";
    const onRow = ({ i }: JsonObject): void => {
      sum += Number(i);
      count += 1;
      if (count % 50_000 === 0) peak = Math.max(peak, process.memoryUsage().rss - before);
    };
    const largestTurn = await largestTurnOf(() => database.query(sql, {}, { caller: ANONYMOUS, onRow }));
    expect([count, sum]).toEqual([3_000_000, 4_499_998_500_000]);
    expect(peak / 2 ** 20).toBeLessThan(400);
    expect(largestTurn).toBeLessThan(0.25);
  });
});

describe('a receiver that throws', () => {
  test('ends the query with what it threw, and the file can be closed', async () => {
    const path = `${createFolder()}/data.duckdb`;
    const database = await buildGeneration(createRegistry(), specOf(path));
    await database.commit();
    const reason = new RangeError('enough');
    let count = 0;
    const started = performance.now();
    const query = database.query(
      'SELECT i FROM range(100000000000) AS r(i)',
      {},
      {
        caller: ANONYMOUS,
        onRow: () => {
          count += 1;
          if (count === 5000) throw reason;
        },
      },
    );
    await expect(query).rejects.toBe(reason);
    expect(count).toBe(5000);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
    expect(countDescriptors(path)).toBeGreaterThan(0);
    await database.dispose();
    expect(countDescriptors(path)).toBe(0);
  });

  test('may throw anything, also on the very last row', async () => {
    const database = await openDatabase();
    const throwing = (thrown: unknown) => () => {
      throw thrown;
    };
    await expect(rowsOf(database, 'SELECT 1', {}, { onRow: throwing('text') })).rejects.toBe('text');
    await expect(rowsOf(database, 'SELECT 1', {}, { onRow: throwing(undefined) })).rejects.toBeUndefined();
  });
});

describe('an abort', () => {
  test('before the query keeps it from starting', async () => {
    const database = await openDatabase();
    const options = { signal: AbortSignal.abort() };
    await expect(rowsOf(database, 'CREATE TABLE t(a INTEGER)', {}, options)).rejects.toMatchObject({
      code: 'query_interrupted',
    });
    expect(await rowsOf(database, 'SHOW TABLES')).toEqual([]);
  });

  test.each([0, 1, 2, 5, 20, 100])('ends a query that computes, %i ms after its start', async (ms) => {
    const database = await openDatabase();
    const started = performance.now();
    await expect(rowsOf(database, ENDLESS, {}, { signal: AbortSignal.timeout(ms) })).rejects.toMatchObject({
      code: 'query_interrupted',
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
  });

  test('between two statements keeps the next from running', async () => {
    const database = await openDatabase();
    const controller = new AbortController();
    const file = join(createFolder(), 'first');
    const query = rowsOf(
      database,
      `${endlessInto(file)}; CREATE TABLE t(a INTEGER)`,
      {},
      { signal: controller.signal },
    );
    await untilThere([file]);
    controller.abort();
    await expect(query).rejects.toMatchObject({ code: 'query_interrupted' });
    expect(await rowsOf(database, 'SHOW TABLES')).toEqual([]);
  });

  test('between two rows never looks like a complete result', async () => {
    const database = await openDatabase();
    for (const stopAt of [1, 100, 2047, 2048, 2049, 50_000]) {
      const controller = new AbortController();
      let count = 0;
      const query = rowsOf(
        database,
        'SELECT i FROM range(1000000) AS r(i)',
        {},
        {
          signal: controller.signal,
          onRow: () => {
            count += 1;
            if (count === stopAt) controller.abort();
          },
        },
      );
      await expect(query).rejects.toMatchObject({ code: 'query_interrupted' });
      expect(count).toBeLessThan(1_000_000);
    }
    expect(await rowsOf(database, 'SELECT i FROM range(100000) AS r(i)')).toHaveLength(100_000);
  });

  test('rolls back what the statement had changed', async () => {
    const path = `${createFolder()}/data.duckdb`;
    const database = await buildGeneration(createRegistry(), specOf(path));
    await database.commit();
    await rowsOf(database, 'CREATE TABLE t(a BIGINT); CHECKPOINT');
    const emptySize = statSync(path).size;
    const controller = new AbortController();
    const sql = 'INSERT INTO t SELECT i FROM range(100000000000) AS r(i)';
    const query = rowsOf(database, sql, {}, { signal: controller.signal });
    const interrupted = expect(query).rejects.toMatchObject({ code: 'query_interrupted' });
    // DuckDB writes rows by the hundred thousand before they are committed.
    await vi.waitFor(() => expect(statSync(path).size).toBeGreaterThan(emptySize), { timeout: 20_000 });
    controller.abort();
    await interrupted;
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(0);
  });

  test('also ends queries that wait for a thread', async () => {
    const database = await openDatabase();
    const folder = createFolder();
    const files = Array.from({ length: THREADS + 8 }, (_, index) => join(folder, String(index)));
    const controllers = files.map(() => new AbortController());
    const queries = controllers.map(({ signal }, index) =>
      rowsOf(database, endlessInto(files[index] ?? ''), {}, { signal }).catch(String),
    );
    await untilThere(files, THREADS);
    const started = performance.now();
    for (const controller of controllers.reverse()) controller.abort();
    expect(await Promise.all(queries)).toEqual(files.map(() => 'MxcpError: the query was interrupted'));
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('after the end changes nothing', async () => {
    const database = await openDatabase();
    const controller = new AbortController();
    expect(await valueOf(database, 'SELECT 1', {}, { signal: controller.signal })).toBe(1);
    controller.abort();
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
  });
});

describe('interrupting everything', () => {
  test('ends running queries as interrupted, streams included', async () => {
    const registry = createRegistry();
    const database = await buildGeneration(registry, specOf(`${createFolder()}/data.duckdb`));
    await database.commit();
    let count = 0;
    const streaming = rowsOf(
      database,
      'SELECT i FROM range(100000000000) AS r(i)',
      {},
      {
        onRow: () => {
          count += 1;
        },
      },
    );
    const computing = rowsOf(database, ENDLESS);
    const outcomes = Promise.allSettled([streaming, computing]);
    await vi.waitFor(() => expect(count).toBeGreaterThan(10_000));
    registry.interruptAll();
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'query_interrupted' } },
      { status: 'rejected', reason: { code: 'query_interrupted' } },
    ]);
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
  });

  test('does not turn a short stream into a complete result', async () => {
    const registry = createRegistry();
    const database = await buildGeneration(registry, specOf(`${createFolder()}/data.duckdb`));
    await database.commit();
    let count = 0;
    const query = rowsOf(
      database,
      'SELECT i FROM range(300000) AS r(i)',
      {},
      {
        onRow: () => {
          count += 1;
          if (count === 10) registry.interruptAll();
        },
      },
    );
    await expect(query).rejects.toMatchObject({ code: 'query_interrupted' });
  });

  test('comes with disposing the registry, which then closes the file', async () => {
    const path = `${createFolder()}/data.duckdb`;
    const registry = createRegistry();
    const database = await buildGeneration(registry, specOf(path));
    await database.commit();
    const file = join(createFolder(), 'running');
    const query = rowsOf(database, endlessInto(file)).catch(String);
    await untilThere([file]);
    await registry.dispose();
    expect(await query).toBe('MxcpError: the query was interrupted');
    expect(countDescriptors(path)).toBe(0);
    await database.dispose();
  });
});

describe('what a query leaves behind', () => {
  test.each([
    ['a temporary table', 'CREATE TEMP TABLE secret_notes AS SELECT 1 AS a', 'SELECT * FROM secret_notes'],
    ['a prepared statement', 'PREPARE mine AS SELECT 1', 'EXECUTE mine'],
    ['a temporary macro', 'CREATE TEMP MACRO mine() AS 1', 'SELECT mine()'],
  ])('is gone for the next one: %s', async (_, before, after) => {
    const database = await openDatabase();
    await rowsOf(database, before);
    await expect(rowsOf(database, after)).rejects.toMatchObject({ code: 'query_failed' });
  });

  test('is gone for the next one: a variable and the schema in use', async () => {
    const database = await openDatabase();
    await rowsOf(database, "SET VARIABLE token = 'x'; CREATE SCHEMA other; USE other");
    expect(await valueOf(database, "SELECT getvariable('token')")).toBeNull();
    expect(await valueOf(database, 'SELECT current_schema()')).toBe('main');
  });

  test('is no open transaction: such a text is refused before it runs', async () => {
    const database = await openDatabase();
    await rowsOf(database, 'CREATE TABLE t(a INTEGER)');
    await expect(rowsOf(database, 'BEGIN; INSERT INTO t VALUES (1)')).rejects.toThrow('transaction open');
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(0);
    await rowsOf(database, 'BEGIN; INSERT INTO t VALUES (1); COMMIT');
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(1);
  });
});

describe('inspecting a text without running it', () => {
  test('names its parameters and runs nothing', async () => {
    const database = await openDatabase();
    const sql = 'CREATE TABLE t AS SELECT $a AS a; INSERT INTO t VALUES ($b); SELECT * FROM t WHERE a = $c';
    expect([...(await database.inspect(sql)).parameterNames].sort()).toEqual(['a', 'b', 'c']);
    expect(await rowsOf(database, 'SHOW TABLES')).toEqual([]);
  });

  test.each(['SELEC 1', 'SELECT * FROM missing', 'SELECT 1 + [1]'])(
    'refuses what does not compile: %s',
    async (sql) => {
      const database = await openDatabase();
      await expect(database.inspect(sql)).rejects.toMatchObject({ code: 'query_failed' });
    },
  );

  describe('with the types that its parameters will have', () => {
    const samples = { text: 'text', count: 1 };
    const rows = "(SELECT 1 AS id, 'a' AS name, DATE '2024-01-01' AS day)";

    test.each([
      `SELECT id FROM ${rows} ORDER BY $text`,
      `SELECT id FROM ${rows} GROUP BY id, $text`,
      `SELECT DISTINCT ON ($text) id FROM ${rows}`,
      'SELECT upper($count)',
      `SELECT coalesce(name, $count) FROM ${rows}`,
      `SELECT id FROM ${rows} WHERE day > $count`,
    ])('refuses what would fail in every call: %s', async (sql) => {
      const database = await openDatabase();
      await expect(database.inspect(sql, samples)).rejects.toMatchObject({ code: 'query_failed' });
    });

    test.each([
      `SELECT id FROM ${rows} WHERE name = $text ORDER BY id LIMIT $count`,
      `SELECT id FROM ${rows} WHERE day > $text`,
      `SELECT sum(id) OVER (PARTITION BY name ORDER BY id), $text FROM ${rows}`,
      'SELECT * FROM query_table($text)',
      'SELECT * FROM read_csv($text)',
    ])('takes what depends on the value: %s', async (sql) => {
      const database = await openDatabase();
      const { parameterNames } = await database.inspect(sql, samples);
      expect(parameterNames.length).toBeGreaterThan(0);
    });

    test('knows names with letters of all alphabets', async () => {
      const database = await openDatabase();
      const { parameterNames } = await database.inspect('SELECT $countä', samples);
      expect(parameterNames).toEqual(['countä']);
    });
  });

  describe('after a parameter whose type DuckDB cannot infer', () => {
    const samples = { text: 'text', count: 1, day: new TypedText('DATE', '2000-01-01'), object: { a: 1 } };

    test.each([
      'SELECT $text AS given, missing FROM (SELECT 1 AS there)',
      'SELECT $text, $object AS given, missing FROM (SELECT 1 AS there)',
      'SELECT $text, there FROM (SELECT 1 AS there) GROUP BY $count',
      'SELECT $text, no_such_function(there) FROM (SELECT 1 AS there)',
      'SELECT $text UNION ALL SELECT there FROM missing',
      'SELECT $text, /* a comment */ missing FROM (SELECT 1 AS there)',
    ])('refuses what does not compile: %s', async (sql) => {
      const database = await openDatabase();
      await expect(database.inspect(sql, samples)).rejects.toMatchObject({ code: 'query_failed' });
    });

    test.each([
      'SELECT $text AS given',
      'SELECT $text, there FROM (SELECT 1 AS there) ORDER BY there LIMIT $count',
      "SELECT $text, date_trunc('day', $day)",
      // Only values fit here, no casts.
      'SELECT $text, there FROM range($count) AS numbers(there)',
      "SELECT $text WHERE DATE '2024-01-01' >= $text",
      'SELECT $object.a, $text',
      "SELECT $text, E'\\'' AS quote",
    ])('takes what compiles: %s', async (sql) => {
      const database = await openDatabase();
      const { parameterNames } = await database.inspect(sql, samples);
      expect(parameterNames.length).toBeGreaterThan(0);
    });
  });
});

describe('asking whether the database answers', () => {
  test('is quiet when it does', async () => {
    await (await openDatabase()).ping();
  });
});

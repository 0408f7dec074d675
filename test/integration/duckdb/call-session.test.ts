import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import type { DatabaseSession, GenerationDatabase, JsonValue, ParameterValue } from '../../../src/duckdb/index.js';
import type { SessionExecution } from '../../../src/duckdb/statements/call-session.js';
import { largestTurnOf } from '../../kit/event-loop.js';
import { executeIn } from '../../kit/python-values.js';
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

function open(database: GenerationDatabase, caller: Caller = ANONYMOUS): DatabaseSession {
  const session = database.openSession(caller);
  onTestFinished(() => session.dispose());
  return session;
}

async function rows(
  session: DatabaseSession,
  sql: string,
  parameters: Readonly<Record<string, ParameterValue>> = {},
): Promise<readonly (readonly JsonValue[])[]> {
  return (await executeIn(session, sql, parameters)).rows;
}

function execute(session: DatabaseSession, sql: string, execution: Partial<SessionExecution>): Promise<void> {
  const signal = new AbortController().signal;
  return session.execute(sql, {}, { signal, onColumns: () => {}, onRow: () => {}, ...execution });
}

describe('what a statement leaves behind', () => {
  test('is there for the next one of the session, and for no other session', async () => {
    const database = await openDatabase();
    const [mine, other] = [open(database), open(database)];
    await rows(mine, 'CREATE TEMP TABLE t AS SELECT 1 AS a; SET VARIABLE v = 2');
    expect(await rows(mine, "SELECT a, getvariable('v') FROM t")).toEqual([[1, 2]]);
    await expect(rows(other, 'FROM t')).rejects.toMatchObject({ code: 'query_failed' });
    expect(await rows(other, "SELECT getvariable('v')")).toEqual([[null]]);
    await expect(rowsOf(database, 'FROM t')).rejects.toMatchObject({ code: 'query_failed' });
  });

  test('is gone with the session', async () => {
    const database = await openDatabase();
    const session = open(database);
    await rows(session, 'CREATE TEMP TABLE t AS SELECT 1 AS a');
    await session.dispose();
    await expect(rows(open(database), 'FROM t')).rejects.toMatchObject({ code: 'query_failed' });
  });

  test('in a transaction is seen by others once it is committed', async () => {
    const database = await openDatabase();
    const session = open(database);
    await rows(session, 'CREATE TABLE t(a INTEGER); BEGIN; INSERT INTO t VALUES (1)');
    expect(await rows(session, 'SELECT count(*) FROM t')).toEqual([[1]]);
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(0);
    await rows(session, 'COMMIT');
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(1);
  });

  test('in a transaction that is still open is rolled back when the session ends', async () => {
    const database = await openDatabase();
    const session = open(database);
    await rows(session, 'CREATE TABLE t(a INTEGER)');
    await rows(session, 'BEGIN');
    await rows(session, 'INSERT INTO t VALUES (1), (2)');
    await session.dispose();
    expect(await valueOf(database, 'SELECT count(*) FROM t')).toBe(0);
    // No lock is left either.
    await rowsOf(database, 'INSERT INTO t VALUES (3); DROP TABLE t');
  });

  test('in a transaction that failed is refused until it is rolled back', async () => {
    const session = open(await openDatabase());
    await rows(session, 'CREATE TABLE t(a INTEGER PRIMARY KEY); BEGIN; INSERT INTO t VALUES (1)');
    await expect(rows(session, 'INSERT INTO t VALUES (1)')).rejects.toThrow('Constraint Error');
    await expect(rows(session, 'SELECT 1')).rejects.toThrow('aborted');
    await rows(session, 'ROLLBACK');
    expect(await rows(session, 'SELECT count(*) FROM t')).toEqual([[0]]);
  });
});

describe('statements', () => {
  test('run one after the other, however many are requested at once', async () => {
    const session = open(await openDatabase());
    const ended: number[] = [];
    await rows(session, 'CREATE TEMP TABLE t(a INTEGER)');
    const pending = Array.from({ length: 20 }, async (_, number) => {
      const slow = number % 5 === 0 ? 'SELECT count(*) FROM range(3000000) AS r(i) WHERE hash(i) = 1;' : '';
      const sql = `${slow} INSERT INTO t VALUES (${number}); SELECT count(*) FROM t`;
      const given = await rows(session, sql);
      ended.push(number);
      return given;
    });
    expect(await Promise.all(pending)).toEqual(Array.from({ length: 20 }, (_, number) => [[number + 1]]));
    expect(ended).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });

  test('that fail do not keep the next one from running', async () => {
    const session = open(await openDatabase());
    const failing = rows(session, 'SELECT * FROM missing');
    const next = rows(session, 'SELECT 1');
    await expect(failing).rejects.toMatchObject({
      code: 'query_failed',
      message: expect.stringContaining('Catalog Error'),
    });
    expect(await next).toEqual([[1]]);
  });

  test('of one text give the rows of the last', async () => {
    const session = open(await openDatabase());
    expect(await executeIn(session, 'CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1), (2)')).toEqual({
      columns: [{ name: 'Count', type: 'int' }],
      rows: [[2]],
    });
    expect(await rows(session, 'SELECT 1; SELECT a FROM t ORDER BY a')).toEqual([[1], [2]]);
    expect(await rows(session, 'DROP TABLE t')).toEqual([]);
  });

  test('give the columns before the rows, even if there are no rows', async () => {
    const session = open(await openDatabase());
    const seen: string[] = [];
    await execute(session, "SELECT 1 AS a, 2 AS a, DATE '2024-01-01' AS b", {
      onColumns: (columns) => seen.push(JSON.stringify(columns)),
      onRow: (row) => void seen.push(JSON.stringify(row)),
    });
    expect(seen).toEqual([
      '[{"name":"a","type":"json"},{"name":"a_1","type":"json"},{"name":"b","type":"date"}]',
      '[1,2,19723]',
    ]);
    expect(await executeIn(session, 'SELECT 1 AS a WHERE FALSE')).toEqual({
      columns: [{ name: 'a', type: 'json' }],
      rows: [],
    });
  });

  test('know their caller, each session its own', async () => {
    const database = await openDatabase();
    const sessions = Array.from({ length: 20 }, (_, number) =>
      open(database, { ...ANONYMOUS, username: `user-${number}` }),
    );
    const sql = 'SELECT get_username(), count(*) FROM range(20000) AS r(i) WHERE get_username() IS NOT NULL';
    for (let round = 0; round < 3; round += 1) {
      const given = await Promise.all(sessions.map((session) => rows(session, sql)));
      expect(given).toEqual(sessions.map((_, number) => [[`user-${number}`, 20_000]]));
    }
    expect(await valueOf(database, 'SELECT get_username()')).toBeNull();
  });

  test('show clocks in the zone that the session has', async () => {
    const session = open(await openDatabase());
    const clock = "SELECT TIMESTAMPTZ '2024-01-02 03:04:05+00' AS t";
    await rows(session, "SET TimeZone = 'Asia/Tokyo'");
    expect((await executeIn(session, clock)).columns).toEqual([{ name: 't', type: ['timestamptz', 'Asia/Tokyo'] }]);
    expect((await executeIn(session, `SET TimeZone = 'UTC'; ${clock}`)).columns[0]?.type).toEqual([
      'timestamptz',
      'UTC',
    ]);
    const nested = await executeIn(session, `SELECT {'a': [MAP {1: now()}]} AS s`);
    expect(JSON.stringify(nested.columns)).toContain('["timestamptz","UTC"]');
  });

  test("are refused by a read-only database with DuckDB's message", async () => {
    const path = `${createFolder()}/a.duckdb`;
    await createDatabaseFile(path);
    const session = open(await buildGeneration(createRegistry(), specOf(path, { readonly: true })));
    await expect(rows(session, 'CREATE TABLE t(a INTEGER)')).rejects.toThrow('read-only');
    expect(await rows(session, 'CREATE TEMP TABLE t AS SELECT 1 AS a; FROM t')).toEqual([[1]]);
  });
});

describe('parameters', () => {
  test('may be anywhere in a nested value', async () => {
    const database = await openDatabase();
    const session = open(database);
    const expressions = [
      ["{'n': $n}", [5]],
      ["{'a': [{'n': $n, 'when': TIMESTAMPTZ '2024-01-02 03:04:05+00'}]}", [[[5, 1_704_164_645_000_000]]]],
      ['row($n)', [5]],
      ['struct_pack(a := $n)', [5]],
      ["[{'a': $n}]", [[5]]],
      ['union_value(a := $n)', [0, 5]],
      ['array_value($n, $n)', [5, 5]],
      ["max({'a': $n})", [5]],
      ["CASE WHEN true THEN {'a': $n} END", [5]],
      ["MAP {$n: {'a': $n}}", [[5, [5]]]],
      ['$n', 5],
    ] as const;
    for (const [expression, value] of expressions)
      expect(await rows(session, `SELECT ${expression} AS v`, { n: 5 }), expression).toEqual([[value]]);
    expect(await rows(session, "SELECT {'n': $n} AS v WHERE false", { n: 5 })).toEqual([]);
  });

  test('have names in any case, or places', async () => {
    const session = open(await openDatabase());
    expect(await rows(session, 'SELECT $A + $a, $b', { a: 1, B: 'x' })).toEqual([[2, 'x']]);
    expect(await rows(session, 'SELECT ?, ?', { 1: 'x', 2: 'y' })).toEqual([['x', 'y']]);
    expect(await rows(session, 'SELECT $2, $1', { 1: 'x', 2: 'y' })).toEqual([['y', 'x']]);
  });

  test('are spread over the statements of a text', async () => {
    const session = open(await openDatabase());
    const sql = 'CREATE TEMP TABLE t AS SELECT $a AS a; INSERT INTO t VALUES ($b); FROM t ORDER BY a';
    expect(await rows(session, sql, { a: 1, b: 2 })).toEqual([[1], [2]]);
  });

  test('that are missing or too many are an error that names them', async () => {
    const session = open(await openDatabase());
    await expect(rows(session, 'SELECT $a, $b', { a: 1 })).rejects.toMatchObject({
      code: 'query_failed',
      message: 'the SQL uses $b, but no parameter "b" was given',
    });
    await expect(rows(session, 'SELECT $a', { a: 1, c: 2, d: 3 })).rejects.toMatchObject({
      code: 'query_failed',
      message: 'the SQL does not use the parameters "c", "d"; it uses "a"',
    });
    await expect(rows(session, 'SELECT ?', { 1: 1, 2: 2 })).rejects.toMatchObject({ code: 'query_failed' });
  });
});

describe('a receiver of rows', () => {
  test('that throws ends the statement with what it threw, and the session continues', async () => {
    const session = open(await openDatabase());
    const reason = new RangeError('enough');
    let count = 0;
    const executed = execute(session, 'SELECT i FROM range(100000000000) AS r(i)', {
      onRow: () => {
        count += 1;
        if (count === 5000) throw reason;
      },
    });
    await expect(executed).rejects.toBe(reason);
    expect(count).toBe(5000);
    const refusing = () => {
      throw reason;
    };
    await expect(execute(session, 'SELECT 1', { onColumns: refusing })).rejects.toBe(reason);
    await expect(execute(session, 'SELECT 1', { onRow: () => Promise.reject(reason) })).rejects.toBe(reason);
    expect(await rows(session, 'SELECT 1')).toEqual([[1]]);
  });

  test('that is behind is waited for', async () => {
    const session = open(await openDatabase());
    let release = (): void => {};
    let count = 0;
    const executed = execute(session, 'SELECT i FROM range(10) AS r(i)', {
      onRow: () => {
        count += 1;
        return count === 4 ? new Promise((resolve) => (release = resolve)) : undefined;
      },
    });
    await expect.poll(() => count).toBe(4);
    await new Promise((resolve) => setImmediate(resolve));
    expect(count).toBe(4);
    release();
    await executed;
    expect(count).toBe(10);
  });

  test('that never settles does not outlive an abort', async () => {
    const session = open(await openDatabase());
    const controller = new AbortController();
    const executed = execute(session, 'SELECT i FROM range(100000) AS r(i)', {
      signal: controller.signal,
      onRow: () => {
        setImmediate(() => controller.abort());
        return new Promise(() => {});
      },
    });
    await expect(executed).rejects.toMatchObject({ code: 'query_interrupted' });
    expect(await rows(session, 'SELECT 1')).toEqual([[1]]);
  });

  test('shares the event loop with other work', async () => {
    const session = open(await openDatabase());
    let count = 0;
    const sql = `SELECT i, i * 1.5 AS d, 'row ' || i AS t, {'a': [i, NULL], 'b': now()} AS s,
      MAP {'k': i::DECIMAL(20, 2)} AS m FROM range(300000) AS r(i)`;
    const onRow = (): void => {
      count += 1;
    };
    const largestTurn = await largestTurnOf(() => execute(session, sql, { onRow }));
    expect(count).toBe(300_000);
    expect(largestTurn).toBeLessThan(0.25);
  });
});

describe('an abort', () => {
  test.each([0, 1, 5, 50])('ends a statement that computes, %i ms after its start', async (ms) => {
    const session = open(await openDatabase());
    await rows(session, 'CREATE TEMP TABLE t AS SELECT 1 AS a');
    const started = performance.now();
    await expect(execute(session, ENDLESS, { signal: AbortSignal.timeout(ms) })).rejects.toMatchObject({
      code: 'query_interrupted',
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await rows(session, 'FROM t')).toEqual([[1]]);
  });

  test('keeps statements that wait from running', async () => {
    const database = await openDatabase();
    const session = open(database);
    const controller = new AbortController();
    const file = join(createFolder(), 'running');
    const running = execute(session, endlessInto(file), { signal: controller.signal });
    const waiting = execute(session, 'CREATE TABLE t(a INTEGER)', { signal: controller.signal });
    const settled = Promise.allSettled([running, waiting]);
    await untilThere([file]);
    controller.abort();
    for (const outcome of await settled)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'query_interrupted' } });
    expect(await rowsOf(database, 'SHOW TABLES')).toEqual([]);
  });

  test('between two rows never looks like a complete result', async () => {
    const session = open(await openDatabase());
    for (const stopAt of [1, 2047, 2048, 2049, 50_000]) {
      const controller = new AbortController();
      let count = 0;
      const executed = execute(session, 'SELECT i FROM range(1000000) AS r(i)', {
        signal: controller.signal,
        onRow: () => {
          count += 1;
          if (count === stopAt) controller.abort();
        },
      });
      await expect(executed).rejects.toMatchObject({ code: 'query_interrupted' });
      expect(count).toBeLessThan(1_000_000);
    }
  });
});

describe('the end of a session', () => {
  test('interrupts what runs, and the file can be closed', async () => {
    const path = `${createFolder()}/data.duckdb`;
    const database = await buildGeneration(createRegistry(), specOf(path));
    await database.commit();
    const session = open(database);
    await rows(session, 'SELECT 1');
    const running = execute(session, ENDLESS, {});
    const waiting = execute(session, 'SELECT 1', {});
    const settled = Promise.allSettled([running, waiting]);
    await Promise.all([session.dispose(), session.dispose()]);
    for (const outcome of await settled)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'query_interrupted' } });
    await database.dispose();
    expect(countDescriptors(path)).toBe(0);
  });

  test('comes before any statement requested after it', async () => {
    const session = open(await openDatabase());
    await session.dispose();
    await expect(rows(session, 'SELECT 1')).rejects.toMatchObject({ code: 'query_interrupted' });
  });

  test('while its first statement opens the connection leaves none open', async () => {
    const path = `${createFolder()}/data.duckdb`;
    const database = await buildGeneration(createRegistry(), specOf(path));
    for (let round = 0; round < 20; round += 1) {
      const session = database.openSession(ANONYMOUS);
      const executed = execute(session, 'SELECT 1', {}).catch((error: unknown) => error);
      for (let turn = 0; turn < round % 5; turn += 1) await Promise.resolve();
      await session.dispose();
      await executed;
    }
    await database.dispose();
    expect(countDescriptors(path)).toBe(0);
  });

  test('comes with that of its database', async () => {
    const path = `${createFolder()}/data.duckdb`;
    const database = await buildGeneration(createRegistry(), specOf(path));
    const session = database.openSession(ANONYMOUS);
    await rows(session, 'CREATE TABLE t(a INTEGER); BEGIN; INSERT INTO t VALUES (1)');
    const running = execute(session, ENDLESS, {}).catch((error: unknown) => error);
    await database.dispose();
    expect(await running).toMatchObject({ code: 'query_interrupted' });
    expect(countDescriptors(path)).toBe(0);
  });

  test('leaks nothing over two hundred of them', async () => {
    const database = await openDatabase();
    const before = countDescriptors(database.path);
    for (let round = 0; round < 200; round += 1) {
      const session = database.openSession(ANONYMOUS);
      await rows(session, 'BEGIN; SELECT 1');
      await session.dispose();
    }
    expect(countDescriptors(database.path)).toBe(before);
  });
});

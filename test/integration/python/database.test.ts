import { existsSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { DatabaseSession } from '../../../src/duckdb/index.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { openDatabase, rowsOf } from '../duckdb/temporary-database.js';

const ALICE = { ...ANONYMOUS, username: 'alice' };

describe('the database of Python code', () => {
  it('gives rows to sync and async code, in the identity of the caller', async () => {
    using project = new TemporaryProject({
      'python/data.py': [
        'import asyncio, threading',
        'from mxcp.runtime import db',
        'def rows(low): return db.execute("SELECT i, get_username() AS who FROM range($low, 3) t(i)", {"low": low})',
        'async def later(): return db.execute("SELECT get_username() AS who")',
        'async def in_thread(): return await asyncio.to_thread(db.execute, "SELECT get_username() AS who")',
        'def own_thread():',
        '    found = []',
        '    thread = threading.Thread(target=lambda: found.extend(db.execute("SELECT get_username() AS who")))',
        '    thread.start()',
        '    thread.join()',
        '    return found',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    const alice = { caller: ALICE };
    expect((await python.call('data:rows', { low: 1 }, alice)).items).toEqual([
      { i: 1, who: 'alice' },
      { i: 2, who: 'alice' },
    ]);
    expect((await python.call('data:later', {}, alice)).items).toEqual([{ who: 'alice' }]);
    expect((await python.call('data:in_thread', {}, alice)).items).toEqual([{ who: 'alice' }]);
    // A thread that the code has started belongs to no call, so it is an anonymous caller.
    expect((await python.call('data:own_thread', {}, alice)).items).toEqual([{ who: null }]);
  });

  it('is one connection for a call, and a new one for the next', async () => {
    using project = new TemporaryProject({
      'python/data.py': [
        'from mxcp.runtime import db',
        'def first():',
        '    db.execute("CREATE TABLE kept (n INT)")',
        '    db.execute("CREATE TEMP TABLE mine (n INT)")',
        '    db.execute("SET VARIABLE x = 7")',
        '    db.execute("BEGIN")',
        '    db.execute("INSERT INTO kept VALUES (1)")',
        '    return db.execute("SELECT getvariable(\'x\') AS x")',
        'def ended():',
        '    db.execute("BEGIN")',
        '    db.execute("ROLLBACK")',
        '    return 1',
        'def second(): return db.execute("SELECT getvariable(\'x\') AS x, (SELECT count(*) FROM kept) AS n")',
        'def third(): db.execute("FROM mine")',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    const items: unknown[] = [];
    await expect(python.call('data:first', {}, { onItem: (item) => items.push(item) })).rejects.toMatchObject({
      code: 'python_failed',
      message: expect.stringMatching(/^the Python code failed: it left a transaction open, so .* rolled back; end it/),
    });
    expect(items).toEqual([{ x: 7 }]);
    expect(await python.value('data:ended')).toBe(1);
    expect((await python.call('data:second')).items).toEqual([{ x: null, n: 0 }]);
    await expect(python.call('data:third')).rejects.toMatchObject({
      code: 'python_failed',
      message: expect.stringMatching(
        /^Catalog Error: Table with name mine does not exist!\n.*\n\nLINE 1: FROM mine\n +\^$/,
      ),
      logMessage: expect.stringMatching(
        /^Catalog Error: Table .*\n.* \(python\/data\.py:14, in third\)\n\nLINE 1: FROM mine\n +\^$/,
      ),
    });
  });

  it('refuses a transaction that one statement begins and no other can end', async () => {
    using project = new TemporaryProject({
      'python/data.py': [
        'import threading',
        'from concurrent.futures import ThreadPoolExecutor',
        'from mxcp.runtime import DatabaseError, db',
        'def lose():',
        '    db.execute("BEGIN")',
        '    db.execute("INSERT INTO kept VALUES (1)")',
        'def keep():',
        '    with db.transaction():',
        '        db.execute("INSERT INTO kept VALUES (2)")',
        '    db.execute("BEGIN; INSERT INTO kept VALUES (3); COMMIT")',
        'def run_in(work):',
        '    with ThreadPoolExecutor(1) as pool: pool.submit(work).result()',
        'def pooled():',
        '    db.execute("CREATE TABLE kept (n INT)")',
        '    run_in(keep)',
        '    run_in(lose)',
        'def threaded():',
        '    seen = []',
        '    def work():',
        '        try: lose()',
        '        except DatabaseError as error: seen.append(str(error))',
        '    thread = threading.Thread(target=work); thread.start(); thread.join()',
        '    return seen',
        'def kept(): return db.execute("SELECT list(n ORDER BY n) AS n FROM kept")[0]["n"]',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    const reason = 'the statement began a transaction and did not end it';
    await expect(python.call('data:pooled')).rejects.toThrow(reason);
    expect((await python.call('data:kept')).items).toEqual([2, 3]);
    expect((await python.call('data:threaded')).items).toEqual([expect.stringContaining(reason)]);
  });

  it('commits a transaction at the end of its block, and rolls back what raises, is cancelled or dies', async () => {
    using project = new TemporaryProject({
      'python/data.py': [
        'import os, threading, time',
        'from mxcp.runtime import db, DatabaseError',
        'def add(n, how):',
        '    with db.transaction():',
        '        db.execute("INSERT INTO t VALUES (?)", [n])',
        '        if how == "raise": raise ValueError("no")',
        '        if how == "die": os._exit(1)',
        '        if how == "bad": db.execute("nonsense")',
        '        if how == "wait":',
        '            open("waits", "w").close()',
        '            while True: db.execute("SELECT 1")',
        'async def add_later(n):',
        '    with db.transaction(): db.execute("INSERT INTO t VALUES (?)", [n])',
        'def in_thread(n):',
        '    thread = threading.Thread(target=add, args=(n, ""))',
        '    thread.start()',
        '    thread.join()',
        'def twice():',
        '    with db.transaction():',
        '        with db.transaction(): pass',
        'def goes_on():',
        '    try: add(9, "bad")',
        '    except DatabaseError: pass',
        '    with db.transaction(): db.execute("INSERT INTO t VALUES (8)")',
      ],
    });
    const database = await openDatabase();
    await rowsOf(database, 'CREATE TABLE t (n INT)');
    await using python = await PythonProject.buildOn(project, database);
    await python.call('data:add', { n: 1, how: '' });
    await python.call('data:add_later', { n: 2 });
    await python.call('data:in_thread', { n: 3 });
    await expect(python.call('data:add', { n: 4, how: 'raise' })).rejects.toThrow('the Python code failed: no');
    await expect(python.call('data:add', { n: 5, how: 'bad' })).rejects.toThrow('Parser Error');
    await expect(python.call('data:twice')).rejects.toThrow('failed: a transaction is open already');
    await python.call('data:goes_on');
    const controller = new AbortController();
    const waiting = python.call('data:add', { n: 6, how: 'wait' }, { signal: controller.signal });
    const cancelled = expect(waiting).rejects.toMatchObject({ code: 'query_interrupted' });
    await vi.waitFor(() => expect(existsSync(project.path('waits'))).toBe(true), 10_000);
    controller.abort();
    await cancelled;
    await expect(python.call('data:add', { n: 7, how: 'die' })).rejects.toMatchObject({ code: 'worker_exited' });
    const rows = await rowsOf(database, 'FROM t ORDER BY n');
    expect(rows.map(({ n }) => n)).toEqual([1, 2, 3, 8]);
  });

  it('brings rows of any number, and fetches none while the worker does not read those that it has', async () => {
    using project = new TemporaryProject({
      'python/data.py': [
        'import os',
        'from mxcp.runtime import db',
        'def count(n): return len(db.execute("SELECT i, repeat(\'x\', 100) AS text FROM range($n) t(i)", {"n": n}))',
        'def pid(): return os.getpid()',
      ],
    });
    const database = await openDatabase();
    let fetched = 0;
    await using python = await PythonProject.build(project, {
      openSession: (caller) => countRows(database.openSession(caller), () => (fetched += 1)),
    });
    expect(await python.value('data:count', { n: 100_000 })).toBe(100_000);
    expect(fetched).toBe(100_000);
    const pid = Number(await python.value('data:pid'));
    const controller = new AbortController();
    const counted = python.value('data:count', { n: 30_000_000 }, { signal: controller.signal });
    const outcome = expect(counted).rejects.toMatchObject({ code: 'query_interrupted' });
    await vi.waitFor(() => expect(fetched).toBeGreaterThan(100_000));
    process.kill(pid, 'SIGSTOP');
    try {
      for (let turn = 0; turn < 20; turn += 1) await rowsOf(database, 'SELECT count(*) FROM range(3000000)');
      const then = fetched;
      for (let turn = 0; turn < 20; turn += 1) await rowsOf(database, 'SELECT count(*) FROM range(3000000)');
      expect(fetched).toBe(then);
      expect(fetched).toBeLessThan(1_000_000);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    controller.abort();
    await outcome;
  });
});

/** The same session, telling of each row that is fetched. */
function countRows(session: DatabaseSession, onRow: () => void): DatabaseSession {
  return {
    execute: (sql, parameters, execution) =>
      session.execute(sql, parameters, {
        ...execution,
        onRow: (row) => {
          onRow();
          return execution.onRow(row);
        },
      }),
    rollBack: () => session.rollBack(),
    dispose: () => session.dispose(),
  };
}

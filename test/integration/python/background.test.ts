import { describe, expect, it, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { countDescriptors, openDatabase, rowsOf } from '../duckdb/temporary-database.js';

const callerOf = (username: string) => ({ caller: { ...ANONYMOUS, username } });

const WHO = 'db.execute("SELECT get_username() AS who")[0]["who"]';

describe('a task that continues', () => {
  const REFRESHER = [
    'import asyncio',
    'from mxcp.runtime import db, on_init',
    'tasks = []',
    'go = asyncio.Event()',
    'async def refresh():',
    '    while True:',
    '        with db.transaction(): db.execute("INSERT INTO t SELECT get_username()")',
    '        await asyncio.sleep(0.01)',
    'async def start(): tasks.append(asyncio.get_running_loop().create_task(refresh()))',
    'async def start_in_transaction():',
    '    with db.transaction():',
    '        await start()',
    '        db.execute("SELECT 1")',
    'async def stop():',
    '    for task in tasks: task.cancel()',
    '    return [str(each) for each in await asyncio.gather(*tasks, return_exceptions=True)]',
  ];

  it.each([
    ['a hook', 'on_init(start)', undefined],
    ['a call', '', 'work:start'],
    ['a transaction of a call', '', 'work:start_in_transaction'],
  ])('after %s that has started it has a connection of its own, as an anonymous caller', async (_, hook, call) => {
    using project = new TemporaryProject({ 'python/work.py': [...REFRESHER, hook] });
    const database = await openDatabase();
    await rowsOf(database, 'CREATE TABLE t (who VARCHAR)');
    await using python = await PythonProject.buildOn(project, database);
    await python.workers.initialise();
    const before = countDescriptors(database.path);
    if (call !== undefined) await python.call(call, {}, callerOf('ada'));
    await vi.waitFor(async () => {
      const rows = await rowsOf(database, 'SELECT count(*)::INT AS n FROM t WHERE who IS NULL');
      expect(rows[0]?.['n']).toBeGreaterThan(2);
    });
    expect((await python.call('work:stop')).items).toEqual(['']);
    expect(countDescriptors(database.path)).toBe(before);
    expect(python.output).toEqual([]);
  });

  it('of a call that was cancelled is refused the database', async () => {
    using project = new TemporaryProject({
      'python/work.py': [
        'import asyncio, threading',
        'from mxcp.runtime import db',
        'go = threading.Event()',
        'said = []',
        'def late():',
        '    go.wait()',
        '    try: db.execute("SELECT 1")',
        '    except RuntimeError as error: said.append(str(error))',
        'async def start(): await asyncio.to_thread(late)',
        'def finish():',
        '    go.set()',
        '    while not said: pass',
        '    return said[0]',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    const signal = AbortSignal.timeout(100);
    await expect(python.call('work:start', {}, { signal })).rejects.toMatchObject({ code: 'query_interrupted' });
    expect(await python.value('work:finish')).toBe('the call that this code belongs to was cancelled');
  });

  it('in a transaction whose call has ended gets an error that says so, as the call does', async () => {
    using project = new TemporaryProject({
      'python/work.py': [
        'import contextvars, threading',
        'from mxcp.runtime import db',
        'begun = threading.Event()',
        'go = threading.Event()',
        'said = []',
        'def late():',
        '    try:',
        '        with db.transaction():',
        '            begun.set()',
        '            go.wait()',
        '            db.execute("SELECT 1")',
        '    except RuntimeError as error: said.append(str(error))',
        'def start():',
        '    context = contextvars.copy_context()',
        '    threading.Thread(target=lambda: context.run(late)).start()',
        '    begun.wait()',
        'def finish():',
        '    go.set()',
        '    while not said: pass',
        '    return said[0]',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    await expect(python.call('work:start')).rejects.toThrow('it left a transaction open');
    expect(await python.value('work:finish')).toBe(
      'the call that this transaction belongs to has ended, and rolled it back',
    );
  });
});

describe('a pool of threads', () => {
  it('runs each piece of work as the caller who submitted it, and as an anonymous caller once the call has ended', async () => {
    using project = new TemporaryProject({
      'python/pools.py': [
        'import asyncio, concurrent.futures, threading',
        'from mxcp.runtime import db',
        'from mxcp.sdk.auth.context import get_user_context',
        'pool = concurrent.futures.ThreadPoolExecutor(1)',
        'go = threading.Event()',
        'later = []',
        `def ask(): return [${WHO}, get_user_context() and get_user_context().username]`,
        'def ask_late():',
        '    go.wait()',
        `    return ${WHO}`,
        'def call(): return [*pool.submit(ask).result(), *pool.map(lambda _: ask()[0], range(2))]',
        'async def on_loop():',
        '    loop = asyncio.get_running_loop()',
        '    return [*await loop.run_in_executor(pool, ask), *await asyncio.to_thread(ask)]',
        'def leave(): later.append(pool.submit(ask_late))',
        'def collect():',
        '    go.set()',
        '    return later[0].result()',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    for (const name of ['ada', 'bob']) {
      expect((await python.call('pools:call', {}, callerOf(name))).items).toEqual([name, name, name, name]);
      expect((await python.call('pools:on_loop', {}, callerOf(name))).items).toEqual([name, name, name, name]);
    }
    await python.call('pools:leave', {}, callerOf('ada'));
    expect(await python.value('pools:collect', {}, callerOf('bob'))).toBe(null);
  });

  it('works beside the transaction of its call, with as many of its own', async () => {
    using project = new TemporaryProject({
      'python/pools.py': [
        'import concurrent.futures, threading',
        'from mxcp.runtime import db',
        'both = threading.Barrier(2)',
        'def add(n):',
        '    with db.transaction():',
        '        both.wait()',
        '        db.execute("INSERT INTO t SELECT ?, get_username()", [n])',
        'def call():',
        '    with concurrent.futures.ThreadPoolExecutor(2) as pool:',
        '        with db.transaction():',
        '            db.execute("INSERT INTO t VALUES (0, NULL)")',
        '            list(pool.map(add, [1, 2]))',
        '            raise ValueError("rolls back")',
      ],
    });
    const database = await openDatabase();
    await rowsOf(database, 'CREATE TABLE t (n INT, who VARCHAR)');
    await using python = await PythonProject.buildOn(project, database);
    const before = countDescriptors(database.path);
    await expect(python.call('pools:call', {}, callerOf('ada'))).rejects.toThrow('rolls back');
    expect(await rowsOf(database, 'FROM t ORDER BY n')).toEqual([
      { n: 1, who: 'ada' },
      { n: 2, who: 'ada' },
    ]);
    expect(countDescriptors(database.path)).toBe(before);
  });

  it('is interrupted with its call', async () => {
    using project = new TemporaryProject({
      'python/pools.py': [
        'import concurrent.futures',
        'from mxcp.runtime import db',
        'pool = concurrent.futures.ThreadPoolExecutor(1)',
        'last = []',
        'def count(): db.execute("SELECT count(*) FROM range(1000000) a, range(1000000) b")',
        'def call():',
        '    last.append(pool.submit(count))',
        '    last[0].result()',
        'def outcome(): return type(last[0].exception(10)).__name__',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    const signal = AbortSignal.timeout(300);
    await expect(python.call('pools:call', {}, { signal })).rejects.toMatchObject({ code: 'query_interrupted' });
    expect(await python.value('pools:outcome')).toBe('CallCancelled');
  });
});

import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import {
  countDescriptors,
  createFolder,
  endlessInto,
  openDatabase,
  rowsOf,
  untilThere,
} from '../duckdb/temporary-database.js';

const callerOf = (username: string) => ({ caller: { ...ANONYMOUS, username } });

const WHO = 'db.execute("SELECT get_username() AS who")[0]["who"]';

/** Code as `python/work.py`, on a database in which `setup` has run. */
async function startCode(
  lines: readonly string[],
  setup?: string,
): Promise<{ readonly python: PythonProject; readonly database: GenerationDatabase }> {
  const project = new TemporaryProject({ 'python/work.py': [...lines] });
  onTestFinished(() => project[Symbol.dispose]());
  const database = await openDatabase();
  if (setup !== undefined) await rowsOf(database, setup);
  const python = await PythonProject.buildOn(project, database);
  onTestFinished(() => python[Symbol.asyncDispose]());
  return { python, database };
}

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
    const { python, database } = await startCode([...REFRESHER, hook], 'CREATE TABLE t (who VARCHAR)');
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
    const code = [
      'import asyncio, threading',
      'from mxcp.runtime import db',
      'go = threading.Event()',
      'said = []',
      'def late():',
      '    print("late has begun")',
      '    go.wait()',
      '    try: db.execute("SELECT 1")',
      '    except RuntimeError as error: said.append(str(error))',
      'async def start(): await asyncio.to_thread(late)',
      'def finish():',
      '    go.set()',
      '    while not said: pass',
      '    return said[0]',
    ];
    const { python } = await startCode(code);
    const stop = new AbortController();
    const called = python.call('work:start', {}, { signal: stop.signal });
    void vi.waitFor(() => expect(python.output).toEqual(['late has begun'])).then(() => stop.abort());
    await expect(called).rejects.toMatchObject({ code: 'query_interrupted' });
    expect(await python.value('work:finish')).toBe('the call that this code belongs to was cancelled');
  });

  it('in a transaction whose call has ended gets an error that says so, as the call does', async () => {
    const code = [
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
    ];
    const { python } = await startCode(code);
    await expect(python.call('work:start')).rejects.toThrow('it left a transaction open');
    expect(await python.value('work:finish')).toBe(
      'the call that this transaction belongs to has ended, and rolled it back',
    );
  });
});

describe('a pool of threads', () => {
  it('runs each piece of work as the caller who submitted it, and as an anonymous caller once the call has ended', async () => {
    const code = [
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
    ];
    const { python } = await startCode(code);
    for (const name of ['ada', 'bob']) {
      expect((await python.call('work:call', {}, callerOf(name))).items).toEqual([name, name, name, name]);
      expect((await python.call('work:on_loop', {}, callerOf(name))).items).toEqual([name, name, name, name]);
    }
    await python.call('work:leave', {}, callerOf('ada'));
    expect(await python.value('work:collect', {}, callerOf('bob'))).toBe(null);
  });

  it('works beside the transaction of its call, with as many of its own', async () => {
    const code = [
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
    ];
    const { python, database } = await startCode(code, 'CREATE TABLE t (n INT, who VARCHAR)');
    const before = countDescriptors(database.path);
    await expect(python.call('work:call', {}, callerOf('ada'))).rejects.toThrow('rolls back');
    expect(await rowsOf(database, 'FROM t ORDER BY n')).toEqual([
      { n: 1, who: 'ada' },
      { n: 2, who: 'ada' },
    ]);
    expect(countDescriptors(database.path)).toBe(before);
  });

  it('is interrupted with its call', async () => {
    const file = join(createFolder(), 'running');
    const code = [
      'import concurrent.futures',
      'from mxcp.runtime import db',
      'pool = concurrent.futures.ThreadPoolExecutor(1)',
      'last = []',
      `def count(): db.execute("${endlessInto(file)}")`,
      'def call():',
      '    last.append(pool.submit(count))',
      '    last[0].result()',
      'def outcome(): return type(last[0].exception(10)).__name__',
    ];
    const { python } = await startCode(code);
    const stop = new AbortController();
    void untilThere([file]).then(() => stop.abort());
    await expect(python.call('work:call', {}, { signal: stop.signal })).rejects.toMatchObject({
      code: 'query_interrupted',
    });
    expect(await python.value('work:outcome')).toBe('CallCancelled');
  });
});

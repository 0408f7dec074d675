import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { runningChildren } from '../../kit/processes.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { openDatabase, rowsOf } from '../duckdb/temporary-database.js';

describe('hooks', () => {
  it('run in each worker, in order, sync and async, and on_shutdown only where on_init ran', async () => {
    using project = new TemporaryProject({
      'python/hooks.py': [
        'import asyncio, os',
        'from mxcp.runtime import on_init, on_shutdown',
        'ran = []',
        '@on_init',
        'def first(): ran.append("first")',
        '@on_init',
        'async def second():',
        '    await asyncio.sleep(0)',
        '    ran.append("second")',
        '@on_init',
        'def third():',
        '    async def later(): ran.append("third")',
        '    return later()',
        '@on_shutdown',
        'def last():',
        '    with open("ended", "a") as file: file.write("x")',
        'def what_ran(): return ran',
        'def leave(): os._exit(1)',
      ],
    });
    const python = await PythonProject.build(project, { workers: 2 });
    expect((await python.call('hooks:what_ran')).items).toEqual([]);
    await python.workers.initialise();
    const both = await Promise.all([python.call('hooks:what_ran'), python.call('hooks:what_ran')]);
    for (const { items } of both) expect(items).toEqual(['first', 'second', 'third']);
    await expect(python.value('hooks:leave')).rejects.toThrow();
    await vi.waitFor(() => expect(python.workers.ready).toBe(2), { timeout: 15_000 });
    const again = await Promise.all([python.call('hooks:what_ran'), python.call('hooks:what_ran')]);
    for (const { items } of again) expect(items).toEqual(['first', 'second', 'third']);
    await python.workers.dispose();
    expect(readFileSync(project.path('ended'), 'utf8')).toBe('xx');
    await using another = await PythonProject.build(project, { workers: 2 });
    await another.workers.dispose();
    expect(readFileSync(project.path('ended'), 'utf8')).toBe('xx');
    expect(runningChildren()).toEqual([]);
  });

  it('that run at the end are known to the server, wherever they were registered', async () => {
    using project = new TemporaryProject({
      'python/hooks.py': [
        'import os',
        'from mxcp.runtime import on_init, on_shutdown',
        'def note():',
        '    with open("ended", "a") as file: file.write("x")',
        '@on_init',
        'def begin():',
        '    if os.path.exists("in-init"): on_shutdown(note)',
        'if os.path.exists("at-import"): on_shutdown(note)',
        'def register(): on_shutdown(note)',
        'def register_in_child():',
        '    child = os.fork()',
        '    if child == 0:',
        '        on_shutdown(note)',
        '        os._exit(7)',
        '    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(python.workers.hasShutdownHooks).toBe(false);
    await python.workers.initialise();
    expect(await python.value('hooks:register_in_child')).toBe(7);
    expect(python.workers.hasShutdownHooks).toBe(false);
    await python.value('hooks:register');
    expect(python.workers.hasShutdownHooks).toBe(true);
    await python.workers.dispose();
    expect(readFileSync(project.path('ended'), 'utf8')).toBe('x');
    for (const place of ['in-init', 'at-import']) {
      project.write(place, '');
      await using another = await PythonProject.build(project);
      await another.workers.initialise();
      expect(another.workers.hasShutdownHooks).toBe(true);
      rmSync(project.path(place));
    }
    expect(readFileSync(project.path('ended'), 'utf8')).toBe('xxx');
  });

  it('use the database, each run on a connection of its own that is closed after it', async () => {
    using project = new TemporaryProject({
      'python/hooks.py': [
        'from mxcp.runtime import db, on_init, on_shutdown',
        '@on_init',
        'def create():',
        '    db.execute("CREATE TABLE IF NOT EXISTS t (n INT)")',
        '    db.execute("BEGIN")',
        '    db.execute("INSERT INTO t VALUES (1)")',
        '    db.execute("COMMIT")',
        '@on_shutdown',
        'async def end(): db.execute("INSERT INTO t VALUES (2)")',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    await python.workers.initialise();
    expect(await rowsOf(database, 'FROM t')).toEqual([{ n: 1 }]);
    await python.workers.dispose();
    expect(await rowsOf(database, 'FROM t ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }]);
    expect(python.warnings).toEqual([]);
  });

  it('that leave a transaction open fail, and change nothing', async () => {
    using project = new TemporaryProject({
      'python/hooks.py': [
        'from mxcp.runtime import db, on_init',
        '@on_init',
        'def create():',
        '    db.execute("CREATE TABLE t (n INT)")',
        '    db.execute("BEGIN")',
        '    db.execute("INSERT INTO t VALUES (99)")',
      ],
    });
    const database = await openDatabase();
    await using python = await PythonProject.buildOn(project, database);
    await expect(python.workers.initialise()).rejects.toMatchObject({
      code: 'python_failed',
      message: expect.stringContaining('it left a transaction open'),
    });
    expect(await rowsOf(database, 'FROM t')).toEqual([]);
  });

  it('of a file that cannot be imported do not run, those of files that it imports do', async () => {
    using project = new TemporaryProject({
      'python/bad.py': [
        'from mxcp.runtime import on_init, on_shutdown',
        '@on_init',
        'def begin(): print("bad begin")',
        'import good',
        '@on_shutdown',
        'def end(): print("bad end")',
        'raise ValueError("broken")',
      ],
      'python/good.py': [
        'from mxcp.runtime import on_init',
        'try: import worse',
        'except ImportError: pass',
        '@on_init',
        'def begin(): print("good begin")',
      ],
      'python/worse.py': [
        'from mxcp.runtime import on_init',
        'on_init(lambda: print("worse begin"))',
        'import no_such_package',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.workers.initialise();
    await python.workers.dispose();
    expect(python.output).toEqual(['good begin']);
    expect(python.warnings).toHaveLength(2);
  });

  it('that raise refuse the start, with file and line', async () => {
    using project = new TemporaryProject({
      'python/hooks.py': ['from mxcp.runtime import on_init', '@on_init', 'def load():', '    return {}["key"]'],
    });
    await using python = await PythonProject.build(project);
    await expect(python.workers.initialise()).rejects.toMatchObject({
      code: 'python_failed',
      message: "KeyError: 'key' (python/hooks.py:4, in load)",
      problems: [{ file: 'python/hooks.py', line: 4 }],
    });
  });

  it.each([
    ['def hook(): time.sleep(600)'],
    ['async def hook(): await asyncio.sleep(600)'],
    ['async def hook():', '    while True: pass'],
  ])('that hang are ended: %s', async (...hook) => {
    using project = new TemporaryProject({
      'python/hooks.py': [
        'import asyncio, os, time',
        'from mxcp.runtime import on_init, on_shutdown',
        ...hook,
        'if os.environ["WHEN"] == "init": on_init(hook)',
        'else: on_shutdown(hook)',
      ],
    });
    const limits = { initialiseMs: 300, shutdownMs: 300 };
    await using starts = await PythonProject.build(project, { limits, environment: { ...process.env, WHEN: 'init' } });
    await expect(starts.workers.initialise()).rejects.toMatchObject({
      code: 'worker_exited',
      message: expect.stringContaining('was ended, because its on_init hooks took longer than 300 ms'),
    });
    await starts.workers.dispose();
    const environment = { ...process.env, WHEN: 'shutdown' };
    await using ends = await PythonProject.build(project, { limits, environment });
    await ends.workers.initialise();
    await ends.workers.dispose();
    expect(ends.warnings).toEqual([expect.stringContaining('its on_shutdown hooks took longer than 300 ms')]);
    expect(runningChildren()).toEqual([]);
  });

  it('that end the process, or raise at the end, are reported and delay nothing', async () => {
    using project = new TemporaryProject({
      'python/hooks.py': [
        'import os',
        'from mxcp.runtime import on_init, on_shutdown',
        '@on_shutdown',
        'def fails(): raise ValueError("one")',
        '@on_shutdown',
        'async def goes_on(): print("second ran")',
        'if os.environ.get("LEAVE"): on_init(lambda: os._exit(4))',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.workers.initialise();
    await python.workers.dispose();
    expect(python.warnings).toEqual(['an on_shutdown hook failed: ValueError: one (python/hooks.py:4, in fails)']);
    expect(python.output).toEqual(['second ran']);
    await using leaves = await PythonProject.build(project, { environment: { ...process.env, LEAVE: '1' } });
    await expect(leaves.workers.initialise()).rejects.toMatchObject({
      code: 'worker_exited',
      message: expect.stringContaining('exited with code 4'),
    });
  });

  it('and files that are imported cannot ask for a reload, which would ask again; what they start can', async () => {
    using project = new TemporaryProject({
      'python/asks.py': [
        'import asyncio',
        'from mxcp.runtime import on_init, on_shutdown, reload_duckdb',
        'reload_duckdb()',
        '@on_init',
        'def at_once(): reload_duckdb(lambda: None)',
        '@on_init',
        'async def later():',
        '    await asyncio.to_thread(reload_duckdb)',
        '    asyncio.get_running_loop().call_later(0.01, reload_duckdb, None, "later")',
        '@on_shutdown',
        'def at_the_end(): reload_duckdb()',
        'def call(): reload_duckdb(description="call")',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.workers.initialise();
    await python.call('asks:call');
    await vi.waitFor(() => expect(python.reloads.length).toBeGreaterThan(1));
    await python.workers.dispose();
    const asked = python.reloads.map(({ description }) => description);
    expect(asked.sort()).toEqual(['call', 'later']);
    const warnings = python.output.filter((line) => line.includes('Warning'));
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toBe(
      `${project.path('python/asks.py')}:3: RuntimeWarning: reload_duckdb() is ignored while files are imported and in hooks: ` +
        'each reload does both again, so reloads would never end',
    );
  });
});

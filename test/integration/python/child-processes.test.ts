import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { isRunning, runningDescendants } from '../../kit/processes.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const NO_SERVER =
  'this process was started by code of the project and has no connection to the server: ' +
  'mxcp.runtime works in the process of the call and in its threads';

describe('a Python process that code starts', () => {
  it.each(['spawn', 'forkserver'])('by %s imports the modules of the project and works', async (method) => {
    using project = new TemporaryProject({
      'python/many.py': [
        'import concurrent.futures, multiprocessing',
        'from mxcp.runtime import config, db, mcp, on_init, on_shutdown',
        'from shared.work import double',
        'ran = []',
        '@on_init',
        'def begin(): ran.append(1)',
        '@on_shutdown',
        'def end(): ran.clear()',
        'def triple(n): return [n * 3, ran]',
        'def pooled(method):',
        '    with multiprocessing.get_context(method).Pool(2) as pool: return pool.map(double, range(3))',
        'def executed(method):',
        '    context = multiprocessing.get_context(method)',
        '    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:',
        '        return list(pool.map(triple, range(3)))',
      ],
      'shared/work.py': ['def double(n): return n * 2'],
    });
    await using python = await PythonProject.build(project);
    await python.workers.initialise();
    expect((await python.call('many:pooled', { method })).items).toEqual([0, 2, 4]);
    expect((await python.call('many:executed', { method })).items).toEqual([
      [0, []],
      [3, []],
      [6, []],
    ]);
    expect(python.output).toEqual([]);
    expect(() => project.remove('python/__pycache__')).toThrow('ENOENT');
    await python.workers.dispose();
    expect(runningDescendants(process.pid)).toEqual([]);
  });

  it('gets one sentence that says it cannot reach the server', async () => {
    using project = new TemporaryProject({
      'python/asks.py': [
        'import multiprocessing',
        'from mxcp.runtime import config, db, reload_duckdb',
        'def ask(what):',
        '    try:',
        '        if what == "db": db.execute("SELECT 1")',
        '        elif what == "config": config.get_secret("x")',
        '        else: reload_duckdb()',
        '    except RuntimeError as error: return str(error)',
        'def ask_all():',
        '    with multiprocessing.get_context("spawn").Pool(1) as pool:',
        '        return pool.map(ask, ["db", "config", "reload"])',
      ],
    });
    await using python = await PythonProject.build(project);
    const { items } = await python.call('asks:ask_all');
    expect(items).toEqual([NO_SERVER, NO_SERVER, NO_SERVER]);
  });

  it('by fork sends nothing to the client, and cannot ask for a reload', async () => {
    using project = new TemporaryProject({
      'python/asks.py': [
        'import asyncio, multiprocessing',
        'from mxcp.runtime import mcp, reload_duckdb',
        'def ask(queue):',
        '    asyncio.run(mcp.info("from the child"))',
        '    try: reload_duckdb()',
        '    except RuntimeError as error: queue.put(str(error))',
        '    queue.put("nothing more")',
        'def start():',
        '    queue = multiprocessing.get_context("fork").SimpleQueue()',
        '    multiprocessing.get_context("fork").Process(target=ask, args=(queue,)).start()',
        '    return [queue.get(), queue.get()]',
      ],
    });
    await using python = await PythonProject.build(project);
    const { items } = await python.call('asks:start');
    expect(items).toEqual([NO_SERVER, 'nothing more']);
    expect(python.notifications).toEqual([]);
    expect(python.reloads).toEqual([]);
  });

  it('outlives the thread that has forked it', async () => {
    using project = new TemporaryProject({
      'python/forks.py': [
        'import multiprocessing, threading',
        'started = []',
        'def wait(begun, go):',
        '    begun.set()',
        '    go.wait()',
        'def start(begun, go):',
        '    process = multiprocessing.get_context("fork").Process(target=wait, args=(begun, go))',
        '    process.start()',
        '    started.append(process)',
        '    begun.wait()',
        'def fork():',
        '    begun, go = multiprocessing.Event(), multiprocessing.Event()',
        '    thread = threading.Thread(target=start, args=(begun, go))',
        '    thread.start()',
        '    thread.join()',
        '    go.set()',
        '    started[0].join()',
        '    return started[0].exitcode',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('forks:fork')).toBe(0);
  });

  it('ends with its worker, unless it has left the group of it', async () => {
    using project = new TemporaryProject({
      'python/programs.py': [
        'import subprocess',
        'def start(own): return subprocess.Popen(["sleep", "600"], start_new_session=own).pid',
      ],
    });
    await using python = await PythonProject.build(project);
    const ends = Number(await python.value('programs:start', { own: false }));
    const stays = Number(await python.value('programs:start', { own: true }));
    onTestFinished(() => void process.kill(stays, 'SIGKILL'));
    await python.workers.dispose();
    await vi.waitFor(() => expect(isRunning(ends)).toBe(false));
    expect(isRunning(stays)).toBe(true);
  });
});

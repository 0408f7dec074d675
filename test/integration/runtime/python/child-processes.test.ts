import { describe, expect, it } from 'vitest';
import { PythonProject } from '../../../kit/python-project.js';
import { runningDescendants } from '../../../kit/processes.js';
import { TemporaryProject } from '../../../kit/temporary-project.js';

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

  it('is told in one sentence that the server is out of its reach', async () => {
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
    expect(items).toEqual(
      Array(3).fill(
        'this process was started by code of the project and has no connection to the server: ' +
          'mxcp.runtime works in the process of the call and in its threads',
      ),
    );
  });
});

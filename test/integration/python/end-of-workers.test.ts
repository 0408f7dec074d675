import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, vi } from 'vitest';
import { resourcesOf } from '../../kit/process-resources.js';
import { isRunning, runningChildren, runningGroup } from '../../kit/processes.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const REGISTER = join(import.meta.dirname, '../../kit/register-typescript.mjs');
const SERVER = join(import.meta.dirname, 'server-process.ts');

describe('the end of Python workers', () => {
  it('two hundred times leaves no process and no descriptor behind', { timeout: 120_000 }, async () => {
    using project = new TemporaryProject({ 'python/a.py': ['def f(): return 1'] });
    const cycle = async (round: number): Promise<void> => {
      const python = await PythonProject.build(project);
      if (round % 3 === 0) await python.workers.initialise();
      if (round % 2 === 0) expect(await python.value('a:f')).toBe(1);
      if (round % 5 === 0) expect(python.workers.dispose()).toBe(python.workers.dispose());
      await python.workers.dispose();
    };
    for (let round = 0; round < 4; round += 1) await cycle(round);
    const before = resourcesOf('self').descriptors;
    for (let round = 0; round < 200; round += 4) await Promise.all([0, 1, 2, 3].map((offset) => cycle(round + offset)));
    expect(runningChildren()).toEqual([]);
    expect(resourcesOf('self').descriptors).toEqual(before);
  });

  it('at any moment of a build leaves none either', { timeout: 60_000 }, async () => {
    using project = new TemporaryProject({ 'python/a.py': ['import time', 'time.sleep(0.02)', 'def f(): return 1'] });
    const before = resourcesOf('self').descriptors;
    let aborted = 0;
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('no longer wanted')), round * 10);
      const building = PythonProject.build(project, { workers: 2, signal: controller.signal });
      const failure = await building.then(
        (built) => built.workers.dispose(),
        (error: unknown) => error,
      );
      if (failure === undefined) continue;
      expect(failure).toMatchObject({ message: 'no longer wanted' });
      aborted += 1;
    }
    // The first import alone takes longer than the first two rounds.
    expect(aborted).toBeGreaterThanOrEqual(2);
    expect(runningChildren()).toEqual([]);
    expect(resourcesOf('self').descriptors).toEqual(before);
  });

  it('fails calls that still run, and those that come later', async () => {
    using project = new TemporaryProject({ 'python/a.py': ['import time', 'def wait(): time.sleep(600)'] });
    await using python = await PythonProject.build(project);
    const held = Array.from({ length: 20 }, () => python.value('a:wait'));
    const settled = Promise.allSettled(held);
    await python.workers.dispose();
    for (const outcome of await settled) expect(outcome).toMatchObject({ reason: { code: 'worker_exited' } });
    await expect(python.value('a:wait')).rejects.toMatchObject({ code: 'worker_exited' });
    expect(python.workers.ready).toBe(0);
    expect(python.warnings).toEqual([]);
  });

  it('runs what the code has registered for it', async () => {
    using project = new TemporaryProject({
      'python/a.py': ['import atexit', 'atexit.register(lambda: print("cleaned up"))'],
    });
    await using python = await PythonProject.build(project);
    await python.workers.dispose();
    expect(python.output).toEqual(['cleaned up']);
  });

  it.each([['idle'], ['spins'], ['holds the interpreter'], ['blocks its loop']])(
    'comes with the server however that dies, also when it %s',
    async (state) => {
      using project = new TemporaryProject({
        'python/busy.py': [
          'import os, re, time',
          'def pid(): return os.getpid()',
          'def idle(): return 1',
          'def spins():',
          '    while True: pass',
          'def holds(): re.match("(a+)+$", "a" * 60 + "b")',
          'async def blocks(): time.sleep(600)',
        ],
      });
      const [name = ''] = state.split(' ');
      const child = spawn(process.execPath, ['--import', REGISTER, SERVER, project.root, name]);
      expect(child.pid).toBeDefined();
      const [line] = await once(createInterface(child.stdout), 'line');
      const worker = Number(line);
      expect(isRunning(worker)).toBe(true);
      child.kill('SIGKILL');
      await vi.waitFor(() => expect(runningGroup(worker)).toEqual([]), 5000);
    },
  );
});

import { existsSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const RELOADS = [
  'import asyncio, os, time',
  'from mxcp.runtime import db, reload_duckdb',
  'ran = []',
  'def sync_payload(): ran.append("sync")',
  'async def async_payload():',
  '    await asyncio.sleep(0)',
  '    ran.append("async")',
  'def failing(): raise ValueError("payload")',
  'def asking(): db.execute("SELECT 1")',
  'def endless():',
  '    open("begun", "w").close()',
  '    while True: pass',
  'def dying(): os._exit(2)',
  'def ask(name):',
  '    reload_duckdb(globals()[name], description="new data")',
  '    return "asked"',
  'def ask_for_nothing(): reload_duckdb()',
  'async def ask_later(): reload_duckdb(payload_func=async_payload)',
  'def what_ran(): return ran',
];

describe('reload_duckdb', () => {
  it('returns at once, and its payload runs when asked to, in the worker that requested the reload', async () => {
    using project = new TemporaryProject({ 'python/reloads.py': RELOADS });
    await using python = await PythonProject.build(project);
    expect(await python.value('reloads:ask', { name: 'sync_payload' })).toBe('asked');
    await python.call('reloads:ask_later');
    await python.call('reloads:ask_for_nothing');
    await vi.waitFor(() => expect(python.reloads).toHaveLength(3));
    expect(python.reloads[0]?.description).toBe('new data');
    expect(python.reloads[1]?.description).toBe(undefined);
    expect(python.reloads[2]).toEqual({ description: undefined, payload: undefined });
    expect((await python.call('reloads:what_ran')).items).toEqual([]);
    const { signal } = new AbortController();
    await python.reloads[1]?.payload?.run(signal);
    await python.reloads[0]?.payload?.run(signal);
    expect((await python.call('reloads:what_ran')).items).toEqual(['async', 'sync']);
    python.reloads[0]?.payload?.release();
    await expect(python.reloads[0]?.payload?.run(signal)).rejects.toThrow('runs once');
  });

  it('reports how its payload failed, and a payload cannot use the database', async () => {
    using project = new TemporaryProject({ 'python/reloads.py': RELOADS });
    await using python = await PythonProject.build(project);
    const run = async (name: string, signal = new AbortController().signal): Promise<void> => {
      await python.value('reloads:ask', { name });
      await python.reloads.at(-1)?.payload?.run(signal);
    };
    await expect(run('failing')).rejects.toMatchObject({
      code: 'python_failed',
      message: 'ValueError: payload (python/reloads.py:8, in failing)',
    });
    await expect(run('asking')).rejects.toThrow(
      'RuntimeError: the database is closed while the payload of a reload runs (python/reloads.py:9, in asking)',
    );
    const controller = new AbortController();
    const stopped = expect(run('endless', controller.signal)).rejects.toMatchObject({ code: 'query_interrupted' });
    await vi.waitFor(() => expect(existsSync(project.path('begun'))).toBe(true), 10_000);
    controller.abort();
    await stopped;
    expect(python.workers.status.restarts).toBe(0);
    await expect(run('dying')).rejects.toMatchObject({ code: 'worker_exited' });
  });

  it('whose worker has ended by then fails', async () => {
    using project = new TemporaryProject({ 'python/reloads.py': [...RELOADS, 'def leave(): os._exit(3)'] });
    await using python = await PythonProject.build(project);
    await python.value('reloads:ask', { name: 'sync_payload' });
    await expect(python.value('reloads:leave')).rejects.toThrow();
    await expect(python.reloads[0]?.payload?.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'worker_exited',
    });
    python.reloads[0]?.payload?.release();
  });
});

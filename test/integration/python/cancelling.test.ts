import { describe, expect, it, vi } from 'vitest';
import { isRunning } from '../../kit/processes.js';
import { seededRandom } from '../../kit/random.js';
import { PythonProject, type PythonProjectOptions } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { openDatabase } from '../duckdb/temporary-database.js';

const WORK = [
  'import asyncio, os, threading, time',
  'from mxcp.runtime import db',
  'began = {}',
  'ended = []',
  'def pid(): return os.getpid()',
  'def has_begun(name): return name in began',
  'def what_ended(): return ended',
  'def spin(name):',
  '    try:',
  '        began[name] = True',
  '        while True: pass',
  '    finally: ended.append(name)',
  'async def async_wait(name):',
  '    try:',
  '        began[name] = True',
  '        await asyncio.sleep(600)',
  '    finally: ended.append(name)',
  'async def async_spin(name):',
  '    began[name] = True',
  '    while True: pass',
  'def sleep(name):',
  '    began[name] = True',
  '    time.sleep(600)',
  'def stubborn(name):',
  '    began[name] = True',
  '    while True:',
  '        try: time.sleep(0.01)',
  '        except BaseException: pass',
  'def query(name):',
  '    try:',
  '        began[name] = True',
  '        return db.execute("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")',
  '    finally: ended.append(name)',
  'async def async_query(name): return query(name)',
  'async def quick(name):',
  '    began[name] = True',
  '    await asyncio.sleep(600)',
  'def output(name):',
  '    began[name] = True',
  '    while True: yield "x" * 100',
  'def wait_for_file(path):',
  '    while not os.path.exists(path): time.sleep(0.01)',
  '    return os.getpid()',
];

async function build(project: TemporaryProject, options: PythonProjectOptions = {}): Promise<PythonProject> {
  const database = await openDatabase();
  return await PythonProject.build(project, { openSession: (caller) => database.openSession(caller), ...options });
}

/** Starts a call, and cancels it when its code runs. */
async function cancel(python: PythonProject, name: string): Promise<void> {
  const controller = new AbortController();
  const call = python.call(
    `work:${name}`,
    { name },
    { signal: controller.signal, maxResultBytes: 1e12, onItem: () => undefined },
  );
  const outcome = call.then(
    () => 'nothing',
    (error: unknown) => error,
  );
  await untilBegun(python, name);
  controller.abort();
  expect(await outcome).toMatchObject({ code: 'query_interrupted' });
}

/** An async function that blocks its loop is heard of by sync ones of the same worker. */
async function untilBegun(python: PythonProject, name: string): Promise<void> {
  await vi.waitFor(async () => expect(await python.value('work:has_begun', { name })).toBe(true), 10_000);
}

describe('a call that is cancelled', () => {
  it.each(['spin', 'async_wait', 'query', 'async_query', 'output'])('really stops: %s', async (name) => {
    using project = new TemporaryProject({ 'python/work.py': WORK });
    // A call that does not stop by itself would be answered only after this time.
    await using python = await build(project, { limits: { stopMs: 60_000 } });
    const worker = await python.value('work:pid');
    await cancel(python, name);
    if (name !== 'output') {
      const ended = name === 'async_query' ? 'async_query' : name;
      expect((await python.call('work:what_ended')).items).toEqual([ended]);
    }
    expect(await python.value('work:pid')).toBe(worker);
    expect(python.workers.status).toEqual({ workers: 1, busy: 0, restarts: 0 });
  });

  it.each(['async_spin', 'sleep', 'stubborn'])(
    'and does not stop: its worker is replaced at once, and killed when its other calls have ended: %s',
    async (name) => {
      using project = new TemporaryProject({ 'python/work.py': WORK });
      await using python = await build(project, { limits: { stopMs: 200 } });
      const worker = Number(await python.value('work:pid'));
      const other = python.value('work:wait_for_file', { path: project.path('go') });
      await cancel(python, name);
      expect(await python.value('work:pid')).not.toBe(worker);
      expect(isRunning(worker)).toBe(true);
      project.write('go', '');
      expect(await other).toBe(worker);
      await vi.waitFor(() => expect(isRunning(worker)).toBe(false));
      expect(python.workers.status).toEqual({ workers: 1, busy: 0, restarts: 1 });
    },
  );

  it('and does not stop: calls beside it that take too long fail with a clear error', async () => {
    using project = new TemporaryProject({ 'python/work.py': WORK });
    await using python = await build(project, { limits: { stopMs: 100, retireMs: 200 } });
    const other = expect(python.value('work:query', { name: 'other' })).rejects.toMatchObject({
      code: 'worker_exited',
      message: expect.stringContaining('was ended, because cancelled work in it continued'),
    });
    await untilBegun(python, 'other');
    await cancel(python, 'sleep');
    await other;
  });

  it('cannot be heard of while another async call waits for the database, whose worker is left alone', async () => {
    using project = new TemporaryProject({ 'python/work.py': WORK });
    await using python = await build(project, { limits: { stopMs: 100 } });
    const startQuick = async (name: string) => {
      const controller = new AbortController();
      const { signal } = controller;
      const ended = expect(python.value('work:quick', { name }, { signal })).rejects.toMatchObject({
        code: 'query_interrupted',
      });
      await untilBegun(python, name);
      return { controller, ended };
    };
    const quick = [await startQuick('first'), await startQuick('second'), await startQuick('third')];
    const blocker = new AbortController();
    const blocking = python.value('work:async_query', { name: 'blocker' }, { signal: blocker.signal });
    const blocked = expect(blocking).rejects.toMatchObject({ code: 'query_interrupted' });
    await untilBegun(python, 'blocker');
    // Each is given up when it was first looked at, and by then the earlier ones were looked at once more.
    for (const { controller, ended } of quick) {
      controller.abort();
      await ended;
    }
    blocker.abort();
    await blocked;
    expect(python.workers.status.restarts).toBe(0);
  });

  it('before it has begun, or while it waits for a worker, never runs', async () => {
    using project = new TemporaryProject({ 'python/work.py': WORK });
    await using python = await build(project);
    const held = Array.from({ length: 16 }, () => python.value('work:wait_for_file', { path: project.path('go') }));
    const controller = new AbortController();
    const waiting = expect(
      python.value('work:spin', { name: 'never' }, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'query_interrupted' });
    const next = python.value('work:has_begun', { name: 'never' });
    controller.abort();
    await waiting;
    await expect(python.value('work:spin', { name: 'never' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'query_interrupted',
    });
    project.write('go', '');
    expect(await next).toBe(false);
    await Promise.all(held);
  });

  it('at any moment leaves the worker as it was', async () => {
    using project = new TemporaryProject({
      'python/storm.py': [
        'import asyncio, os',
        'from mxcp.runtime import db, mcp',
        'def pid(): return os.getpid()',
        'def sync():',
        '    rows = []',
        '    for i in range(50):',
        '        rows += db.execute("SELECT ? AS n", [i])',
        '        sum(range(500))',
        '    return rows',
        'async def later():',
        '    for i in range(50):',
        '        await mcp.progress(i)',
        '        await asyncio.sleep(0)',
        '    return list(range(1000))',
      ],
    });
    await using python = await build(project, { workers: 2 });
    const pids = await Promise.all([python.value('storm:pid'), python.value('storm:pid')]);
    const random = seededRandom();
    for (let round = 0; round < 60; round += 1) {
      const calls = Array.from({ length: 8 }, async (_, index) => {
        const controller = new AbortController();
        const call = python.call(index % 2 === 0 ? 'storm:sync' : 'storm:later', {}, { signal: controller.signal });
        setTimeout(() => controller.abort(), random() * 20);
        return await call;
      });
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'query_interrupted' });
      }
    }
    expect((await python.call('storm:sync')).items).toHaveLength(50);
    expect(await Promise.all([python.value('storm:pid'), python.value('storm:pid')])).toEqual(pids);
    expect(python.warnings).toEqual([]);
    expect(python.output).toEqual([]);
    expect(python.workers.status).toEqual({ workers: 2, busy: 0, restarts: 0 });
  });

  it('in the middle of a line, where signals cut writes short, never leaves half of it', async () => {
    using project = new TemporaryProject({
      'python/cut.py': [
        'import contextlib, os, signal, threading, time',
        'signal.signal(signal.SIGUSR1, lambda *_: None)',
        'def pid(): return os.getpid()',
        'def disturb(thread, has_ended):',
        '    while not has_ended.wait(0.0002): signal.pthread_kill(thread, signal.SIGUSR1)',
        'def large():',
        '    has_ended = threading.Event()',
        '    threading.Thread(target=disturb, args=(threading.get_ident(), has_ended)).start()',
        '    try:',
        '        while True: yield "x" * 2_000_000',
        '    finally: has_ended.set()',
      ],
    });
    await using python = await build(project, { limits: { stopMs: 10_000 } });
    const pid = await python.value('cut:pid');
    for (let round = 0; round < 40; round += 1) {
      const calls = Array.from({ length: 4 }, async (_, index) => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 20 + index * 7 + (round % 10));
        return await python.call('cut:large', {}, { signal: controller.signal, maxResultBytes: 1e12 });
      });
      for (const outcome of await Promise.allSettled(calls))
        expect(outcome).toMatchObject({ reason: { code: 'query_interrupted' } });
    }
    expect(python.warnings).toEqual([]);
    expect(await python.value('cut:pid')).toBe(pid);
    expect(python.warnings).toEqual([]);
  });

  it('together with others that only wait a little again and again stops like they do', async () => {
    using project = new TemporaryProject({
      'python/poll.py': [
        'import os, time',
        'def pid(): return os.getpid()',
        'def poll():',
        '    while True: time.sleep(0.001)',
      ],
    });
    await using python = await build(project);
    const pid = await python.value('poll:pid');
    for (let round = 0; round < 20; round += 1) {
      const signal = AbortSignal.timeout(30);
      const calls = Array.from({ length: 8 }, () => python.call('poll:poll', {}, { signal }));
      for (const outcome of await Promise.allSettled(calls))
        expect(outcome).toMatchObject({ reason: { code: 'query_interrupted' } });
    }
    expect(python.warnings).toEqual([]);
    expect(await python.value('poll:pid')).toBe(pid);
  });

  it('while it starts a thread reaches the call and not the thread', async () => {
    using project = new TemporaryProject({
      'python/starts.py': [
        'import os, threading',
        'def pid(): return os.getpid()',
        'def nothing(): pass',
        'def start():',
        '    while True: threading.Thread(target=nothing).start()',
      ],
    });
    await using python = await build(project);
    const pid = await python.value('starts:pid');
    for (let round = 0; round < 60; round += 1) {
      const signal = AbortSignal.timeout(10);
      const calls = Array.from({ length: 4 }, () => python.call('starts:start', {}, { signal }));
      for (const outcome of await Promise.allSettled(calls))
        expect(outcome).toMatchObject({ reason: { code: 'query_interrupted' } });
    }
    expect(python.warnings).toEqual([]);
    expect(python.output).toEqual([]);
    expect(await python.value('starts:pid')).toBe(pid);
  });
});

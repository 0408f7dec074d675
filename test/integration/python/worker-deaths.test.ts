import { describe, expect, it, vi } from 'vitest';
import { isRunning, runningGroup } from '../../kit/processes.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

/** Ways to end a process, and helpers to see which one answers. */
const DEATHS = [
  'import ctypes, os, resource, signal, sys, threading, time',
  'def pid(): return os.getpid()',
  'def wait(seconds): time.sleep(seconds)',
  'def crash(): os.abort()',
  'def segfault(): ctypes.string_at(0)',
  'def leave(): os._exit(3)',
  'def leave_well(): os._exit(0)',
  'def killed(): os.kill(os.getpid(), signal.SIGKILL)',
  'async def later(): os._exit(4)',
  'def close_pipes(): os.closerange(3, 4096)',
  'def garbage():',
  '    for descriptor in range(3, 256):',
  '        try: os.write(descriptor, b"garbage\\n")',
  '        except OSError: pass',
  '    time.sleep(60)',
  'def half_a_line():',
  '    for descriptor in range(3, 256):',
  '        try: os.write(descriptor, b"1 [1, 2")',
  '        except OSError: pass',
  '    return 1',
];

describe('a worker that dies', () => {
  it.each([
    ['crash', 'was ended by SIGABRT'],
    ['segfault', 'was ended by SIGSEGV'],
    ['leave', 'exited with code 3'],
    ['leave_well', 'exited with code 0'],
    ['killed', 'was killed (SIGKILL), as the system does when memory runs out'],
    ['later', 'exited with code 4'],
    ['close_pipes', 'lost its connection to the server'],
    ['garbage', 'was ended, because code of the project wrote to the pipe of the server'],
    ['half_a_line', 'was ended, because code of the project wrote to the pipe of the server'],
  ])('by %s fails its calls, says how it died, and is replaced', async (name, how) => {
    using project = new TemporaryProject({ 'python/deaths.py': DEATHS });
    await using python = await PythonProject.build(project);
    const before = await python.value('deaths:pid');
    const held = expect(python.value('deaths:wait', { seconds: 60 })).rejects.toMatchObject({ code: 'worker_exited' });
    await expect(python.value(`deaths:${name}`)).rejects.toMatchObject({
      code: 'worker_exited',
      message: expect.stringContaining(how),
    });
    await held;
    expect(await python.value('deaths:pid')).not.toBe(before);
    expect(python.workers.status).toEqual({ workers: 1, busy: 0, restarts: 1 });
    expect(isRunning(Number(before))).toBe(false);
    expect(python.warnings).toEqual([expect.stringContaining(how)]);
  });

  it('is not noticed by the calls of other workers', async () => {
    using project = new TemporaryProject({
      'python/deaths.py': [
        ...DEATHS,
        'def hold(path):',
        '    while not os.path.exists(path): time.sleep(0.01)',
        '    return 1',
      ],
    });
    await using python = await PythonProject.build(project, { workers: 2 });
    const held = python.value('deaths:hold', { path: project.path('go') });
    await expect(python.value('deaths:crash')).rejects.toMatchObject({ code: 'worker_exited' });
    project.write('go', '');
    expect(await held).toBe(1);
  });

  it('again and again is replaced each time, and calls wait for it', async () => {
    using project = new TemporaryProject({ 'python/deaths.py': DEATHS });
    await using python = await PythonProject.build(project);
    for (let count = 1; count <= 4; count += 1) {
      await expect(python.value('deaths:leave')).rejects.toMatchObject({ code: 'worker_exited' });
      expect(python.workers.status.restarts).toBe(count);
    }
    expect(await python.value('deaths:pid')).toBeTypeOf('number');
  });

  it('and cannot be replaced fails calls instead of keeping them waiting', async () => {
    using project = new TemporaryProject({
      'python/once.py': ['import os', 'if os.path.exists("gone"): os._exit(7)', 'def leave(): os._exit(3)'],
    });
    await using python = await PythonProject.build(project);
    project.write('gone', '');
    await expect(python.value('once:leave')).rejects.toMatchObject({ code: 'worker_exited' });
    await expect(python.value('once:leave')).rejects.toMatchObject({
      code: 'worker_exited',
      message: expect.stringContaining('exited with code 7 while importing python/once.py'),
    });
    expect(python.workers.ready).toBe(0);
    project.remove('gone');
    await vi.waitFor(() => expect(python.workers.ready).toBe(1), { timeout: 15_000, interval: 100 });
    await expect(python.value('once:leave')).rejects.toMatchObject({ message: expect.stringContaining('code 3') });
  });

  it('runs the code that its generation began with, whatever is on disk by then', async () => {
    using project = new TemporaryProject({
      'python/shop.py': [
        'import os, lib.price',
        'def price(): return lib.price.of()',
        'def leave(): os._exit(3)',
        'def fail(): raise ValueError',
      ],
      'lib/price.py': ['def of(): return 1'],
    });
    await using python = await PythonProject.build(project);
    project.write('lib/price.py', ['def of(): return 2']);
    project.write('python/new.py', ['raise ValueError']);
    await expect(python.value('shop:leave')).rejects.toThrow();
    expect(await python.value('shop:price')).toBe(1);
    project.remove('lib');
    project.write('python/shop.py', ['# other', '# lines', '# now', '# here']);
    await expect(python.value('shop:leave')).rejects.toThrow();
    expect(await python.value('shop:price')).toBe(1);
    await expect(python.value('shop:fail')).rejects.toMatchObject({
      logMessage: 'ValueError (python/shop.py:4, in fail)',
    });
    expect(python.details.at(-1)).toContain('def fail(): raise ValueError');
  });
});

describe('memory that runs out', () => {
  it('fails only its own call', async () => {
    using project = new TemporaryProject({
      'python/memory.py': [
        'import resource',
        'def limit():',
        '    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()',
        '    resource.setrlimit(resource.RLIMIT_AS, (size + 200_000_000, -1))',
        'def fill():',
        '    parts = []',
        '    while True: parts.append(bytearray(10_000_000))',
        'def small(): return 1',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.call('memory:limit');
    await expect(python.value('memory:fill')).rejects.toMatchObject({
      code: 'python_failed',
      logMessage: 'MemoryError (python/memory.py:7, in fill)',
    });
    expect(await python.value('memory:small')).toBe(1);
    expect(python.workers.status.restarts).toBe(0);
  });

  it('so that no thread can be started ends the worker, which says so', async () => {
    using project = new TemporaryProject({
      'python/memory.py': [
        'import resource, threading, time',
        'def limit():',
        '    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()',
        '    resource.setrlimit(resource.RLIMIT_AS, (size + 1_000_000, -1))',
        'def wait(): time.sleep(60)',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.call('memory:limit');
    const calls = [1, 2].map(() => python.value('memory:wait'));
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({
        reason: { code: 'worker_exited', message: expect.stringContaining('ran out of memory or threads') },
      });
    }
  });
});

describe('what code leaves behind', () => {
  it('a forked child neither answers nor keeps anybody waiting, and ends with the worker', async () => {
    using project = new TemporaryProject({
      'python/forks.py': [
        'import asyncio, os, time',
        'def comes_back():',
        '    os.fork()',
        '    return os.getpid()',
        'async def comes_back_later():',
        '    os.fork()',
        '    await asyncio.sleep(0)',
        '    return os.getpid()',
        'def outlives():',
        '    child = os.fork()',
        '    if child == 0:',
        '        time.sleep(600)',
        '        os._exit(0)',
        '    return child',
        'def dies_with_child():',
        '    if os.fork() == 0: time.sleep(600)',
        '    os._exit(5)',
        'def pid(): return os.getpid()',
      ],
    });
    await using python = await PythonProject.build(project);
    const worker = Number(await python.value('forks:pid'));
    expect((await python.call('forks:comes_back')).items).toEqual([worker]);
    expect((await python.call('forks:comes_back_later')).items).toEqual([worker]);
    const child = Number(await python.value('forks:outlives'));
    expect(isRunning(child)).toBe(true);
    await expect(python.value('forks:dies_with_child')).rejects.toMatchObject({
      message: expect.stringContaining('exited with code 5'),
    });
    await vi.waitFor(() => expect(runningGroup(worker)).toEqual([]));
    const another = Number(await python.value('forks:outlives'));
    await python.workers.dispose();
    await vi.waitFor(() => expect(isRunning(another)).toBe(false));
  });

  it('processes of multiprocessing and subprocess work, and end with the worker', async () => {
    using project = new TemporaryProject({
      'python/many.py': [
        'import multiprocessing, os, subprocess',
        'def double(n): return n * 2',
        'def pooled():',
        '    with multiprocessing.Pool(2) as pool: return pool.map(double, range(4))',
        'def shell(): return subprocess.run(["echo", "hi"], capture_output=True, text=True).stdout',
        'def background():',
        '    return subprocess.Popen(["sleep", "600"]).pid',
        'def forked_database():',
        '    from mxcp.runtime import db',
        '    queue = multiprocessing.SimpleQueue()',
        '    def ask():',
        '        try: db.execute("SELECT 1")',
        '        except RuntimeError as error: queue.put(str(error))',
        '    multiprocessing.Process(target=ask).start()',
        '    return queue.get()',
      ],
    });
    await using python = await PythonProject.build(project);
    expect((await python.call('many:pooled')).items).toEqual([0, 2, 4, 6]);
    expect(await python.value('many:shell')).toBe('hi\n');
    expect(await python.value('many:forked_database')).toBe(
      'the database cannot be used in a forked process; use threads',
    );
    const sleeper = Number(await python.value('many:background'));
    expect(isRunning(sleeper)).toBe(true);
    await python.workers.dispose();
    await vi.waitFor(() => expect(isRunning(sleeper)).toBe(false));
  });

  it('threads that run on disturb neither calls nor the end', async () => {
    using project = new TemporaryProject({
      'python/threads.py': [
        'import concurrent.futures, threading, time',
        'pool = concurrent.futures.ThreadPoolExecutor(2)',
        'def start():',
        '    threading.Thread(target=time.sleep, args=(600,)).start()',
        '    pool.submit(time.sleep, 600)',
        '    return threading.active_count()',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('threads:start')).toBeGreaterThan(3);
    const began = performance.now();
    await python.workers.dispose();
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('another folder, standard input and path are its own affair', async () => {
    using project = new TemporaryProject({
      'python/moves.py': [
        'import os, sys',
        'def where(): return os.getcwd()',
        'def stdin(): return sys.stdin.read()',
        'def move():',
        '    os.chdir("/")',
        '    sys.stdin.close()',
        '    os.close(0)',
        '    sys.path.clear()',
        '    del sys.stdout, sys.stderr',
        'def lazy():',
        '    from shop import late',
        '    return late.X',
      ],
      'python/shop/_late.py': ['X = 1'],
      'python/shop/late.py': ['from ._late import X'],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('moves:where')).toBe(project.root);
    expect(await python.value('moves:stdin')).toBe('');
    await python.call('moves:move');
    // More than there are threads by now.
    const all = await Promise.all(Array.from({ length: 8 }, () => python.value('moves:where')));
    expect(new Set(all)).toEqual(new Set(['/']));
    expect(await python.value('moves:lazy')).toBe(1);
    expect(python.workers.status.restarts).toBe(0);
  });
});

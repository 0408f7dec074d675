import { describe, expect, it, vi } from 'vitest';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

describe('what Python code prints', () => {
  it('is logged line by line, whatever it is and whatever writes it', async () => {
    using project = new TemporaryProject({
      'python/talks.py': [
        'import logging, os, subprocess, sys',
        'print("at import")',
        'def talk():',
        '    print("é", 1, end="")',
        '    print(" end")',
        '    print("two\\nlines", file=sys.stderr)',
        '    print("\\ud800")',
        '    print()',
        '    os.write(1, b"\\xff\\xfe\\n")',
        '    subprocess.run(["echo", "from a child"])',
        '    logging.getLogger("shop").info("logged")',
        '    print(\'{"op":"done","job":1}\')',
        '    print("x" * 20_000)',
        '    print("no end", end="")',
        '    sys.stdout.flush()',
        '    return "result"',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('talks:talk')).toBe('result');
    await python.workers.dispose();
    const lines = python.output;
    expect(lines).toContain('at import');
    expect(lines).toContain('é 1 end');
    expect(lines).toContain('two');
    expect(lines).toContain('lines');
    expect(lines).toContain('\\ud800');
    expect(lines).toContain('\ufffd\ufffd');
    expect(lines).toContain('from a child');
    expect(lines).toContain('INFO shop: logged');
    expect(lines).toContain('{"op":"done","job":1}');
    expect(lines).toContain(`${'x'.repeat(8192)} … (11808 more bytes)`);
    expect(lines).toContain('no end');
    expect(lines).not.toContain('');
  });

  it('says which call printed it, in threads, tasks, pools and forked processes too', async () => {
    using project = new TemporaryProject({
      'python/who.py': [
        'import asyncio, logging, multiprocessing, os, subprocess, sys, threading, warnings',
        'from concurrent.futures import ThreadPoolExecutor',
        'pool = ThreadPoolExecutor(1)',
        'print("none at import")',
        'def child(name): print(name, "in a forked process", flush=True)',
        'def deep(name):',
        '    thread = threading.Thread(target=print, args=(name, "in a thread of a thread"))',
        '    thread.start()',
        '    thread.join()',
        'def plain(name):',
        '    print(name, "in a call")',
        '    print(name, "on standard error", file=sys.stderr)',
        '    sys.stdout.buffer.write(name.encode() + b" in bytes\\n")',
        '    logging.getLogger("shop").warning("%s in the log", name)',
        '    warnings.warn(name + " in a warning")',
        '    print(name, "at the end of a call", end="")',
        '    os.write(1, b"none from below\\n")',
        '    subprocess.run(["echo", "none in a program"])',
        '    thread = threading.Thread(target=deep, args=(name,))',
        '    thread.start()',
        '    thread.join()',
        '    pool.submit(print, name, "in a pool").result()',
        '    process = multiprocessing.get_context("fork").Process(target=child, args=(name,))',
        '    process.start()',
        '    process.join()',
        'async def task(name): print(name, "in a task")',
        'async def loop(name):',
        '    print(name, "in async code")',
        '    await asyncio.gather(task(name), asyncio.to_thread(print, name, "in a thread of the loop"))',
      ],
    });
    await using python = await PythonProject.build(project);
    const names = ['ann', 'bob', 'eve'];
    const call = (function_: string) => (name: string) =>
      python.call(`who:${function_}`, { name }, { lineFields: { request: name } });
    await Promise.all([...names.map(call('plain')), ...names.map(call('loop'))]);
    await python.workers.dispose();
    const logged = python.lines.filter(({ text }) => !/warnings.warn/.test(text));
    const wanted = logged.map(({ text }) => /\b(ann|bob|eve|none)\b/.exec(text)?.[1]);
    expect(logged.map(({ fields }) => fields?.['request'] ?? 'none')).toEqual(wanted);
    const places = ['call', 'bytes', 'log', 'warning', 'thread', 'pool', 'process', 'task', 'code', 'loop', 'error'];
    for (const name of names) {
      const own = python.output.filter((line) => line.includes(name)).join('\n');
      for (const place of places) expect(own).toContain(place);
      expect(own).toContain(`${name} at the end of a call`);
    }
  });

  it('of calls at the same time is never mixed, however it is written', async () => {
    using project = new TemporaryProject({
      'python/mix.py': [
        'import sys, threading',
        'def write(letter):',
        '    for length in (1, 5000, 20_000):',
        '        for _ in range(20):',
        '            print(letter * length, end="")',
        '            print(letter, flush=True, end="")',
        '            print()',
        'def mix(letter):',
        '    threads = [threading.Thread(target=write, args=(each,)) for each in (letter, letter.upper())]',
        '    for thread in threads: thread.start()',
        '    for thread in threads: thread.join()',
      ],
    });
    await using python = await PythonProject.build(project);
    const letters = [...'abcd'];
    await Promise.all(letters.map((letter) => python.call('mix:mix', { letter }, { lineFields: { request: letter } })));
    await python.workers.dispose();
    expect(python.lines).toHaveLength(4 * 2 * 3 * 20);
    for (const { text, fields } of python.lines) {
      const letter = text.charAt(0);
      expect(fields).toEqual({ request: letter.toLowerCase() });
      const [, written = '', more = '0'] = /^(\w+?)(?: … \((\d+) more bytes\))?$/.exec(text) ?? [];
      expect(written).toBe(letter.repeat(written.length));
      expect([2, 5001, 20_001]).toContain(written.length + Number(more));
    }
  });

  it('of code that continues after its call: a task belongs to the call, a thread that others use does not', async () => {
    using project = new TemporaryProject({
      'python/late.py': [
        'import asyncio, threading',
        'go = threading.Event()',
        'tasks = []',
        'def late():',
        '    print("thread during", flush=True)',
        '    go.wait()',
        '    print("thread after", flush=True)',
        'async def task():',
        '    await asyncio.to_thread(go.wait)',
        '    print("task after")',
        'async def start():',
        '    thread = threading.Thread(target=late)',
        '    tasks.extend([asyncio.ensure_future(task()), thread])',
        '    thread.start()',
        'async def finish():',
        '    go.set()',
        '    await tasks[0]',
        '    tasks[1].join()',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.call('late:start', {}, { lineFields: { request: 'start' } });
    await python.call('late:finish', {}, { lineFields: { request: 'finish' } });
    await python.workers.dispose();
    const byText = Object.fromEntries(python.lines.map(({ text, fields }) => [text, fields?.['request']]));
    expect(byText['task after']).toBe('start');
    expect(byText['thread after']).toBeUndefined();
    expect(byText).toHaveProperty(['thread after']);
  });

  it('reaches the log when it was flushed and the process then dies', async () => {
    using project = new TemporaryProject({
      'python/die.py': [
        'import os',
        'def die():',
        '    print("before the end", end="", flush=True)',
        '    os._exit(3)',
      ],
    });
    await using python = await PythonProject.build(project);
    const call = python.call('die:die', {}, { lineFields: { request: 'die' } });
    await expect(call).rejects.toMatchObject({ code: 'worker_exited' });
    await vi.waitFor(() => expect(python.output).toContain('before the end'));
    expect(python.lines.find(({ text }) => text === 'before the end')?.fields).toEqual({ request: 'die' });
  });

  it('goes without tags to a file that code has put in the place of the stream', async () => {
    using project = new TemporaryProject({
      'python/redirect.py': [
        'import contextlib, io, os, sys',
        'def redirect():',
        '    kept = os.dup(1)',
        '    with open("captured", "wb") as file: os.dup2(file.fileno(), 1)',
        '    print("captured", end="")',
        '    print(" line")',
        '    print("x" * 10_000)',
        '    print("no end", end="", flush=True)',
        '    os.dup2(kept, 1)',
        '    print()',
        '    with contextlib.redirect_stdout(io.StringIO()) as text: print("in memory")',
        '    print("back", isinstance(sys.stdout, io.TextIOWrapper), sys.stdout.fileno(), sys.stdout.encoding)',
        '    return open("captured").read() + text.getvalue()',
      ],
    });
    await using python = await PythonProject.build(project);
    const captured = await python.value('redirect:redirect');
    expect(captured).toBe(`captured line\n${'x'.repeat(10_000)}\nno endin memory\n`);
    await python.workers.dispose();
    expect(python.output).toEqual(['back True 1 utf-8']);
  });

  it('does not fail a call whose code has closed the streams', async () => {
    using project = new TemporaryProject({
      'python/close.py': [
        'import os, sys',
        'def close():',
        '    print("no end", end="")',
        '    os.close(1)',
        '    return "result"',
        'def closed():',
        '    sys.stderr.close()',
        '    try: print("x", file=sys.stderr)',
        '    except ValueError as error: return str(error)',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('close:close')).toBe('result');
    expect(await python.value('close:closed')).toBe('I/O operation on closed file.');
  });

  it('in a flood is counted and dropped, while calls continue and memory does not grow', async () => {
    using project = new TemporaryProject({
      'python/flood.py': [
        'import sys, threading, time',
        'def shout():',
        '    line = "x" * 99 + "\\n"',
        '    while True: sys.stdout.write(line * 100)',
        'def flood():',
        '    threading.Thread(target=shout, daemon=True).start()',
        '    no_end = "y" * 50_000_000',
        '    sys.stderr.write(no_end)',
        'def small(): return 1',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.call('flood:flood');
    const before = process.memoryUsage();
    await vi.waitFor(() => expect(python.output.filter(isReport).length).toBeGreaterThan(1), 10_000);
    expect(await python.value('flood:small')).toBe(1);
    const dropped = python.output.filter(isReport).map((line) => Number(/\d+/.exec(line)?.[0]));
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10_000);
    expect(python.output.length).toBeLessThan(5000);
    expect(Math.max(...python.output.map((line) => line.length))).toBeLessThan(9000);
    const grown = process.memoryUsage();
    expect(grown.rss - before.rss).toBeLessThan(300_000_000);
  });
});

function isReport(line: string): boolean {
  return /^\(\d+ lines dropped: more than 100 a second\)$/.test(line);
}

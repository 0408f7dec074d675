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

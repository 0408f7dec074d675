import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));

function runBench(...options: string[]) {
  return spawnSync(process.execPath, [script, ...options], { encoding: 'utf8' });
}

// What is measured here is measured too briefly to be judged: only that every suite measures and prints.
describe.skipIf(process.platform !== 'linux')('the benchmarks, quickly', () => {
  it.each([
    ['start', ['bare Node: node -e 0', '10 endpoints: /readyz', '10 endpoints: first tool answer']],
    ['health', ['CPU per request: ratio', 'p99: ratio', 'while busy, p99: mxcp']],
    ['calls', ['2026-07-28, small result, 4 clients: CPU to by hand', 'session of 2025, 100 rows']],
    ['reload', ['p99 during to without', 'calls that failed: 0', 'reload, swap']],
    ['python', ['bare, 1 client: time per call', 'sync, 1 client: time per call to bare', 'database, 1 client: p50']],
    ['references', ['in a reload to bare', '200 keys at 10 paths of Vault']],
    ['handover', ['1 MB: pause', '1 MB, full log: longest call', '1 MB: calls that failed: 0']],
    ['metrics', ['CPU per call: on to off', 'counting one call', 'one scrape with 200 endpoints']],
    ['telemetry', ['recording one call']],
    ['protection', ['audit log: CPU to off', 'everything: p50 to off']],
    ['audit', ['newest 100', 'one trace', 'calls during questions: p99 to alone']],
    ['memory', ['at rest', 'under load during reloads', 'results of 10 MiB']],
  ])('measure %s and print its figures beside their aims', (suite, figures) => {
    const { status, stdout, stderr } = runBench(suite, '--quick');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    for (const figure of figures) expect(stdout).toContain(figure);
    if (suite !== 'protection') expect(stdout).toMatch(/aim ≤ /);
    expect(stdout).toMatch(/^\d+ of \d+ aims met$/m);
  });

  it('name the suites when asked for one that does not exist', () => {
    const { status, stderr } = runBench('speed');
    expect(status).toBe(2);
    expect(stderr).toContain(
      'there is no suite "speed"; there are start, health, calls, reload, references, memory, python, handover, metrics',
    );
  });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { waitFor } from '../cli/mxcp-process.js';

const script = fileURLToPath(new URL('../../../scripts/demo.mjs', import.meta.url));

let temporary: string;
let children: ChildProcess[] = [];

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'demo-'));
});

afterEach(() => {
  for (const child of children) child.kill('SIGTERM');
  children = [];
  rmSync(temporary, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
  until(text: string): Promise<void>;
}

function startDemo(...options: string[]): Demo {
  const child = spawn(process.execPath, [script, ...options], {
    // Its own temporary folder, so that what it leaves behind is seen.
    env: { ...process.env, TMPDIR: temporary, MXCP_PROFILE: 'of-another-project' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'close').then(([code]: (number | null)[]) => code ?? null);
  const until = async (text: string): Promise<void> => {
    while (!output.includes(text)) {
      const chunk = await Promise.race([once(child.stdout, 'data'), ended.then(() => 'ended' as const)]);
      if (chunk === 'ended' && !output.includes(text)) throw new Error(`the demo ended early:\n${output}`);
    }
  };
  return { child, ended, output: () => output, until };
}

describe('the demo', () => {
  it('tours health, tool calls in SQL and Python, a rotated secret and a refused reload, then ends and leaves nothing behind', async () => {
    const demo = startDemo('--once');
    expect(await demo.ended, demo.output()).toBe(0);
    expect(demo.output()).toMatch(/health +ok/);
    expect(demo.output()).toMatch(/M 6\.4 +2018-02-06 15:50 +22km NNE of Hualian, Taiwan/);
    expect(demo.output()).toMatch(
      /chart +image\/png, \d\.\d kB, with the text "85 earthquakes of magnitude 4\.5 or larger/,
    );
    expect(demo.output()).toMatch(
      /sizes +b = 0\.8 ± 0\.07 \(Gutenberg and Richter, 85 earthquakes\):\n +an earthquake of one magnitude more is 6 times as rare/,
    );
    expect(demo.output()).toMatch(/progress +1 of 128: 20 earthquakes 22km NNE of Hualian, Taiwan/);
    expect(demo.output()).toMatch(
      /largest +20 earthquakes in 76\.2 h around M 6\.4, 22km NNE of Hualian, Taiwan; 11 came before it/,
    );
    expect(demo.output()).toMatch(/changed +file:\/\/secrets\/feed-token/);
    expect(demo.output()).toMatch(/fingerprint +([0-9a-f]{16}) → (?!\1)[0-9a-f]{16}/);
    expect(demo.output()).toMatch(/\d+ calls answered, 0 failed/);
    expect(demo.output()).toMatch(/config\.yml:18:9: unknown key `secrts` .* did you mean `secrets`\?/);
    expect(demo.output()).toMatch(/still +ok, generation 2 is active/);
    expect(demo.output()).not.toContain('not-a-real-token');
    // Not a terminal: no colours.
    expect(demo.output()).not.toContain('\u001B[');
    expect(readdirSync(temporary)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('keeps serving after the tour until %s, and ends cleanly', async (signal) => {
    const demo = startDemo();
    await demo.until('admin reload --socket');
    const socket = /admin +(\/\S+)/.exec(demo.output())?.[1] ?? '';
    const url = /MCP +(http:\S+)/.exec(demo.output())?.[1] ?? '';
    expect(existsSync(socket)).toBe(true);
    expect((await fetch(url, { method: 'POST', body: 'no JSON' })).status).toBeGreaterThanOrEqual(400);

    demo.child.kill(signal);

    expect(await demo.ended, demo.output()).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
    await expect(fetch(url)).rejects.toThrow();
  });

  it.each([
    ['its output is closed', (demo: Demo) => void demo.child.stdout?.destroy()],
    ['it is killed', (demo: Demo) => void demo.child.kill('SIGKILL')],
    ['its terminal is closed', (demo: Demo) => void demo.child.kill('SIGHUP')],
  ])('leaves no server and no folder behind when %s', async (_what, end) => {
    const demo = startDemo();
    await demo.until('Is the server healthy?');
    expect(readdirSync(temporary)).toHaveLength(1);
    end(demo);
    await demo.ended;
    // Its keeper removes the folder once the server has ended.
    await waitFor(() => readdirSync(temporary).length === 0, 'the folder of the demo to be gone');
  });

  it('takes the next free port when its own is taken, and says so', async () => {
    const first = startDemo();
    await first.until('admin reload --socket');
    const second = startDemo();
    await second.until('admin reload --socket');
    expect(second.output()).toMatch(/port +8000 is taken; using 80\d\d/);
    const portOf = (demo: Demo) => Number(/MCP +http:\/\/localhost:(\d+)/.exec(demo.output())?.[1]);
    expect(portOf(second)).not.toBe(portOf(first));
    for (const demo of [first, second]) demo.child.kill('SIGTERM');
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
  });

  it('does not show the end of a server that was stopped meanwhile as the refusal of a reload', async () => {
    const tour: { showRefusal(parts: unknown): Promise<void> } = await import(join(dirname(script), 'demo/tour.mjs'));
    const printed: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(String(line)));
    const closing = { message: 'the server is shutting down', code: 'server_closing', stage: 'load' };
    const refusal = Object.assign(new Error('refused'), { reload: { error: closing } });
    try {
      const workspace = { read: () => '', replace: () => undefined };
      const parts = { admin: { reload: () => Promise.reject(refusal) }, mcp: {}, workspace };
      await expect(tour.showRefusal(parts)).rejects.toBe(refusal);
    } finally {
      log.mockRestore();
    }
    expect(printed.join('\n')).toContain('5. A reload of a broken configuration');
    expect(printed.join('\n')).not.toContain('shutting down');
  });
});

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { DescriptorWatch } from '../../../src/system/descriptor-watch.js';

let root: string;
let lines: string[];
let watch: DescriptorWatch;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mxcp-fds-'));
  mkdirSync(join(root, 'proc/self/fd'), { recursive: true });
  lines = [];
});
afterEach(async () => {
  await watch.dispose();
  rmSync(root, { recursive: true, force: true });
});

function start(limits: string): void {
  writeFileSync(join(root, 'proc/self/limits'), limits);
  const sinks = [(line: string) => void lines.push(line)];
  const logger = createLogger({ level: 'info', format: 'text', scrubber: new Scrubber(), sinks });
  watch = new DescriptorWatch(logger, { root, checkMs: 5 });
}

/** One more entry is that of reading the folder. */
function open(count: number): void {
  const folder = join(root, 'proc/self/fd');
  for (let number = readdirSync(folder).length; number < count + 1; number += 1)
    writeFileSync(join(folder, String(number)), '');
  for (const name of readdirSync(folder)) if (Number(name) >= count + 1) rmSync(join(folder, name));
}

const logged = (text: string): number => lines.filter((line) => line.includes(text)).length;

describe('the descriptors of the process', () => {
  it('are warned about once while nearly all are in use, and again after that', async () => {
    open(10);
    start('Max open files            20                   40                   files\n');
    open(18);
    await vi.waitFor(() => expect(logged('nearly all file descriptors are in use')).toBe(1));
    expect(lines[0]).toContain('open=18 limit=20');
    open(17);
    open(19);
    open(10);
    await vi.waitFor(() => expect(logged('enough file descriptors are free again')).toBe(1));
    expect(logged('nearly all')).toBe(1);
    open(20);
    await vi.waitFor(() => expect(logged('nearly all')).toBe(2));
  });

  it('are all in use when not even their folder can be read', async () => {
    rmSync(join(root, 'proc/self/fd'), { recursive: true });
    start('Max open files            20                   40                   files\n');
    await vi.waitFor(() => expect(lines.join('')).toContain('open=20 limit=20'));
  });

  it('are not watched where there is no limit', async () => {
    open(1000);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    start('Max open files            unlimited            unlimited            files\n');
    vi.advanceTimersByTime(5);
    // Waits for the check that has begun.
    await watch.dispose();
    vi.useRealTimers();
    expect(lines).toEqual([]);
  });
});

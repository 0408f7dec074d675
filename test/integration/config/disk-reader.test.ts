import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { DiskReader } from '../../../src/files/index.js';
import { HungDisk } from '../../kit/hung-disk.js';
import { stopClock } from '../../kit/stopped-clock.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const reasonOf = (operation: Promise<unknown>): Promise<string> =>
  operation.then(
    () => 'it succeeded',
    (error: unknown) => String(error),
  );

describe('reading from a disk', () => {
  it('continues as long as answers arrive', async () => {
    using project = new TemporaryProject({ a: 'a' });
    stopClock();
    const disk = new DiskReader();
    for (let times = 0; times < 3; times += 1) {
      const read = disk.readFile(project.path('a'), 10);
      vi.advanceTimersByTime(9_000);
      expect(String(await read)).toBe('a');
    }
    // Nothing is pending now.
    vi.advanceTimersByTime(20_000);
    expect(String(await disk.readFile(project.path('a'), 10))).toBe('a');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that hangs ends after ten seconds, and starts nothing more', async () => {
    using project = new TemporaryProject({ a: 'a' });
    await using hung = new HungDisk(project.root);
    stopClock();
    const disk = new DiskReader();
    const pending = [disk.listFolder(project.root), disk.readFile(project.path('a'), 10)].map(reasonOf);
    vi.advanceTimersByTime(9_999);
    expect(await Promise.race([...pending, Promise.resolve('waits')])).toBe('waits');
    vi.advanceTimersByTime(1);
    const hangs = 'Error: cannot be read: no answer within 10 s';
    expect(await Promise.all(pending)).toEqual([hangs, hangs]);
    const later = await reasonOf(disk.stat(join(project.root, 'a')));
    expect(later).toBe('Error: was not read, because other reads hang');
    expect(hung.isHanging).toBe(true);
  });
});

import { appendFileSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FileWatcher } from '../../../src/server/watch/file-watcher.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import {
  beginToWrite,
  countKernelWatches,
  FAST,
  mountVersion,
  toWatched,
  untilLookedAt,
  watchByHand,
  watchFiles,
} from './watched-files.js';

/** Looks at a file that is gone; one more would report it. */
const CHECKS_OF_A_MISSING_FILE = 8;

function createProject(files: Readonly<Record<string, string>>): TemporaryProject {
  const project = new TemporaryProject(files);
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

async function until(reports: readonly string[], expected: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(reports).toEqual(expected), { timeout: 10_000, interval: 10 });
}

describe.each([
  ['receives events for', {}],
  // As on a network file system, of whose changes the kernel knows nothing.
  ['finds without help of the kernel', { maxFolders: 0, timings: { pollMs: 30 } }],
] as const)('the watcher %s', (_, options) => {
  it('a file that is written in place', async () => {
    const project = createProject({ token: 'one' });
    const { reports } = await watchFiles(project, ['token'], options);
    project.write('token', 'two');
    await until(reports, ['two']);
  });

  it('a file over which another is renamed, again and again', async () => {
    const project = createProject({ token: 'one' });
    const { reports } = await watchFiles(project, ['token'], options);
    for (const round of ['two', 'three', 'four']) {
      project.write('token.new', round);
      project.rename('token.new', 'token');
      await vi.waitFor(() => expect(reports.at(-1)).toBe(round), { timeout: 10_000 });
    }
    expect(reports).toEqual(['two', 'three', 'four']);
  });

  it('a volume of Kubernetes that is given new content, again and again', async () => {
    const project = createProject({});
    mountVersion(project, 'volume', { token: 'one', other: 'x' });
    const { reports } = await watchFiles(project, ['volume/token'], options);
    for (const round of ['two', 'three', 'four']) {
      mountVersion(project, 'volume', { token: round, other: 'x' });
      await vi.waitFor(() => expect(reports.at(-1)).toBe(round), { timeout: 10_000 });
    }
    expect(reports).toEqual(['two', 'three', 'four']);
  });

  it('a volume that is only reached through a link, and through a link to its folder', async () => {
    const project = createProject({});
    mountVersion(project, 'volume', { token: 'one' });
    symlinkSync(project.path('volume'), project.path('run'));
    symlinkSync(project.path('run/token'), project.path('token'));
    const { reports } = await watchFiles(project, ['token'], options);
    mountVersion(project, 'volume', { token: 'two' });
    await until(reports, ['two']);
    mkdirSync(project.path('elsewhere'));
    writeFileSync(project.path('elsewhere/token'), 'three');
    symlinkSync(project.path('elsewhere'), project.path('run.new'));
    project.rename('run.new', 'run');
    await until(reports, ['two', 'three']);
  });

  it('a file that appears, with the folder that it is in', async () => {
    const project = createProject({});
    const { reports } = await watchFiles(project, ['run/secrets/token'], options);
    project.write('run/secrets/token', 'here');
    await until(reports, ['here']);
  });

  it('a file that is gone for good', async () => {
    const project = createProject({ token: 'one' });
    const { reports } = await watchFiles(project, ['token'], options);
    rmSync(project.path('token'));
    await until(reports, ['no file']);
  });

  it('what changed before it was asked to watch', async () => {
    const project = createProject({ token: 'one' });
    const asRead = await toWatched(project.path('token'));
    project.write('token', 'two');
    const onChange = vi.fn();
    const watcher = new FileWatcher({ ...options, onChange, timings: FAST });
    onTestFinished(() => watcher.dispose());
    watcher.watch([asRead]);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledOnce(), { timeout: 10_000 });
  });
});

describe('the watcher waits', () => {
  it('for the second half of a file', async () => {
    const project = createProject({ token: 'one' });
    const { reports, check } = await watchByHand(project, ['token']);
    beginToWrite(project, 'token', 'first half');
    await check();
    appendFileSync(project.path('token'), ', second half');
    await check();
    expect(reports).toEqual([]);
    await check();
    expect(reports).toEqual(['first half, second half']);
  });

  it('for a file that is removed and written anew', async () => {
    const project = createProject({ token: 'one' });
    const { reports, check } = await watchByHand(project, ['token']);
    rmSync(project.path('token'));
    for (let checks = 0; checks < CHECKS_OF_A_MISSING_FILE; checks += 1) await check();
    project.write('token', 'two');
    await check();
    expect(reports).toEqual([]);
    await check();
    expect(reports).toEqual(['two']);
  });

  it('for the other files, when one of them is gone for a moment', async () => {
    const project = createProject({ token: 'one', key: 'one' });
    const { reports, check } = await watchByHand(project, ['token', 'key']);
    rmSync(project.path('key'));
    project.write('token', 'two');
    for (let checks = 0; checks < CHECKS_OF_A_MISSING_FILE; checks += 1) await check();
    project.write('key', 'two');
    await check();
    expect(reports).toEqual([]);
    await check();
    expect(reports).toEqual(['two']);
  });

  it('until a hundred changes are over, and reports them together', async () => {
    const project = createProject({ token: 'one' });
    const { reports, check } = await watchByHand(project, ['token']);
    for (let round = 1; round <= 100; round += 1) {
      project.write('token', `round ${round}`);
      await check();
    }
    expect(reports).toEqual([]);
    await check();
    expect(reports).toEqual(['round 100']);
  });

  it('no longer than its limit for a file that never rests', async () => {
    const project = createProject({ token: 'one' });
    const { reports, check } = await watchByHand(project, ['token']);
    const changeAndLook = async (): Promise<void> => {
      project.write('token', `at ${performance.now()}`);
      await check();
    };
    await changeAndLook();
    const begunAt = performance.now();
    while (performance.now() - begunAt < 29_700) await changeAndLook();
    expect(reports).toEqual([]);
    while (performance.now() - begunAt < 30_000) await changeAndLook();
    expect(reports).toHaveLength(1);
  });
});

describe('the watcher says nothing', () => {
  it('of content that is equal, however it was written', async () => {
    const project = createProject({ token: 'one' });
    mountVersion(project, 'volume', { token: 'one' });
    const names = ['token', 'volume/token'];
    const { reports } = await watchFiles(project, names);
    project.write('token', 'one');
    project.write('token.new', 'one');
    project.rename('token.new', 'token');
    utimesSync(project.path('token'), new Date(), new Date());
    project.chmod('token', 0o600);
    mountVersion(project, 'volume', { token: 'one' });
    await untilLookedAt(project, names);
    expect(reports).toEqual([]);
  });

  it('of other files beside those that it watches', async () => {
    const project = createProject({ token: 'one', other: 'one' });
    const { reports } = await watchFiles(project, ['token']);
    project.write('other', 'two');
    await untilLookedAt(project, ['token']);
    expect(reports).toEqual([]);
  });

  it('twice of the same change, and again when it is taken back', async () => {
    const project = createProject({ token: 'one' });
    const { reports } = await watchFiles(project, ['token']);
    project.write('token', 'broken');
    await until(reports, ['broken']);
    await untilLookedAt(project, ['token']);
    expect(reports).toEqual(['broken']);
    project.write('token', 'one');
    await until(reports, ['broken', 'one']);
  });

  it('of files that it no longer watches', async () => {
    const project = createProject({ token: 'one', other: 'one' });
    const { watcher, reports } = await watchFiles(project, ['token', 'other']);
    watcher.watch([await toWatched(project.path('other'))]);
    project.write('token', 'two');
    await untilLookedAt(project, ['token', 'other']);
    expect(reports).toEqual([]);
    project.write('other', 'two');
    await until(reports, ['two']);
  });
});

describe('what the watcher holds', () => {
  it('is given back when it is disposed, and bounded before that', async () => {
    const project = createProject({});
    const names = Array.from({ length: 40 }, (_, index) => `folder-${index}/token`);
    for (const name of names) project.write(name, 'one');
    const before = countKernelWatches();
    const { watcher, reports } = await watchFiles(project, names, { maxFolders: 8 });
    await vi.waitFor(() => expect(countKernelWatches()).toBe(before + 8), { timeout: 10_000 });
    watcher.dispose();
    await vi.waitFor(() => expect(countKernelWatches()).toBe(before), { timeout: 10_000 });
    for (const name of names) project.write(name, 'two');
    await untilLookedAt(project, names);
    expect(reports).toEqual([]);
  });

  it('is not more after many changes of what it watches', async () => {
    const project = createProject({ token: 'one' });
    const { watcher } = await watchFiles(project, ['token']);
    await vi.waitFor(() => expect(countKernelWatches()).toBeGreaterThan(0), { timeout: 10_000 });
    const before = countKernelWatches();
    for (let round = 0; round < 50; round += 1) watcher.watch([await toWatched(project.path('token'))]);
    await untilLookedAt(project, ['token']);
    await vi.waitFor(() => expect(countKernelWatches()).toBeLessThanOrEqual(before + 1), { timeout: 10_000 });
  });
});

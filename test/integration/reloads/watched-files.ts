import { appendFileSync, readdirSync, readFileSync, readlinkSync, truncateSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';
import { readContentHash } from '../../../src/files/index.js';
import { FileWatcher, type FileWatcherOptions } from '../../../src/server/watch/file-watcher.js';
import type { WatchedFile } from '../../../src/server/watch/watched-files.js';
import { mountVolume } from '../../kit/kubernetes-volume.js';
import { stopClock, untilHolds } from '../../kit/stopped-clock.js';
import type { TemporaryProject } from '../../kit/projects/temporary-project.js';

/** Short, so that tests are; how they relate to each other is as in life. */
export const FAST = { debounceMs: 10, settleMs: 60, vanishMs: 400, pollMs: 60_000 } as const;

type WatchOptions = Omit<FileWatcherOptions, 'onChange'>;

export interface Watching {
  readonly watcher: FileWatcher;
  /** What the first file held, each time that a change was reported. */
  readonly reports: string[];
}

/** Watches files of a project as they are now, until the test has ended. */
export async function watchFiles(
  project: TemporaryProject,
  names: readonly string[],
  options: WatchOptions = {},
): Promise<Watching> {
  return startWatching(project, names, { ...options, timings: { ...FAST, ...options.timings } });
}

async function startWatching(
  project: TemporaryProject,
  names: readonly string[],
  options: WatchOptions,
): Promise<Watching> {
  const reports: string[] = [];
  const first = project.path(names[0] ?? '');
  const onChange = (): void => void reports.push(contentOf(first));
  const watcher = new FileWatcher({ onChange, ...options });
  onTestFinished(() => watcher.dispose());
  watcher.watch(await Promise.all(names.map((name) => toWatched(project.path(name)))));
  return { watcher, reports };
}

export interface WatchingByHand {
  readonly reports: readonly string[];
  /** Lets time pass until the watcher checks, and resolves when it has judged what it saw. */
  readonly check: () => Promise<void>;
}

/** Like `watchFiles`, with the timings of a server, a stopped clock, and no events of the kernel. */
export async function watchByHand(project: TemporaryProject, names: readonly string[]): Promise<WatchingByHand> {
  stopClock();
  let checks = 0;
  const onChecked = (): void => void (checks += 1);
  const { reports } = await startWatching(project, names, { maxFolders: 0, onChecked });
  const check = async (): Promise<void> => {
    const before = checks;
    vi.advanceTimersToNextTimer();
    await untilHolds(() => checks > before, 'the end of a check');
  };
  await check();
  return { reports, check };
}

export async function toWatched(path: string): Promise<WatchedFile> {
  return { kind: 'text', path, maxBytes: 1024, contentHash: await readContentHash({ path, maxBytes: 1024 }) };
}

/**
 * Resolves when a watcher that checks at the same files, and waits longer than the tested one, has seen something: had the
 * tested one been going to report, it would have.
 */
export async function untilLookedAt(project: TemporaryProject, names: readonly string[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const timings = { ...FAST, settleMs: FAST.settleMs * 5, vanishMs: FAST.settleMs * 5 };
    const witness = new FileWatcher({ onChange: () => resolve(), timings });
    onTestFinished(() => witness.dispose());
    witness.watch(
      names.map((name) => ({ kind: 'text', path: project.path(name), maxBytes: 1024, contentHash: 'not this' })),
    );
  });
}

/** A new version of a volume within a project. */
export function mountVersion(project: TemporaryProject, folder: string, files: Readonly<Record<string, string>>): void {
  mountVolume(project.path(folder), files);
}

/** Empties the file and begins to write it anew, as programs do that know nothing of renaming. */
export function beginToWrite(project: TemporaryProject, name: string, text: string): void {
  truncateSync(project.path(name));
  appendFileSync(project.path(name), text);
}

/**
 * Writes something else in the file at every turn, so that no two checks see the same, until a watcher that checks later than
 * that of a server has seen so many changes. Resolves with the number of the last text.
 */
export async function writeWithoutRest(
  project: TemporaryProject,
  name: string,
  { textOf, changes }: { readonly textOf: (round: number) => string; readonly changes: number },
): Promise<number> {
  const timings = { debounceMs: 100, settleMs: 0 };
  const { reports } = await watchFiles(project, [name], { timings });
  let round = 0;
  while (reports.length < changes) {
    round += 1;
    beginToWrite(project, name, textOf(round));
    await turn();
  }
  return round;
}

/** What this process has the kernel watch, over all its descriptors. Linux only. */
export function countKernelWatches(): number {
  return readdirSync('/proc/self/fd').reduce((count, descriptor) => {
    try {
      if (!readlinkSync(`/proc/self/fd/${descriptor}`).includes('inotify')) return count;
      return count + (readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8').match(/^inotify /gm)?.length ?? 0);
    } catch {
      // Closed between the look at the folder and at the descriptor.
      return count;
    }
  }, 0);
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return 'no file';
  }
}

import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readContentHash } from '../../files/index.js';
import { LONGEST_TIMER_MS, mapParallel } from '../../lifecycle/index.js';
import { isForeignFolder } from '../../python/index.js';
import type { ServerSettings } from '../../settings/index.js';
import { FileWatcher } from './file-watcher.js';
import { hashEntries, isCode, listEntries, type WatchedFile } from './watched-files.js';

/** More than a project has of its own; beyond it, changes are not noticed. */
const MAX_FILES = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Few, because queries use the same threads. */
const PARALLEL = 4;

/**
 * Finds what the endpoints of a project are made of, in its present state: every file of code below these folders, and every
 * folder, because a new file changes only its folder. Skips the folders that no Python code is loaded from: hidden ones,
 * environments, installed packages. The content of a file that was written after `changedSince` counts as unknown.
 */
export async function findCodeFiles(roots: readonly string[], changedSince?: Date): Promise<readonly WatchedFile[]> {
  const folders: WatchedFile[] = [];
  const files: string[] = [];
  const seen = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    const real = await realpath(folder).catch(() => folder);
    if (seen.has(real) || files.length >= MAX_FILES) return;
    seen.add(real);
    const entries = await listEntries(folder);
    if (isForeignFolder(folder, entries) && !roots.includes(folder)) return;
    folders.push({ kind: 'folder', path: folder, contentHash: hashEntries(entries) });
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() || entry.isSymbolicLink()) await visit(path);
      if (!entry.isDirectory() && isCode(entry)) files.push(path);
    }
  };
  for (const root of roots) await visit(root);
  return [...folders, ...(await mapParallel(files, PARALLEL, (path) => hashFile(path, changedSince)))];
}

async function hashFile(path: string, changedSince: Date | undefined): Promise<WatchedFile> {
  const stats = changedSince === undefined ? undefined : await stat(path).catch(() => undefined);
  const isChanged = stats !== undefined && changedSince !== undefined && stats.mtime >= changedSince;
  if (isChanged) return { kind: 'text', path, maxBytes: MAX_BYTES, contentHash: 'not known' };
  return { kind: 'text', path, maxBytes: MAX_BYTES, contentHash: await readContentHash({ path, maxBytes: MAX_BYTES }) };
}

/** What a failed start may have failed for, in the state that the start has read. */
export type ProjectCode = readonly WatchedFile[];

/** Also finds the configuration and env files that lie outside the project. */
export async function findProjectCode({ projectRoot, userConfigFile, envFiles }: ServerSettings): Promise<ProjectCode> {
  const others = await mapParallel([userConfigFile, ...envFiles], PARALLEL, (path) => hashFile(path, undefined));
  return [...(await findCodeFiles([projectRoot])), ...others];
}

/** Whether one of these files or folders has changed; false when `signal` aborts first. Keeps the process alive. */
export function waitForChange(found: ProjectCode, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const keepAlive = setInterval(() => undefined, LONGEST_TIMER_MS);
    const watcher = new FileWatcher({ onChange: () => end(true) });
    const end = (hasChanged: boolean): void => {
      clearInterval(keepAlive);
      watcher.dispose();
      resolve(hasChanged);
    };
    signal.addEventListener('abort', () => end(false), { once: true });
    watcher.watch(found);
  });
}

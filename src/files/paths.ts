import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { errorCodeOf } from '../errors/index.js';

/** Replaces a leading `~` with the home folder (`HOME` if the environment has it). */
export function expandHome(path: string, home: string = homedir()): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

/** Makes a path absolute: expands `~`, and resolves a relative one against `base`. */
export function resolvePath(base: string, path: string): string {
  return resolve(base, expandHome(path));
}

/** As `resolvePath`, but keeps the names that only DuckDB understands (`:memory:`, `md:name`, `s3://…`). */
export function resolveDatabasePath(base: string, path: string): string {
  return isDatabaseFile(path) ? resolvePath(base, path) : path;
}

/** False for the names that DuckDB gives to databases in memory or on other machines. */
export function isDatabaseFile(path: string): boolean {
  return !path.startsWith(':') && !/^[a-z][a-z0-9+.-]+:/i.test(path);
}

/**
 * Creates a folder and its missing parents, and returns the topmost one it created, if any. The `recursive` option of
 * `mkdir` never returns, at full processor load, in a folder that accepts no entries, such as `/proc` (Node 20.20).
 */
export async function createFolder(path: string): Promise<string | undefined> {
  const folder = resolve(path);
  try {
    return await createOne(folder);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT' || folder === dirname(folder)) throw error;
  }
  const first = await createFolder(dirname(folder));
  // Once only: a folder that is still missing will not appear by trying again.
  const created = await createOne(folder);
  return first ?? created;
}

/** Undefined if the folder exists. */
async function createOne(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}

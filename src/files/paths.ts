import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { errorCodeOf } from '../errors/index.js';

/** Replaces a leading `~` with the home folder (`HOME` where the environment has it). */
export function expandHome(path: string, home: string = homedir()): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

/** A path as a person wrote it, made absolute: `~` expanded, relative to `base`. */
export function resolvePath(base: string, path: string): string {
  const expanded = expandHome(path);
  return isAbsolute(expanded) ? resolve(expanded) : resolve(base, expanded);
}

/** As `resolvePath`; what only DuckDB understands (`:memory:`, `md:name`, `s3://…`) stays as it is. */
export function resolveDatabasePath(base: string, path: string): string {
  return isDatabaseFile(path) ? resolvePath(base, path) : path;
}

/** False for the names by which DuckDB means memory or another machine. */
export function isDatabaseFile(path: string): boolean {
  return !path.startsWith(':') && !/^[a-z][a-z0-9+.-]+:/i.test(path);
}

/**
 * Creates a folder and those around it that are missing, and tells the first one that it created. `recursive` of Node
 * never comes to an end, on a whole processor, where a folder that is there takes no other, as in `/proc` (Node 20.20).
 */
export async function createFolder(path: string): Promise<string | undefined> {
  const folder = resolve(path);
  try {
    return await createOne(folder);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT' || folder === dirname(folder)) throw error;
  }
  const first = await createFolder(dirname(folder));
  // Once: what is still missing now does not come by trying again.
  const created = await createOne(folder);
  return first ?? created;
}

/** Undefined when it is there. */
async function createOne(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

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

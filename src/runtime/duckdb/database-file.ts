import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFolder, isDatabaseFile } from '../../config/index.js';
import { isMissing, messageOf, MxcpError } from '../../errors/index.js';
import { toRefusal } from './duckdb-errors.js';

/**
 * What tells one database file from another: device and inode, because a path can name a new file at any time. Only
 * `stat` is used: opening and closing the file in this process would drop DuckDB's lock on it (POSIX record locks).
 */
export interface DatabaseFile {
  readonly device: number;
  readonly inode: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export function isSameFile(a: DatabaseFile, b: DatabaseFile): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/** Whether the same file has other content than before, as far as size and time tell. */
export function isOverwritten(before: DatabaseFile, now: DatabaseFile): boolean {
  return before.sizeBytes !== now.sizeBytes || before.modifiedMs !== now.modifiedMs;
}

/** Null when nothing is at the path. Throws `database_failed` when it is not a regular file. */
export async function statDatabaseFile(path: string): Promise<DatabaseFile | null> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) {
      throw new MxcpError(
        'database_failed',
        `${path} is not a regular file, so it cannot be a database; check duckdb.path`,
      );
    }
    return { device: stats.dev, inode: stats.ino, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
  } catch (error) {
    if (isMissing(error)) return null;
    if (error instanceof MxcpError) throw error;
    throw new MxcpError('database_failed', `cannot look at database ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The same for whoever only wants to know which file it is: what is no file is no database that could be mistaken for one. */
export async function findDatabaseFile(path: string): Promise<DatabaseFile | null> {
  try {
    return await statDatabaseFile(path);
  } catch (error) {
    if (error instanceof MxcpError) return null;
    throw error;
  }
}

/** Throws `database_failed` for the names by which DuckDB means memory or another machine. */
export function assertOnDisk(path: string): void {
  if (isDatabaseFile(path)) return;
  throw new MxcpError(
    'database_failed',
    `database ${path} is not a file; only database files can be served, so set duckdb.path to one`,
  );
}

/**
 * Throws `database_failed` when this user may not do with the file what serving it needs. A missing file is not refused:
 * DuckDB may create it.
 */
export async function assertPermitted(
  path: string,
  { readonly }: { readonly readonly: boolean },
): Promise<void> {
  try {
    await access(path, readonly ? constants.R_OK : constants.R_OK | constants.W_OK);
  } catch (error) {
    if (isMissing(error)) return;
    throw toRefusal({ path, readonly, isThere: true }, error);
  }
}

/** Creates the folder of a database. Throws `database_missing` naming what stands in the way. */
export async function ensureDatabaseFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await createFolder(folder);
    await access(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new MxcpError(
      'database_missing',
      `the folder of database ${path} cannot be used (${messageOf(error)}); create it or change duckdb.path`,
      { cause: error },
    );
  }
}

import { randomUUID } from 'node:crypto';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { errorCodeOf, isMissing, messageOf, MxcpError } from '../../errors/index.js';
import { createFolder, isDatabaseFile } from '../../files/index.js';
import { toOpenError, toRefusal } from '../statements/duckdb-errors.js';

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

/**
 * The names of ours beside a database file. They are hidden, and DuckDB calls a database the same by all of them: it takes
 * what stands before the first dot that is not the first character (DuckDB 1.5.6), so SQL that names its database still fits.
 */
export interface FileNames {
  readonly folder: string;
  /** The file itself. Symbolic links are resolved, as DuckDB does before it names its log. */
  readonly database: string;
  /** A hard link: the file that the log beside the database belongs to. */
  readonly held: string;
  /** Says the same where there can be no hard links. */
  readonly note: string;
  /** Begins the names of hard links to files that were served before, each with its own log if it has one. */
  readonly earlier: string;
  /** Begins the names of hard links that somebody works with for a moment. */
  readonly temporary: string;
}

export async function fileNamesOf(path: string): Promise<FileNames> {
  const database = await realPathOf(path);
  const folder = dirname(database);
  const beginning = join(folder, `.${basename(database).replace(/^\.+/, '')}`);
  return {
    folder,
    database,
    held: `${beginning}.mxcp-held`,
    note: `${beginning}.mxcp`,
    earlier: `${beginning}.mxcp-earlier-`,
    temporary: `${beginning}.mxcp-tmp-`,
  };
}

export function temporaryName({ temporary }: FileNames): string {
  return `${temporary}${randomUUID().slice(0, 8)}`;
}

/** Sorts by time, and names the process that may still need it. */
export function earlierName({ earlier }: FileNames): string {
  const time = new Date().toISOString().replaceAll(/[-:.]/g, '');
  return `${earlier}${time}-${randomUUID().slice(0, 4)}-${process.pid}`;
}

/** Whether another process that still runs has made this earlier name: it may be in the middle of a handover. */
export function isOfAnother(earlier: string): boolean {
  const pid = Number(/-(\d+)$/.exec(earlier)?.[1]);
  if (!Number.isSafeInteger(pid) || pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return join(await realpath(dirname(path)), basename(path));
  }
}

/**
 * Opens a database file. This is the only place that creates an instance, because two of them on the same file in one
 * process both accept writes and lose half of them, and closing either drops the lock of both (DuckDB 1.5.6): whoever
 * calls this knows that the file is not open in this process. Throws `database_locked`, `database_failed`, in which the file
 * is called `shownAs`.
 */
export async function openNative(
  path: string,
  { readonly, shownAs = path }: { readonly readonly: boolean; readonly shownAs?: string },
): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, { access_mode: readonly ? 'READ_ONLY' : 'READ_WRITE' });
  } catch (error) {
    const isThere = (await findDatabaseFile(path)) !== null;
    throw toOpenError(error, { path: shownAs, openedAs: path, readonly, isThere });
  }
}

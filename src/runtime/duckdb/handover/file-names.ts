import { randomUUID } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCodeOf, isMissing } from '../../../errors/index.js';

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

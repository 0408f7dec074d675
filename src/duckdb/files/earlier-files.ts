import { link, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMissing, messageOf, MxcpError } from '../../errors/index.js';
import {
  type DatabaseFile,
  earlierName,
  type FileNames,
  findDatabaseFile,
  isOfAnother,
  isSameFile,
  openNative,
  temporaryName,
} from './database-file.js';
import { hasLog, moveLog, readNote } from './held-file.js';

/**
 * Before a file is opened: when it is not the one that the log beside it belongs to, moves that log out of the way, for
 * DuckDB would replay it into the wrong file without a word. Throws `database_locked` when another process still serves the
 * earlier file, and `database_missing` when that is the only one there is: an empty one in its place would cost its rows.
 */
export async function setForeignLogAside(names: FileNames): Promise<void> {
  const held = await findDatabaseFile(names.held);
  const now = await findDatabaseFile(names.database);
  if (held === null) return setNotedLogAside(names, now);
  if (now !== null && isSameFile(held, now)) return;
  const claims = [
    await claim(names.held, names),
    ...(now === null ? [] : [await claim(names.database, names)]),
  ];
  try {
    // Looked at before the claim, another process may have come to the same end meanwhile.
    const again = await findDatabaseFile(names.held);
    if (again === null || !isSameFile(again, held)) return;
    if (now === null) throw lostNameError(names);
    await setHeldAside(names);
  } finally {
    for (const release of claims) await release();
  }
}

/** Gives the file that the log belongs to, and its log, a name among the earlier ones. Nobody may have it open. */
export async function setHeldAside(names: FileNames): Promise<string> {
  const earlier = earlierName(names);
  // In this order a kill leaves no log without its file.
  await link(names.held, earlier);
  await moveLog(names.database, earlier);
  await rm(names.held, { force: true });
  return earlier;
}

async function setNotedLogAside(names: FileNames, now: DatabaseFile | null): Promise<void> {
  const inode = await readNote(names);
  if (inode === undefined || inode === now?.inode) return;
  await moveLog(names.database, earlierName(names));
  await rm(names.note);
}

/**
 * Makes sure that no other process has a file open, and that none can open it before the returned function is called. Opened
 * under a name of its own, so that no log is replayed.
 */
async function claim(path: string, names: FileNames): Promise<() => Promise<void>> {
  const name = temporaryName(names);
  try {
    await link(path, name);
  } catch (error) {
    // Another process was faster, and has set it aside.
    if (isMissing(error)) return () => Promise.resolve();
    throw error;
  }
  try {
    const instance = await openNative(name, { readonly: false, shownAs: path });
    return async () => {
      instance.closeSync();
      await rm(name, { force: true });
    };
  } catch (error) {
    await rm(name, { force: true });
    throw toClaimError(error, names);
  }
}

function lostNameError({ database, held }: FileNames): MxcpError {
  return new MxcpError(
    'database_missing',
    `database ${database} is gone from the disk, but the file that was served last is still there as ${held}; ` +
      `rename it to serve it again (mv ${held} ${database}), or delete it and ${database}.wal to begin with an empty one`,
  );
}

function toClaimError(error: unknown, { database, held }: FileNames): unknown {
  if (!(error instanceof MxcpError)) return error;
  if (error.code !== 'database_locked') {
    return new MxcpError(
      error.code,
      `${error.message}. The file that was served before it is still there as ${held}; rename it to ${database} to serve it again`,
      { cause: error },
    );
  }
  return new MxcpError(
    'database_locked',
    `${database} was replaced, and another process still has the earlier file open (${error.message})`,
    { cause: error },
  );
}

/**
 * When the file at the path serves: removes what is left of earlier ones. One whose log was never replayed is kept; returns
 * a warning for each, and one when nothing can be removed. Never throws.
 */
export async function sweepEarlier(names: FileNames): Promise<readonly string[]> {
  const warnings: string[] = [];
  try {
    const earlier = await listNames(names, names.earlier);
    for (const name of earlier.filter((each) => !isOfAnother(each))) {
      if (await hasLog(name)) warnings.push(keptWarning(name, names));
      else await rm(name, { force: true });
    }
    for (const name of await listNames(names, names.temporary)) await rm(name, { force: true });
  } catch (error) {
    warnings.push(`hidden files of ours beside ${names.database} could not be removed: ${messageOf(error)}`);
  }
  return warnings;
}

function keptWarning(earlier: string, { database }: FileNames): string {
  return (
    `${database} was replaced while rows for the file before it were only in its log. Both were set aside and are not part of what ` +
    `is served: ${earlier} and ${earlier}.wal. Open the first with DuckDB to read those rows; delete both when nobody needs them`
  );
}

/** A name by which a file that was served can be opened again; the path itself where that still leads to it. */
export async function findFile(names: FileNames, file: DatabaseFile): Promise<string | undefined> {
  for (const name of [names.database, names.held, ...(await listNames(names, names.earlier))]) {
    const found = await findDatabaseFile(name);
    if (found !== null && isSameFile(found, file)) return name;
  }
  return undefined;
}

/** Files only, without the logs beside them. */
async function listNames({ folder }: FileNames, beginning: string): Promise<readonly string[]> {
  const start = basename(beginning);
  const found = await readdir(folder);
  const names = found
    .filter((name) => name.startsWith(start))
    .map((name) => name.replace(/\.wal(\.\w+)?$/, ''));
  return [...new Set(names)].sort().map((name) => join(folder, name));
}

/** A second name of the file for somebody who only looks at it. */
export async function linkForCheck(names: FileNames): Promise<string> {
  const name = temporaryName(names);
  await link(names.database, name);
  return name;
}

/** One more name among the earlier ones for a file that has no name of ours. */
export async function keepAsEarlier(names: FileNames, from: string): Promise<string> {
  const earlier = earlierName(names);
  await link(from, earlier);
  return earlier;
}

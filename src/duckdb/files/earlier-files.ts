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
 * Before a file is opened: if the log beside it belongs to another file, moves the log away, because DuckDB would silently
 * replay it into the wrong file. Throws `database_locked` when another process has the earlier file open,
 * `database_missing` when the earlier file is the only one there is (an empty one in its place would lose its rows), and
 * `database_failed`.
 */
export async function setForeignLogAside(names: FileNames): Promise<void> {
  try {
    // First, because what follows may end the process: a restart loop on a broken file must not fill the folder.
    // A folder that this user cannot write to holds none of ours that matter.
    await removeTemporaryFiles(names).catch(() => undefined);
    const held = await findDatabaseFile(names.held);
    const now = await findDatabaseFile(names.database);
    if (held === null) await setNotedLogAside(names, now);
    else if (now === null || !isSameFile(held, now)) await setReplacedAside(names, held, now);
  } catch (error) {
    if (error instanceof MxcpError) throw error;
    const message = `database ${names.database} was replaced, and the log of the earlier file cannot be moved away (${messageOf(error)}); move ${names.database}.wal away`;
    throw new MxcpError('database_failed', message, { cause: error });
  }
}

/** Without a hard link to the earlier file, only its log is there to be moved. */
async function setNotedLogAside(names: FileNames, now: DatabaseFile | null): Promise<void> {
  const inode = await readNote(names);
  if (inode === undefined || inode === now?.inode) return;
  await moveLog(names.database, earlierName(names));
  await rm(names.note);
}

async function setReplacedAside(names: FileNames, held: DatabaseFile, now: DatabaseFile | null): Promise<void> {
  const releases: (() => Promise<void>)[] = [];
  try {
    releases.push(await claim(names.held, names));
    if (now !== null) releases.push(await claim(names.database, names));
    // Another process may have set the earlier file aside before the claim.
    const again = await findDatabaseFile(names.held);
    if (again === null || !isSameFile(again, held)) return;
    if (now === null) throw lostNameError(names);
    await setHeldAside(names);
  } finally {
    for (const release of releases) await release();
  }
}

/** Gives the file that the log belongs to, and its log, an earlier name. No process may have the file open. */
export async function setHeldAside(names: FileNames): Promise<string> {
  const earlier = earlierName(names);
  // In this order a kill leaves no log without its file.
  await link(names.held, earlier);
  await moveLog(names.database, earlier);
  await rm(names.held, { force: true });
  return earlier;
}

/**
 * Makes sure that no other process has a file open or can open it before the returned function is called. Opens the file
 * under a name of its own, so that no log is replayed.
 */
async function claim(path: string, names: FileNames): Promise<() => Promise<void>> {
  const name = temporaryName(names);
  try {
    await link(path, name);
  } catch (error) {
    // Another process was faster and has set the file aside.
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
    throw error instanceof MxcpError ? toClaimError(error, names) : error;
  }
}

function lostNameError({ database, held }: FileNames): MxcpError {
  return new MxcpError(
    'database_missing',
    `database ${database} is gone from the disk, but the file that was open last still exists as ${held}; ` +
      `rename it to serve it again (mv ${held} ${database}), or delete it and ${database}.wal to start with an empty database`,
  );
}

function toClaimError(error: MxcpError, { database, held }: FileNames): MxcpError {
  const message =
    error.code === 'database_locked'
      ? `${database} was replaced, and another process still has the earlier file open (${error.message})`
      : `${error.message}. The earlier file still exists as ${held}; rename it to ${database} to serve it again`;
  return new MxcpError(error.code, message, { cause: error });
}

/**
 * Once the file at the path is served: removes what is left of earlier files. A file whose log was never replayed is kept.
 * Returns a warning for each, and one when removing fails. Never throws.
 */
export async function removeEarlierFiles(names: FileNames): Promise<readonly string[]> {
  const warnings: string[] = [];
  try {
    const earlier = await listNames(names, names.earlier);
    for (const name of earlier.filter((each) => !isOfAnother(each))) {
      if (await hasLog(name)) warnings.push(keptWarning(name, names));
      else await rm(name, { force: true });
    }
    await removeTemporaryFiles(names);
  } catch (error) {
    warnings.push(`hidden files of mxcp beside ${names.database} could not be removed: ${messageOf(error)}`);
  }
  return warnings;
}

/** Only those that processes have left behind that are gone. Nothing of this process is using one. */
async function removeTemporaryFiles(names: FileNames): Promise<void> {
  for (const name of await listNames(names, names.temporary)) if (!isOfAnother(name)) await rm(name, { force: true });
}

function keptWarning(earlier: string, { database }: FileNames): string {
  return (
    `${database} was replaced while the log of the earlier file had rows that were not in that file yet. Both were kept, and their rows are not ` +
    `served: ${earlier} and ${earlier}.wal. Open the first with DuckDB to read the rows; delete both when you do not need them`
  );
}

/** A name by which a file can be opened again: the path itself if it still leads to it, else a hidden one. */
export async function findFile(names: FileNames, file: DatabaseFile): Promise<string | undefined> {
  for (const name of [names.database, names.held, ...(await listNames(names, names.earlier))]) {
    const found = await findDatabaseFile(name);
    if (found !== null && isSameFile(found, file)) return name;
  }
  return undefined;
}

/** Files only, without the logs beside them. */
async function listNames({ folder }: FileNames, prefix: string): Promise<readonly string[]> {
  const start = basename(prefix);
  const all = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found = all.filter((name) => name.startsWith(start));
  const names = new Set(found.map((name) => name.replace(/\.wal(\.\w+)?$/, '')));
  return [...names].sort().map((name) => join(folder, name));
}

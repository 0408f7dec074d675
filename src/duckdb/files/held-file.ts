import { access, constants, link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isMissing, messageOf, MxcpError } from '../../errors/index.js';
import {
  type DatabaseFile,
  type FileNames,
  findDatabaseFile,
  isSameFile,
  temporaryName,
} from './database-file.js';

/**
 * A second name of a read-write file for as long as it is open: when another file is renamed over it, it can still be
 * reached, and it can be told which file the log beside the name belongs to, even after a kill. Only `link`, `rename` and
 * `stat` touch the file, which keep DuckDB's lock on it.
 */
export class HeldFile {
  /** Why there is no second name: where hard links are impossible, only a note says which file it was. */
  readonly unlinkedBecause: string | undefined;
  readonly #names: FileNames;
  readonly #file: DatabaseFile;

  private constructor(names: FileNames, file: DatabaseFile, unlinkedBecause?: string) {
    this.#names = names;
    this.#file = file;
    this.unlinkedBecause = unlinkedBecause;
  }

  /** Right after the file was opened, before anything is written: the log that comes is that of this file. */
  static async hold(names: FileNames, file: DatabaseFile): Promise<HeldFile> {
    try {
      const now = await findDatabaseFile(names.held);
      if (now === null || !isSameFile(now, file)) await linkOver(names, names.held);
      await rm(names.note, { force: true });
      return new HeldFile(names, file);
    } catch (error) {
      await writeNote(names, file);
      return new HeldFile(names, file, messageOf(error));
    }
  }

  /**
   * After the file was closed. A file that another one has replaced keeps this name, its only one, until that one serves;
   * so does one that has left a log.
   */
  async release(): Promise<void> {
    const { database, held, note } = this.#names;
    const now = await findDatabaseFile(database);
    if (now === null || !isSameFile(now, this.#file) || (await hasLog(database))) return;
    await rm(held, { force: true });
    await rm(note, { force: true });
  }
}

/**
 * Throws `database_failed` when the old file of a handover could not be reached any more if the new one does not open.
 * `unlinkedBecause` is why the old one has no second name, if it has none.
 */
export async function assertSecondName(names: FileNames, unlinkedBecause: string | undefined): Promise<void> {
  await assertFolderWritable(names);
  try {
    if (unlinkedBecause !== undefined) throw new Error(unlinkedBecause);
    const trial = temporaryName(names);
    await link(names.database, trial);
    await rm(trial);
  } catch (error) {
    const why = `no hard link can be made in its folder (${messageOf(error)}), so the old file would be lost if the new one did not open`;
    throw impossible(names, `${why}; restart the server instead`, error);
  }
}

async function assertFolderWritable(names: FileNames): Promise<void> {
  try {
    await access(names.folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = `its folder cannot be written by this user (${messageOf(error)}), and the old file needs a second name there`;
    throw impossible(names, `${why}; give the user that runs mxcp the right to do so`, error);
  }
}

function impossible({ database }: FileNames, why: string, cause: unknown): MxcpError {
  return new MxcpError(
    'database_failed',
    `database ${database} cannot be handed over while it serves: ${why}`,
    {
      cause,
    },
  );
}

/** Inode of the file that was open when the log was written, as noted where it could not be linked. */
export async function readNote({ note }: FileNames): Promise<number | undefined> {
  try {
    const inode = Number(/^inode (\d+)$/m.exec(await readFile(note, 'utf8'))?.[1]);
    return Number.isSafeInteger(inode) ? inode : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** In one step, so that the name always leads to one of the two. */
async function linkOver(names: FileNames, to: string): Promise<void> {
  const temporary = temporaryName(names);
  await link(names.database, temporary);
  await rename(temporary, to);
}

/** The number of the device is for people: it can be another one after the machine was started again. */
async function writeNote({ note }: FileNames, { device, inode }: DatabaseFile): Promise<void> {
  const text = `The log beside the database belongs to the file with this number.\ninode ${inode}\ndevice ${device}\n`;
  try {
    await writeFile(note, text);
  } catch {
    // Nothing can be written here, so there can be no log either.
  }
}

/** What DuckDB 1.5.6 keeps beside a file under its name: the log, and two that a checkpoint in progress leaves at a kill. */
const SUFFIXES = ['.wal', '.wal.checkpoint', '.wal.recovery'];

/** Whether there are rows beside the file that are not in it yet. */
export async function hasLog(database: string): Promise<boolean> {
  for (const suffix of SUFFIXES) {
    if (await exists(`${database}${suffix}`)) return true;
  }
  return false;
}

/** Makes the log beside one name that of another, where there is one. */
export async function moveLog(from: string, to: string): Promise<void> {
  for (const suffix of SUFFIXES) {
    if (await exists(`${from}${suffix}`)) await rename(`${from}${suffix}`, `${to}${suffix}`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

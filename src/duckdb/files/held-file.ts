import { access, constants, link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isMissing, messageOf, MxcpError } from '../../errors/index.js';
import { type DatabaseFile, type FileNames, findDatabaseFile, isSameFile, temporaryName } from './database-file.js';

/**
 * A second name of a read-write file while it is open. When another file is renamed over it, this name still leads to it and
 * identifies the file that the log belongs to, even after a kill. Only `link`, `rename` and `stat` touch the file, which
 * keep DuckDB's lock on it.
 */
export class HeldFile {
  /** Why there is no second name: where hard links are impossible, only a note identifies the file. */
  readonly unlinkedBecause: string | undefined;
  readonly #names: FileNames;
  readonly #file: DatabaseFile;

  private constructor(names: FileNames, file: DatabaseFile, unlinkedBecause?: string) {
    this.#names = names;
    this.#file = file;
    this.unlinkedBecause = unlinkedBecause;
  }

  /** Right after the file was opened and before anything is written: from then on the log is that of this file. */
  static async hold(names: FileNames, file: DatabaseFile): Promise<HeldFile> {
    try {
      const now = await findDatabaseFile(names.held);
      if (now === null || !isSameFile(now, file)) {
        // By rename, so that the name always leads to one of the two files.
        const temporary = temporaryName(names);
        await link(names.database, temporary);
        await rename(temporary, names.held);
      }
      await rm(names.note, { force: true });
      return new HeldFile(names, file);
    } catch (error) {
      await writeNote(names, file);
      return new HeldFile(names, file, messageOf(error));
    }
  }

  /**
   * After the file was closed. A replaced file keeps this name, its only one, until the new file is served; so does a file
   * that has left a log.
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
 * Throws `database_failed` when the old file of a handover could not be reached again if the new one does not open.
 * `unlinkedBecause` is why the old file has no second name, if it has none.
 */
export async function assertSecondName(names: FileNames, unlinkedBecause: string | undefined): Promise<void> {
  try {
    await access(names.folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = `this user cannot write to its folder (${messageOf(error)}), where the old file needs a second name`;
    throw impossible(names, `${why}; let the user that runs mxcp write to it`, error);
  }
  try {
    if (unlinkedBecause !== undefined) throw new Error(unlinkedBecause);
    const trial = temporaryName(names);
    await link(names.database, trial);
    await rm(trial);
  } catch (error) {
    const why = `no hard link can be created in its folder (${messageOf(error)}), so the old file would be lost if the new one did not open`;
    throw impossible(names, `${why}; restart the server instead`, error);
  }
}

function impossible({ database }: FileNames, why: string, cause: unknown): MxcpError {
  const message = `database ${database} cannot be handed over while the server runs: ${why}`;
  return new MxcpError('database_failed', message, { cause });
}

/** Inode of the file that was open when the log was written, noted where it could not be linked. */
export async function readNote({ note }: FileNames): Promise<number | undefined> {
  try {
    const inode = Number(/^inode (\d+)$/m.exec(await readFile(note, 'utf8'))?.[1]);
    return Number.isSafeInteger(inode) ? inode : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The device number is for people only: it can change when the machine restarts. */
async function writeNote({ note }: FileNames, { device, inode }: DatabaseFile): Promise<void> {
  const text = `The log beside the database belongs to the file with this number.\ninode ${inode}\ndevice ${device}\n`;
  try {
    await writeFile(note, text);
  } catch {
    // Nothing can be written here, so there can be no log either.
  }
}

/** What DuckDB 1.5.6 keeps beside a file under its name: the log, and two files that a kill during a checkpoint leaves. */
const SUFFIXES = ['.wal', '.wal.checkpoint', '.wal.recovery'];

/** Whether a log beside the file has rows that are not in the file yet. */
export async function hasLog(database: string): Promise<boolean> {
  return (await logsOf(database)).length > 0;
}

/** Renames the log beside one name, if there is one, to belong to another name. */
export async function moveLog(from: string, to: string): Promise<void> {
  for (const suffix of await logsOf(from)) await rename(`${from}${suffix}`, `${to}${suffix}`);
}

async function logsOf(database: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const suffix of SUFFIXES) {
    try {
      await stat(`${database}${suffix}`);
      found.push(suffix);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return found;
}

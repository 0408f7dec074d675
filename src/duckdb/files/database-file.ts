import { randomUUID } from 'node:crypto';
import { access, constants, open, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance, version as engineVersion } from '@duckdb/node-api';
import { errorCodeOf, firstLineOf, isMissing, messageOf, MxcpError } from '../../errors/index.js';
import { createFolder, isDatabaseFile } from '../../files/index.js';

/**
 * Identifies a database file by device and inode, because a path can name a new file at any time. Only `stat` is used:
 * opening and closing the file in this process would drop DuckDB's lock on it (POSIX record locks).
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

/** Null when nothing is at the path. Throws `database_failed` when it is not a regular file. */
export async function statDatabaseFile(path: string): Promise<DatabaseFile | null> {
  try {
    const stats = await stat(path);
    if (!stats.isFile())
      throw failed(`${path} is not a regular file, so it cannot be a database; check \`duckdb.path\``);
    return { device: stats.dev, inode: stats.ino, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
  } catch (error) {
    if (isMissing(error)) return null;
    if (error instanceof MxcpError) throw error;
    throw failed(`cannot access database ${path}: ${messageOf(error)}`, error);
  }
}

/** As `statDatabaseFile`, but null for anything that is not a database file, such as a folder. */
export async function findDatabaseFile(path: string): Promise<DatabaseFile | null> {
  try {
    return await statDatabaseFile(path);
  } catch (error) {
    if (error instanceof MxcpError) return null;
    throw error;
  }
}

/** Throws `database_failed` for names by which DuckDB means memory or another machine. */
export function assertOnDisk(path: string): void {
  if (isDatabaseFile(path)) return;
  throw failed(`database ${path} is not a file; set \`duckdb.path\` to a database file`);
}

/** How a database file is opened. */
interface OpenAttempt {
  readonly openedAs: string;
  /** The path as users know it. */
  readonly path: string;
  readonly readonly: boolean;
  readonly exists: boolean;
}

/**
 * Throws `database_failed` when this user lacks a permission that serving the file needs. A missing file is not refused:
 * DuckDB may create it.
 */
export async function assertPermitted(path: string, { readonly }: { readonly readonly: boolean }): Promise<void> {
  try {
    await access(path, constants.R_OK);
    if (!readonly) await access(path, constants.W_OK);
  } catch (error) {
    if (isMissing(error)) return;
    throw cannotOpen(path, await whyDenied({ openedAs: path, path, readonly, exists: true }), error);
  }
}

/**
 * Whether opening a read-write database creates it. Throws `database_missing` when it is missing and could not be created. Creates
 * nothing.
 */
export async function wouldCreate(path: string): Promise<boolean> {
  assertOnDisk(path);
  if ((await statDatabaseFile(path)) !== null) return false;
  const { held } = await fileNamesOf(path);
  // A file that has lost its name is not replaced by an empty one either: opening it reports that.
  if ((await findDatabaseFile(held)) !== null) return false;
  await assertWritable(dirname(path), path);
  return true;
}

async function assertWritable(folder: string, path: string): Promise<void> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (!isMissing(error) || folder === dirname(folder)) throw folderError(path, error);
    await assertWritable(dirname(folder), path);
  }
}

/** Creates the folder of a database. Throws `database_missing` naming the obstacle. */
export async function ensureDatabaseFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await createFolder(folder);
    await access(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw folderError(path, error);
  }
}

function folderError(path: string, cause: unknown): MxcpError {
  return new MxcpError(
    'database_missing',
    `the folder of database ${path} cannot be used (${messageOf(cause)}); create it or change \`duckdb.path\``,
    { cause },
  );
}

/**
 * The hidden names that mxcp uses beside a database file. DuckDB derives the same database name from all of them, the part
 * before the first dot that is not the first character (DuckDB 1.5.6), so SQL that names its database still works.
 */
export interface FileNames {
  readonly folder: string;
  /** The file itself. Symbolic links are resolved, as DuckDB does before it names its log. */
  readonly database: string;
  /** A hard link to the file that the log beside the database belongs to. */
  readonly held: string;
  /** Contains the same information where hard links are impossible. */
  readonly note: string;
  /** Prefix of hard links to earlier files, each with its own log if it has one. */
  readonly earlier: string;
  /** Prefix of hard links that exist only for a moment. */
  readonly temporary: string;
}

export async function fileNamesOf(path: string): Promise<FileNames> {
  const database = await realPathOf(path);
  const folder = dirname(database);
  const prefix = join(folder, `.${basename(database).replace(/^\.+/, '')}`);
  return {
    folder,
    database,
    held: `${prefix}.mxcp-held`,
    note: `${prefix}.mxcp`,
    earlier: `${prefix}.mxcp-earlier-`,
    temporary: `${prefix}.mxcp-tmp-`,
  };
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const folder = dirname(path);
    return folder === path ? path : join(await realPathOf(folder), basename(path));
  }
}

/** Ends with the id of the process that uses it. */
export function temporaryName({ temporary }: FileNames): string {
  return `${temporary}${randomUUID().slice(0, 8)}-${process.pid}`;
}

/** Sorts by time, and contains the id of the process that may still need it. */
export function earlierName({ earlier }: FileNames): string {
  const time = new Date().toISOString().replaceAll(/[-:.]/g, '');
  return `${earlier}${time}-${randomUUID().slice(0, 4)}-${process.pid}`;
}

/** Whether another running process created this earlier or temporary name: it may be in the middle of a handover. */
export function isOfAnother(name: string): boolean {
  const pid = Number(/-(\d+)$/.exec(name)?.[1]);
  if (!Number.isSafeInteger(pid) || pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}

/** What an instance may use. One function that builds a large value is not bounded by them (DuckDB 1.5.6). */
export interface InstanceLimits {
  readonly memoryBytes: number;
  /** On the disk, for what does not fit into the memory. */
  readonly tempBytes: number;
}

interface OpenOptions {
  readonly readonly: boolean;
  readonly limits?: InstanceLimits | undefined;
  readonly shownAs?: string;
}

/**
 * Opens a database file, which must not be open in this process: two instances on one file in one process both accept writes
 * and lose half of them, and closing either drops the lock of both (DuckDB 1.5.6). This is the only place that creates an
 * instance. DuckDB creates the folder of a read-write file's temporary data beside it; a read-only file, which other processes may
 * have open too, has one of its own. Throws `database_locked`, `database_too_new`, `database_failed`, all of which call the file `shownAs`.
 */
export async function openNative(
  path: string,
  { readonly, limits, shownAs = path }: OpenOptions,
): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, {
      access_mode: readonly ? 'READ_ONLY' : 'READ_WRITE',
      ...(limits && { memory_limit: `${limits.memoryBytes}B` }),
      ...(readonly && { temp_directory: join(tmpdir(), `mxcp-duckdb-${process.pid}-${randomUUID().slice(0, 8)}`) }),
    });
  } catch (error) {
    const exists = (await findDatabaseFile(path)) !== null;
    const message = messageOf(error).replaceAll(path, shownAs);
    throw await toOpenError(message, { openedAs: path, path: shownAs, readonly, exists }, error);
  }
}

/** The process that DuckDB names in its lock error. */
const HOLDER = /\(PID (\d+)\)/;

async function toOpenError(message: string, attempt: OpenAttempt, cause: unknown): Promise<MxcpError> {
  const { path } = attempt;
  if (message.includes('Could not set lock')) {
    const holder = HOLDER.exec(message)?.[1];
    const who = holder === undefined ? 'another process' : `process ${holder}`;
    return new MxcpError(
      'database_locked',
      `cannot open database ${path}: ${who} has it open; stop that process, or open the database read-only in both`,
      { cause },
    );
  }
  const versions = STORAGE_VERSIONS.exec(message);
  if (versions !== null && Number(versions[1]) > Number(versions[3] ?? versions[2]))
    return tooNewError(attempt, versions, cause);
  const firstLine = firstLineOf(message);
  const isDenied = /: (?:Permission denied|Operation not permitted|Read-only file system)$/.test(firstLine);
  const why = isDenied
    ? await whyDenied(attempt)
    : `${firstLine}; put a DuckDB database there, or change \`duckdb.path\``;
  return cannotOpen(path, why, cause);
}

/** How DuckDB says that a file has a format it does not read (DuckDB 1.5.6). */
const STORAGE_VERSIONS = /version number (\d+), but we can only read versions? (?:between )?(\d+)(?: and (\d+))?/;

async function tooNewError(
  { openedAs, path }: OpenAttempt,
  [, found, oldest, newest]: RegExpExecArray,
  cause: unknown,
): Promise<MxcpError> {
  const writer = await readWriter(openedAs);
  const readable = newest === undefined ? `version ${oldest}` : `versions ${oldest} to ${newest}`;
  const engine = engineVersion();
  const target = engine.replace(/\.\d+$/, '.0');
  const quoted = path.replaceAll("'", "''");
  const convert = `ATTACH '${quoted}' AS old (READ_ONLY); ATTACH '${quoted}.new' AS new (STORAGE_VERSION '${target}'); COPY FROM DATABASE old TO new`;
  return new MxcpError(
    'database_too_new',
    `cannot open database ${path}: it has storage version ${found}, written by ${writer}, and this server has DuckDB ${engine}, which reads ${readable}. ` +
      `Convert it with ${writer} (\`${convert}\`) and rename the new file over it; a program writes such files from the start with the option \`storage_compatibility_version\` set to \`${target}\``,
    { cause },
  );
}

/** Where a file of DuckDB 1.0 to 2.0 has the version of the DuckDB that wrote it, ended by zeros. */
const WRITER = { offset: 52, length: 32 } as const;

/** Reads a file that cannot be opened, so that there is no lock of DuckDB that closing it could drop. */
async function readWriter(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer } = await file.read(Buffer.alloc(WRITER.length), 0, WRITER.length, WRITER.offset);
    const [version] = /^v\d[\w.-]*/.exec(buffer.toString('latin1')) ?? [];
    return version === undefined ? 'a newer DuckDB' : `DuckDB ${version}`;
  } finally {
    await file.close();
  }
}

/**
 * The process that has the file of a `database_locked` error open, if DuckDB knows it. Read from the message, because an error
 * whose secrets were redacted has no cause.
 */
export function lockHolderOf({ message }: MxcpError): number | undefined {
  const holder = /process (\d+) has it open/.exec(message)?.[1];
  return holder === undefined ? undefined : Number(holder);
}

async function whyDenied({ path, readonly, exists }: OpenAttempt): Promise<string> {
  if (!exists)
    return `it does not exist, and this user cannot create it; let this user write to ${dirname(path)}, or change \`duckdb.path\``;
  const isReadable = await access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
  if (readonly) return 'this user has no permission to read it; let this user read it';
  if (!isReadable) return 'this user has no permission to read it; let this user read and write it';
  return 'this user has no permission to write to it; open it read-only (`--readonly`, or `readonly: true` beside `duckdb.path`), or let this user write to it and its folder';
}

function cannotOpen(path: string, why: string, cause: unknown): MxcpError {
  return failed(`cannot open database ${path}: ${why}`, cause);
}

function failed(message: string, cause?: unknown): MxcpError {
  return new MxcpError('database_failed', message, { cause });
}

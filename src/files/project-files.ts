import { createHmac, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { mkdir, open as openFile, readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { errorCodeOf, isMissing } from '../errors/index.js';
import { raceSignal } from '../lifecycle/index.js';

/** Replaces a leading `~` with the home folder (`HOME` if the environment has it). */
export function expandHome(path: string, home: string = homedir()): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

/** Makes a path absolute: expands `~`, and resolves a relative one against `base`. */
export function resolvePath(base: string, path: string): string {
  return resolve(base, expandHome(path));
}

/** As `resolvePath`, but keeps the names that only DuckDB understands (`:memory:`, `md:name`, `s3://…`). */
export function resolveDatabasePath(base: string, path: string): string {
  return isDatabaseFile(path) ? resolvePath(base, path) : path;
}

/** False for the names that DuckDB gives to databases in memory or on other machines. */
export function isDatabaseFile(path: string): boolean {
  return !path.startsWith(':') && !/^[a-z][a-z0-9+.-]+:/i.test(path);
}

/**
 * Creates a folder and its missing parents, and returns the topmost one it created, if any. The `recursive` option of
 * `mkdir` never returns, at full processor load, in a folder that accepts no entries, such as `/proc` (Node 20.20).
 */
export async function createFolder(path: string): Promise<string | undefined> {
  const folder = resolve(path);
  try {
    return await createOne(folder);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT' || folder === dirname(folder)) throw error;
  }
  const first = await createFolder(dirname(folder));
  // Once only: a folder that is still missing will not appear by trying again.
  const created = await createOne(folder);
  return first ?? created;
}

/** Undefined if the folder exists. */
async function createOne(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}

export interface ReadTextFileOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** `readTextFile`, or the `read` of a `FileLedger`. */
export type TextReader = (path: string, options: ReadTextFileOptions) => Promise<string>;

/**
 * Reads a whole regular file as UTF-8 text without a byte order mark. A pipe, a device or a hung network file system
 * does not block the caller longer than `signal` allows. Throws `FileReadError`.
 */
export async function readTextFile(path: string, options: ReadTextFileOptions): Promise<string> {
  // A system call cannot be cancelled; the read closes its descriptor whenever it ends.
  return decodeText(await raceSignal(readRegularFile(path, options.maxBytes), options.signal));
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** Decodes a whole file as UTF-8 text without a byte order mark. Throws `FileReadError` if it is anything else. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new FileReadError('is not a text file', false);
  try {
    return UTF_8.decode(bytes);
  } catch (error) {
    throw new FileReadError('is not UTF-8 text', false, { cause: error });
  }
}

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const statfs = promisify(fs.statfs);
const close = promisify(fs.close);

/**
 * Reads a whole regular file; a pipe or a device is refused without blocking. Throws `FileReadError`. Uses descriptors
 * because the file handles of `fs/promises` take twice as long for a small file (Node 20).
 */
async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  try {
    // Non-blocking: opening a pipe without a writer would otherwise occupy one of the few I/O threads for ever.
    const descriptor = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      return await readDescriptor(descriptor, path, maxBytes);
    } finally {
      await close(descriptor);
    }
  } catch (error) {
    throw toReadError(error);
  }
}

async function readDescriptor(descriptor: number, path: string, maxBytes: number): Promise<Buffer> {
  const stats = await fstat(descriptor);
  if (stats.isDirectory()) throw new FileReadError(IS_FOLDER, false);
  if (!stats.isFile()) throw new FileReadError(IS_NOT_REGULAR, false);
  if (stats.size > maxBytes) throw new FileReadError(`is larger than ${maxBytes} bytes`, false);
  if (stats.size > 0) return readBytes(descriptor, stats.size);
  // Files that the kernel makes up say that they are regular and empty, and may have no end (`/proc/self/mem`).
  if ((await statfs(path)).type === PROC_FILE_SYSTEM) throw new FileReadError(IS_NOT_REGULAR, false);
  return Buffer.alloc(0);
}

const IS_FOLDER = 'is not a regular file but a folder';
const IS_NOT_REGULAR = 'is not a regular file';
const PROC_FILE_SYSTEM = 0x9fa0;

/** Returns fewer than `size` bytes if the file was shortened meanwhile. */
async function readBytes(descriptor: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await read(descriptor, buffer, length, size - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** The file system answers at once; longer than this means that it hangs. */
const SILENCE_MS = 10_000;

/**
 * Reads many files and folders as long as answers arrive. After ten seconds without an answer, every pending operation fails
 * and no further one is started, because each one that hangs occupies one of the few I/O threads. All methods throw
 * `FileReadError`.
 */
export class DiskReader {
  /** The reject functions of the pending operations. */
  readonly #pending = new Set<(reason: FileReadError) => void>();
  #timer: NodeJS.Timeout | undefined;
  #hangs = false;

  /** Reads a whole regular file of at most `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<Buffer> {
    return this.#run(() => readRegularFile(path, maxBytes));
  }

  listFolder(path: string): Promise<readonly Dirent[]> {
    return this.#run(() => readdir(path, { withFileTypes: true }));
  }

  /** As `listFolder`, with no entries for a folder that is missing. */
  async listIfThere(path: string): Promise<readonly Dirent[]> {
    try {
      return await this.listFolder(path);
    } catch (error) {
      if (error instanceof FileReadError && error.missing) return [];
      throw error;
    }
  }

  stat(path: string): Promise<Stats> {
    return this.#run(() => stat(path));
  }

  realPath(path: string): Promise<string> {
    return this.#run(() => realpath(path));
  }

  /** One promise and no listeners: that saves a tenth of the processor time of a start with a thousand files. */
  #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#hangs) return Promise.reject(new FileReadError('was not read, because other reads hang', false));
    return new Promise((fulfil, reject) => {
      this.#pending.add(reject);
      this.#restartTimer();
      const end = (settle: () => void): void => {
        this.#pending.delete(reject);
        this.#restartTimer();
        settle();
      };
      operation().then(
        (value) => end(() => fulfil(value)),
        (error: unknown) => end(() => reject(toReadError(error))),
      );
    });
  }

  #restartTimer(): void {
    if (this.#pending.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#giveUp(), SILENCE_MS).unref();
    } else {
      this.#timer.refresh();
    }
  }

  #giveUp(): void {
    this.#hangs = true;
    const reason = new FileReadError(`cannot be read: no answer within ${SILENCE_MS / 1000} s`, false);
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
  }
}

/** A file that a configuration was read from, as it was at that time. */
export interface ReadFile {
  /** Absolute. */
  readonly path: string;
  readonly maxBytes: number;
  /** Equal for equal content: a keyed hash, or the reason why there is no text to hash. */
  readonly contentHash: string;
}

/** The content hash of a path without a file. */
export const MISSING = 'missing';

/**
 * Reads files and notes their content hashes. A later check of the disk can so detect any change since the reading, however
 * early it happened.
 */
export class FileLedger {
  readonly #files = new Map<string, ReadFile>();

  /** As `readTextFile`. */
  readonly read: TextReader = async (path, options) => {
    const outcome = await readAndHash(path, options);
    // The first reading counts: if a second one differs, the file has changed since, and a check has to find that.
    if (!this.#files.has(path))
      this.#files.set(path, { path, maxBytes: options.maxBytes, contentHash: outcome.contentHash });
    if ('error' in outcome) throw outcome.error;
    return outcome.text;
  };

  get files(): readonly ReadFile[] {
    return [...this.#files.values()];
  }
}

/** Hashes the present content of a file. Rejects with the reason of `signal` if that aborts first. */
export async function readContentHash(
  { path, maxBytes }: Pick<ReadFile, 'path' | 'maxBytes'>,
  signal?: AbortSignal,
): Promise<string> {
  return (await readAndHash(path, { maxBytes, signal })).contentHash;
}

async function readAndHash(
  path: string,
  options: ReadTextFileOptions,
): Promise<{ readonly contentHash: string } & ({ readonly text: string } | { readonly error: FileReadError })> {
  try {
    const text = await readTextFile(path, options);
    return { text, contentHash: `text ${fingerprint(text)}` };
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    return { error, contentHash: error.missing ? MISSING : `unreadable: ${error.message}` };
  }
}

/** Random for each process: a fingerprint shows that a value changed and reveals nothing about it. */
const key = randomBytes(32);

export function fingerprint(value: string): string {
  return createHmac('sha256', key).update(value).digest('hex').slice(0, 16);
}

/** Why a file or folder was not read, in words that follow its name. `missing` is true if there is none. */
export class FileReadError extends Error {
  readonly missing: boolean;

  constructor(reason: string, missing: boolean, options?: ErrorOptions) {
    super(reason, options);
    this.missing = missing;
  }

  /** Whether this user lacks the permission. */
  get isRefused(): boolean {
    const code = errorCodeOf(this.cause) ?? '';
    return code === 'EACCES' || code === 'EPERM';
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: IS_FOLDER,
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  ELOOP: 'is a symbolic link that leads in a circle',
  ENXIO: IS_NOT_REGULAR,
  ENAMETOOLONG: 'has a name that is too long',
  EMFILE: 'cannot be opened: this process has too many open files',
};

function toReadError(error: unknown): FileReadError {
  if (error instanceof FileReadError) return error;
  const code = errorCodeOf(error) ?? 'unknown error';
  return new FileReadError(REASONS[code] ?? `cannot be read (${code})`, isMissing(error), { cause: error });
}

/** Puts the names in a folder on the disk: a new or renamed file is there when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await openFile(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

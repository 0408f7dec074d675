import * as fs from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorCodeOf, isMissing } from '../errors/index.js';
import { raceSignal } from '../lifecycle/index.js';

/** A file or an entry of a folder comes at once; longer than this means a file system that hangs. */
const SILENCE_MS = 10_000;

/**
 * Reads many files and folders, for as long as something comes. After ten seconds in which nothing came, what it waits for
 * then fails, each by itself, and nothing more is begun: each look that hangs holds one of the few I/O threads. Everything
 * throws `FileReadError`.
 */
export class DiskReader {
  /** What fails the looks that are waited for. */
  readonly #waiting = new Set<(reason: FileReadError) => void>();
  #timer: NodeJS.Timeout | undefined;
  #hangs = false;

  /** As `readRegularFile`. */
  readFile(path: string, maxBytes: number): Promise<Buffer> {
    return this.#await(() => readRegularFile(path, maxBytes));
  }

  listFolder(path: string): Promise<readonly Dirent[]> {
    return this.#await(() => readdir(path, { withFileTypes: true }));
  }

  stat(path: string): Promise<Stats> {
    return this.#await(() => stat(path));
  }

  realPath(path: string): Promise<string> {
    return this.#await(() => realpath(path));
  }

  /** One promise around the look and no listeners: a start with a thousand files takes a tenth less processor time for it. */
  #await<T>(look: () => Promise<T>): Promise<T> {
    if (this.#hangs) return Promise.reject(new FileReadError('was not read, because others hang', false));
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#listen();
      const end = (settle: () => void): void => {
        this.#waiting.delete(reject);
        this.#listen();
        settle();
      };
      look().then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(toReadError(error))),
      );
    });
  }

  /** From now on, as long as anything is waited for. */
  #listen(): void {
    if (this.#waiting.size === 0) {
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
    const reason = new FileReadError(`cannot be read: nothing came within ${SILENCE_MS / 1000} s`, false);
    for (const fail of this.#waiting) fail(reason);
    this.#waiting.clear();
  }
}

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const readToEnd = promisify(fs.readFile);
const close = promisify(fs.close);

/**
 * What a whole regular file holds. A pipe or a device is refused, and does not hold the caller. Throws `FileReadError`. On
 * descriptors, not on file handles: those of `fs/promises` take twice as long for a small file (Node 20).
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  try {
    // Not blocking: opening a pipe that nobody writes to would otherwise hold one of the few I/O threads for ever.
    const descriptor = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      return await readDescriptor(descriptor, maxBytes);
    } finally {
      await close(descriptor);
    }
  } catch (error) {
    throw toReadError(error);
  }
}

async function readDescriptor(descriptor: number, maxBytes: number): Promise<Buffer> {
  const stats = await fstat(descriptor);
  if (stats.isDirectory()) throw new FileReadError('is a folder', false);
  if (!stats.isFile()) throw new FileReadError('is not a regular file', false);
  if (stats.size > maxBytes) throw new FileReadError(`is larger than ${maxBytes} bytes`, false);
  // Files of /proc say that they have no size.
  return stats.size === 0 ? readToEnd(descriptor) : readBytes(descriptor, stats.size);
}

/** Fewer when the file has become shorter meanwhile. */
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

export interface ReadTextFileOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a whole regular file as UTF-8 text without a byte order mark. A pipe, a device or a hung network file system
 * does not hold the caller longer than `signal` allows. Throws `FileReadError`.
 */
export async function readTextFile(path: string, options: ReadTextFileOptions): Promise<string> {
  // What the kernel holds cannot be stopped; whatever it opened it closes by itself.
  return decodeText(await raceSignal(readRegularFile(path, options.maxBytes), options.signal));
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** What a whole file holds, as UTF-8 text without a byte order mark. Throws `FileReadError` when it is anything else. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new FileReadError('is not a text file', false);
  try {
    return UTF_8.decode(bytes);
  } catch (error) {
    throw new FileReadError('is not UTF-8 text', false, { cause: error });
  }
}

/** Why a file or folder was not read, in words that go behind its name. `missing` tells an absent one from other failures. */
export class FileReadError extends Error {
  readonly missing: boolean;

  constructor(reason: string, missing: boolean, options?: ErrorOptions) {
    super(reason, options);
    this.missing = missing;
  }

  /** Whether permissions are what stands in the way. */
  get isRefused(): boolean {
    const code = errorCodeOf(this.cause) ?? '';
    return code === 'EACCES' || code === 'EPERM';
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  ELOOP: 'is a symbolic link that leads in a circle',
  ENXIO: 'is not a regular file',
  ENAMETOOLONG: 'has a name that is too long',
  EMFILE: 'cannot be opened: this process has too many open files',
};

/** Anything that a look at the disk threw, as the reason. */
export function toReadError(error: unknown): FileReadError {
  if (error instanceof FileReadError) return error;
  const code = errorCodeOf(error) ?? 'unknown error';
  return new FileReadError(REASONS[code] ?? `cannot be read (${code})`, isMissing(error), { cause: error });
}

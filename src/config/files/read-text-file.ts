import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errorCodeOf, isMissing } from '../../errors/index.js';
import { raceSignal } from '../../lifecycle/index.js';

export interface ReadTextFileOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Why a file was not read, in words that go behind its name. `missing` tells an absent file from other failures. */
export class FileReadError extends Error {
  readonly missing: boolean;

  constructor(reason: string, missing: boolean, options?: ErrorOptions) {
    super(reason, options);
    this.missing = missing;
  }
}

/**
 * Reads a whole regular file as UTF-8 text without a byte order mark. A pipe, a device or a hung network file system
 * does not hold the caller longer than `signal` allows. Throws `FileReadError`.
 */
export async function readTextFile(path: string, options: ReadTextFileOptions): Promise<string> {
  // What the kernel holds cannot be stopped; whatever it opened it closes by itself.
  return decodeText(await raceSignal(readBytes(path, options.maxBytes), options.signal));
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

async function readBytes(path: string, maxBytes: number): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    // Not blocking: opening a pipe that nobody writes to would otherwise hold one of the few I/O threads for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (stat.isDirectory()) throw new FileReadError('is a folder', false);
    if (!stat.isFile()) throw new FileReadError('is not a regular file', false);
    if (stat.size > maxBytes) throw new FileReadError(`is larger than ${maxBytes} bytes`, false);
    return await file.readFile();
  } catch (error) {
    throw error instanceof FileReadError ? error : toReadError(error);
  } finally {
    await file?.close();
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

function toReadError(error: unknown): FileReadError {
  const code = errorCodeOf(error) ?? 'unknown error';
  return new FileReadError(REASONS[code] ?? `cannot be read (${code})`, isMissing(error), { cause: error });
}

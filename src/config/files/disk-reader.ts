import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { FileReadError, toReadError } from './file-read-error.js';
import { readRegularFile } from './read-regular-file.js';

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

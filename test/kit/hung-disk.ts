import { execFileSync } from 'node:child_process';
import { closeSync, constants, open, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { join } from 'node:path';

const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);

/**
 * Makes every look at a disk hang, as a network file system does whose server is gone: each of the threads that look waits
 * for a pipe in `folder` to be opened at its other end, which disposing does.
 */
export class HungDisk implements AsyncDisposable {
  readonly #pipe: string;
  readonly #opened: readonly Promise<number>[];
  /** Until it is disposed. */
  isHanging = true;

  constructor(folder: string) {
    this.#pipe = join(folder, 'hung.pipe');
    execFileSync('mkfifo', [this.#pipe]);
    const openPipe = promisify(open);
    this.#opened = Array.from({ length: THREADS }, () => openPipe(this.#pipe, constants.O_RDONLY));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isHanging = false;
    const writer = openSync(this.#pipe, constants.O_WRONLY);
    for (const descriptor of await Promise.all(this.#opened)) closeSync(descriptor);
    closeSync(writer);
  }
}

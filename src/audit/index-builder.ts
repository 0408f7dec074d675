import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { hasIndexWork, type IndexReport, type IndexWork, SETTLED_MS } from './build-indexes.js';

export interface IndexBuilderOptions {
  readonly basePath: string;
  readonly logger: Logger;
  readonly minBytes?: number;
}

/** Beside this file, whether it is compiled or bundled. */
const ENTRY = fileURLToPath(new URL('./audit-index-main.js', import.meta.url));
const MAX_HEAP_MB = 256;
const MIN_BYTES = 1024 * 1024;
/** After the end of a segment, it takes a moment until it may have an index. */
const DELAY_MS = SETTLED_MS + 1000;

/** Keeps the indexes of a log up to date, in a process that runs only while one is missing. Without indexes, questions take longer and nothing else changes. */
export class IndexBuilder implements Disposable {
  readonly #work: IndexWork;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #child: ChildProcess | undefined;
  #isDisposed = false;

  constructor({ basePath, logger, minBytes = MIN_BYTES }: IndexBuilderOptions) {
    this.#work = { basePath, minBytes };
    this.#logger = logger;
  }

  /** Soon; several requests are one. */
  request(): void {
    if (this.#isDisposed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.update();
    }, DELAY_MS).unref();
  }

  /** Resolves when the indexes are there, or cannot be. */
  update(): Promise<void> {
    this.#running ??= this.#update().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.abandon();
    await this.#running;
  }

  /** Ends the process without waiting, for a server that exits at once. */
  abandon(): void {
    this.#child?.kill('SIGKILL');
  }

  async #update(): Promise<void> {
    const { basePath: path } = this.#work;
    try {
      if (this.#isDisposed || !(await hasIndexWork(this.#work))) return;
      const { built, failures } = await this.#runProcess();
      if (built > 0) this.#logger.debug({ path, built }, 'files of the audit log indexed');
      for (const failure of failures) this.#report(failure.path, failure.reason);
    } catch (error) {
      if (!this.#isDisposed) this.#report(path, messageOf(error));
    }
  }

  #report(path: string, reason: string): void {
    this.#logger.warn({ path, reason }, 'a file of the audit log could not be indexed; questions about it take longer');
  }

  #runProcess(): Promise<IndexReport> {
    return new Promise((resolve, reject) => {
      const child = fork(ENTRY, [], {
        // Nothing of the server's environment, which may hold secrets.
        env: { HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] },
        execArgv: [...process.execArgv, `--max-old-space-size=${MAX_HEAP_MB}`],
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
      this.#child = child;
      if (this.#isDisposed) this.abandon();
      // The only sender is the process started above, which has the same version.
      child.on('message', (report) => resolve(report as IndexReport));
      child.on('error', reject);
      child.once('close', (code, signal) =>
        reject(new Error(`the process that writes indexes ended (${signal ?? `exit code ${code}`})`)),
      );
      // If the send fails, the end of the process answers.
      child.send(this.#work, () => undefined);
    });
  }
}

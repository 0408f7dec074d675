import type { Readable } from 'node:stream';
import { EventLoopBudget } from '../lifecycle/index.js';

const NEWLINE = 10;

/**
 * Cuts a stream of messages into lines. It stops reading while the event loop has other work, and the worker then waits.
 * Disposed with the stream.
 */
export class LineReader {
  /** Resolves when every line of the stream was passed on. */
  readonly ended: Promise<void>;
  readonly #stream: Readable;
  readonly #maxLineBytes: number;
  readonly #onLine: (line: Buffer) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #budget = new EventLoopBudget();
  /** Chunks that were read but not cut yet. */
  readonly #chunks: Buffer[] = [];
  /** The beginning of a line whose end has not arrived. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** The work on the chunks, while there are any. */
  #cutting: Promise<void> | undefined;
  #hasFailed = false;

  /** An error that `onLine` throws ends the reading. `onFailure` receives it, or the error of a line that is too long. */
  constructor(
    stream: Readable,
    maxLineBytes: number,
    onLine: (line: Buffer) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#stream = stream;
    this.#maxLineBytes = maxLineBytes;
    this.#onLine = onLine;
    this.#onFailure = onFailure;
    this.ended = new Promise((resolve) => {
      const finish = (): void => resolve(this.#cutting);
      stream.once('end', finish).once('close', finish);
    });
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#cutting ??= this.#cutAll();
    });
  }

  /** One chunk after the other, so that lines stay in order during a pause. */
  async #cutAll(): Promise<void> {
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) await this.#cut(chunk);
    this.#cutting = undefined;
  }

  async #cut(chunk: Buffer): Promise<void> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#endLine(chunk.subarray(start, end));
      start = end + 1;
      if (!this.#budget.isSpent) continue;
      this.#stream.pause();
      await this.#budget.renew();
      this.#stream.resume();
    }
    const rest = chunk.subarray(start);
    if (this.#hasFailed || rest.length === 0) return;
    this.#begun.push(rest);
    this.#begunBytes += rest.length;
    if (this.#begunBytes > this.#maxLineBytes)
      this.#fail(new Error(`it sent a line of more than ${this.#maxLineBytes} bytes`));
  }

  #endLine(rest: Buffer): void {
    if (this.#hasFailed) return;
    const line = this.#begun.length === 0 ? rest : Buffer.concat([...this.#begun, rest]);
    this.#begun = [];
    this.#begunBytes = 0;
    try {
      this.#onLine(line);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#begun = [];
    this.#onFailure(error);
  }
}

import type { Readable } from 'node:stream';
import { EventLoopBudget } from '../../lifecycle/index.js';

const NEWLINE = 10;

export interface LineReaderOptions {
  readonly maxLineBytes: number;
  /** One line without its end. What it throws ends the reading. */
  readonly onLine: (line: Buffer) => void;
  /** What `onLine` threw, or that a line was too long. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Cuts a stream into lines, and stops reading while the event loop has other things to do: whoever writes then waits.
 * Disposed with the stream.
 */
export class LineReader {
  readonly #stream: Readable;
  readonly #options: LineReaderOptions;
  readonly #budget = new EventLoopBudget();
  /** Chunks that were read and not yet cut. */
  readonly #chunks: Buffer[] = [];
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** The work on the chunks, while there are any. */
  #cutting: Promise<void> | undefined;
  #hasFailed = false;

  /** Resolves when every line of the stream was given. */
  readonly ended: Promise<void>;

  constructor(stream: Readable, options: LineReaderOptions) {
    this.#stream = stream;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      const finish = (): void => resolve(this.#cutting);
      stream.once('end', finish).once('close', finish);
    });
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#cutting ??= this.#cut();
    });
  }

  /** One at a time: lines stay in order while it waits for its turn. */
  async #cut(): Promise<void> {
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift())
      await this.#cutChunk(chunk);
    this.#cutting = undefined;
  }

  async #cutChunk(chunk: Buffer): Promise<void> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#give(chunk.subarray(start, end));
      start = end + 1;
      if (this.#budget.isSpent) await this.#pause();
    }
    this.#keep(chunk.subarray(start));
  }

  async #pause(): Promise<void> {
    this.#stream.pause();
    await this.#budget.renew();
    this.#stream.resume();
  }

  #give(rest: Buffer): void {
    if (this.#hasFailed) return;
    const line = this.#begun.length === 0 ? rest : Buffer.concat([...this.#begun, rest]);
    this.#begun = [];
    this.#begunBytes = 0;
    try {
      this.#options.onLine(line);
    } catch (error) {
      this.#fail(error);
    }
  }

  #keep(rest: Buffer): void {
    if (this.#hasFailed || rest.length === 0) return;
    this.#begun.push(rest);
    this.#begunBytes += rest.length;
    if (this.#begunBytes > this.#options.maxLineBytes) this.#fail(new Error('a line is too long'));
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#begun = [];
    this.#options.onFailure(error);
  }
}

import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
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

const MAX_OUTPUT_LINE_BYTES = 8 * 1024;
/** How many lines may come at once, and how many a second after that. */
const BURST_LINES = 1000;
const LINES_PER_SECOND = 100;
const REPORT_INTERVAL_MS = 1000;

/**
 * Reads what code prints, as lines of bounded length at a bounded rate. It reads everything at once, so that a `print()`
 * never blocks; lines above the rate are counted and dropped. Disposed with the process.
 */
export class OutputReader {
  readonly closed: Promise<void>;
  readonly #onLine: (line: string) => void;
  readonly #scrubHead: (text: string) => string;
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #cutBytes = 0;
  #allowance = BURST_LINES;
  #refilledAt = performance.now();
  #dropped = 0;
  /** The beginning of the current line was dropped. The rest is dropped too: a secret in it could not be recognised. */
  #isSkipping = false;
  #report: NodeJS.Timeout | undefined;

  /** `scrubHead` removes secrets from a text that was cut at its end. */
  constructor(stream: Readable, onLine: (line: string) => void, scrubHead: (text: string) => string) {
    this.#onLine = onLine;
    this.#scrubHead = scrubHead;
    this.closed = new Promise((resolve) => stream.once('close', resolve));
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    // A broken pipe has ended, which `closed` reports.
    stream.on('error', () => undefined);
  }

  /** Passes on an unfinished line, and how many lines were dropped. */
  dispose(): void {
    clearTimeout(this.#report);
    if (this.#begunBytes > 0) this.#endLine({ isWhole: false });
    this.#reportDropped();
  }

  #read(chunk: Buffer): void {
    let start = 0;
    while (start < chunk.length) {
      if (!this.#isAllowed()) return this.#drop(chunk, start);
      const end = chunk.indexOf(NEWLINE, start);
      if (!this.#isSkipping) this.#keep(chunk.subarray(start, end === -1 ? chunk.length : end));
      if (end === -1) return;
      if (this.#isSkipping) {
        this.#isSkipping = false;
        this.#dropped += 1;
        this.#planReport();
      } else {
        this.#endLine({ isWhole: this.#cutBytes === 0 });
      }
      start = end + 1;
    }
  }

  /** Counts byte by byte, the cheapest way to survive a flood. */
  #drop(chunk: Buffer, start: number): void {
    for (let index = start; index < chunk.length; index += 1) {
      if (chunk[index] === NEWLINE) this.#dropped += 1;
    }
    this.#isSkipping = chunk.at(-1) !== NEWLINE;
    this.#forgetLine();
    this.#planReport();
  }

  #planReport(): void {
    this.#report ??= setTimeout(() => this.#reportDropped(), REPORT_INTERVAL_MS);
  }

  #reportDropped(): void {
    this.#report = undefined;
    if (this.#dropped === 0) return;
    this.#onLine(`(${this.#dropped} lines dropped: more than ${LINES_PER_SECOND} a second)`);
    this.#dropped = 0;
  }

  #keep(part: Buffer): void {
    const kept = Math.min(part.length, MAX_OUTPUT_LINE_BYTES - this.#begunBytes);
    // Copied, because a part of a chunk would keep the whole chunk in memory.
    if (kept > 0) this.#begun.push(Buffer.from(part.subarray(0, kept)));
    this.#begunBytes += kept;
    this.#cutBytes += part.length - kept;
  }

  #endLine({ isWhole }: { readonly isWhole: boolean }): void {
    const bytes = Buffer.concat(this.#begun);
    // A piece of a character at the end is left out; after it, the beginning of a secret would not be recognised.
    const text = isWhole ? bytes.toString('utf8') : this.#scrubHead(new StringDecoder('utf8').write(bytes));
    const cut = this.#cutBytes === 0 ? '' : ` … (${this.#cutBytes} more bytes)`;
    this.#forgetLine();
    this.#allowance -= 1;
    const line = text.replace(/\r$/, '') + cut;
    if (line !== '') this.#onLine(line);
  }

  #forgetLine(): void {
    this.#begun = [];
    this.#begunBytes = 0;
    this.#cutBytes = 0;
  }

  #isAllowed(): boolean {
    if (this.#allowance >= 1) return true;
    const now = performance.now();
    const earned = Math.floor(((now - this.#refilledAt) / 1000) * LINES_PER_SECOND);
    if (earned > 0) {
      this.#allowance = Math.min(BURST_LINES, this.#allowance + earned);
      this.#refilledAt = now;
    }
    return this.#allowance >= 1;
  }
}

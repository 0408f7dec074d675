import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const NEWLINE = 10;
const MAX_LINE_BYTES = 8 * 1024;
/** Lines that may come at once, and how many a second after that. */
const BURST_LINES = 1000;
const LINES_PER_SECOND = 100;
const REPORT_INTERVAL_MS = 1000;

export interface WorkerOutputOptions {
  readonly give: (line: string) => void;
  /** Takes secrets out of a text that was cut at its end. */
  readonly scrubHead: (text: string) => string;
}

/**
 * What code prints, as lines of bounded length at a bounded rate. Everything is read at once, so that a `print()` never
 * waits, and what is too much is counted and forgotten. Disposed with the process.
 */
export class WorkerOutput {
  readonly #options: WorkerOutputOptions;
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #cutBytes = 0;
  #allowance = BURST_LINES;
  #refilledAt = performance.now();
  #dropped = 0;
  /** The line that goes on has lost its beginning: without it, nobody could know a secret by its rest. */
  #isSkipping = false;
  #report: NodeJS.Timeout | undefined;

  constructor(stream: Readable, options: WorkerOutputOptions) {
    this.#options = options;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    // A pipe that breaks has ended, which is all there is to know.
    stream.on('error', () => undefined);
  }

  /** Gives what stands in an unfinished line, and how many were dropped. */
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
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      if (!this.#isSkipping) this.#keep(part);
      if (end === -1) return;
      if (this.#isSkipping) this.#endSkipping();
      else this.#endLine({ isWhole: this.#cutBytes === 0 });
      start = end + 1;
    }
  }

  /** Byte by byte: a flood is as cheap as it can be made. */
  #drop(chunk: Buffer, start: number): void {
    for (let index = start; index < chunk.length; index += 1) {
      if (chunk[index] === NEWLINE) this.#dropped += 1;
    }
    this.#isSkipping = chunk.at(-1) !== NEWLINE;
    this.#forgetLine();
    this.#planReport();
  }

  #endSkipping(): void {
    this.#isSkipping = false;
    this.#dropped += 1;
    this.#planReport();
  }

  #planReport(): void {
    this.#report ??= setTimeout(() => this.#reportDropped(), REPORT_INTERVAL_MS);
  }

  #forgetLine(): void {
    this.#begun = [];
    this.#begunBytes = 0;
    this.#cutBytes = 0;
  }

  #keep(part: Buffer): void {
    const room = Math.max(0, MAX_LINE_BYTES - this.#begunBytes);
    // Copied: a part of a chunk would keep all of it.
    if (room > 0 && part.length > 0) this.#begun.push(Buffer.from(part.subarray(0, room)));
    this.#begunBytes += Math.min(part.length, room);
    this.#cutBytes += Math.max(0, part.length - room);
  }

  #endLine({ isWhole }: { readonly isWhole: boolean }): void {
    const bytes = Buffer.concat(this.#begun);
    const text = isWhole ? bytes.toString('utf8') : this.#scrubHead(bytes);
    const cut = this.#cutBytes === 0 ? '' : ` … (${this.#cutBytes} more bytes)`;
    this.#forgetLine();
    this.#allowance -= 1;
    const line = text.replace(/\r$/, '') + cut;
    if (line !== '') this.#options.give(line);
  }

  /** Without the piece of a character at its end, before which the beginning of a secret would not be known. */
  #scrubHead(bytes: Buffer): string {
    return this.#options.scrubHead(new StringDecoder('utf8').write(bytes));
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

  #reportDropped(): void {
    this.#report = undefined;
    if (this.#dropped === 0) return;
    this.#options.give(`(${this.#dropped} lines dropped: more than ${LINES_PER_SECOND} a second)`);
    this.#dropped = 0;
  }
}

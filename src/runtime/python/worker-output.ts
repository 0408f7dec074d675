import type { Readable } from 'node:stream';

const NEWLINE = 10;
const MAX_LINE_BYTES = 8 * 1024;
/** Lines that may come at once, and how many a second after that. */
const BURST_LINES = 1000;
const LINES_PER_SECOND = 100;
const REPORT_INTERVAL_MS = 1000;

/**
 * What code prints, as lines of bounded length at a bounded rate. Everything is read at once, so that a `print()` never
 * waits, and what is too much is counted and forgotten. Disposed with the process.
 */
export class WorkerOutput {
  readonly #give: (line: string) => void;
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #cutBytes = 0;
  #allowance = BURST_LINES;
  #refilledAt = performance.now();
  #dropped = 0;
  #report: NodeJS.Timeout | undefined;

  constructor(stream: Readable, give: (line: string) => void) {
    this.#give = give;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    // A pipe that breaks has ended, which is all there is to know.
    stream.on('error', () => undefined);
  }

  /** Gives what stands in an unfinished line, and how many were dropped. */
  dispose(): void {
    clearTimeout(this.#report);
    if (this.#begunBytes > 0) this.#endLine();
    this.#reportDropped();
  }

  #read(chunk: Buffer): void {
    let start = 0;
    while (start < chunk.length) {
      if (!this.#isAllowed()) return this.#drop(chunk, start);
      const end = chunk.indexOf(NEWLINE, start);
      this.#keep(chunk.subarray(start, end === -1 ? chunk.length : end));
      if (end === -1) return;
      this.#endLine();
      start = end + 1;
    }
  }

  /** Byte by byte: a flood is as cheap as it can be made. */
  #drop(chunk: Buffer, start: number): void {
    for (let index = start; index < chunk.length; index += 1) {
      if (chunk[index] === NEWLINE) this.#dropped += 1;
    }
    this.#begun = [];
    this.#begunBytes = 0;
    this.#cutBytes = 0;
    this.#report ??= setTimeout(() => this.#reportDropped(), REPORT_INTERVAL_MS);
  }

  #keep(part: Buffer): void {
    const room = Math.max(0, MAX_LINE_BYTES - this.#begunBytes);
    // Copied: a part of a chunk would keep all of it.
    if (room > 0 && part.length > 0) this.#begun.push(Buffer.from(part.subarray(0, room)));
    this.#begunBytes += Math.min(part.length, room);
    this.#cutBytes += Math.max(0, part.length - room);
  }

  #endLine(): void {
    const text = Buffer.concat(this.#begun).toString('utf8').replace(/\r$/, '');
    const cut = this.#cutBytes === 0 ? '' : ` … (${this.#cutBytes} more bytes)`;
    this.#begun = [];
    this.#begunBytes = 0;
    this.#cutBytes = 0;
    this.#allowance -= 1;
    if (text !== '') this.#give(text + cut);
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
    this.#give(`(${this.#dropped} lines dropped: more than ${LINES_PER_SECOND} a second)`);
    this.#dropped = 0;
  }
}

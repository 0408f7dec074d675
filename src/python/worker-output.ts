import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const NEWLINE = 10;
const MAX_LINE_BYTES = 8 * 1024;
/** How many lines may come at once, and how many a second after that. */
const BURST_LINES = 1000;
const LINES_PER_SECOND = 100;
const REPORT_INTERVAL_MS = 1000;
/** How many lines may wait for their rest. */
const MAX_WAITING_LINES = 1000;

/** Receives a line without its end, and the job that wrote it, if Python wrote it in one. */
export type OnOutputLine = (text: string, job: number | undefined) => void;

/**
 * Reads what code prints, as lines of bounded length at a bounded rate. It reads everything at once, so that a `print()`
 * never blocks; lines above the rate are counted and dropped. Disposed with the process.
 */
export class OutputReader {
  readonly closed: Promise<void>;
  readonly #onLine: OnOutputLine;
  readonly #scrubHead: (text: string) => string;
  /** What has arrived of the current line of the stream. */
  #current = new PrintedLine();
  /** Lines that Python sends in pieces, by the number that it gave them. */
  readonly #waiting = new Map<string, PrintedLine>();
  #allowance = BURST_LINES;
  #refilledAt = performance.now();
  #dropped = 0;
  /** The beginning of the current line was dropped. The rest is dropped too: a secret in it could not be recognised. */
  #isSkipping = false;
  #report: NodeJS.Timeout | undefined;

  /** `scrubHead` removes secrets from a text that was cut at its end. */
  constructor(stream: Readable, onLine: OnOutputLine, scrubHead: (text: string) => string) {
    this.#onLine = onLine;
    this.#scrubHead = scrubHead;
    this.closed = new Promise((resolve) => stream.once('close', resolve));
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    // A broken pipe has ended, which `closed` reports.
    stream.on('error', () => undefined);
  }

  /** Passes on unfinished lines, and how many lines were dropped. */
  dispose(): void {
    clearTimeout(this.#report);
    if (!this.#current.isEmpty) this.#endCurrent({ isWhole: false });
    for (const line of this.#waiting.values()) this.#pass(line, { isWhole: false });
    this.#waiting.clear();
    this.#reportDropped();
  }

  #read(chunk: Buffer): void {
    let start = 0;
    while (start < chunk.length) {
      if (!this.#isAllowed()) return this.#drop(chunk, start);
      const end = chunk.indexOf(NEWLINE, start);
      if (!this.#isSkipping) this.#current.add(chunk.subarray(start, end === -1 ? chunk.length : end));
      if (end === -1) return;
      if (this.#isSkipping) {
        this.#isSkipping = false;
        this.#dropped += 1;
        this.#planReport();
      } else {
        this.#endCurrent({ isWhole: true });
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
    this.#current = new PrintedLine();
    this.#waiting.clear();
    this.#planReport();
  }

  #planReport(): void {
    this.#report ??= setTimeout(() => this.#reportDropped(), REPORT_INTERVAL_MS);
  }

  #reportDropped(): void {
    this.#report = undefined;
    if (this.#dropped === 0) return;
    this.#onLine(`(${this.#dropped} lines dropped: more than ${LINES_PER_SECOND} a second)`, undefined);
    this.#dropped = 0;
  }

  #endCurrent(state: { readonly isWhole: boolean }): void {
    const line = this.#current;
    this.#current = new PrintedLine();
    const tag = line.takeTag();
    if (tag?.piece === undefined) this.#pass(line, state);
    else this.#join(line, tag.piece);
  }

  /** The rest of a line whose beginning was dropped, and counted, is dropped too. */
  #join(part: PrintedLine, { number, isFirst, isLast }: Piece): void {
    const line = isFirst ? part : this.#waiting.get(number);
    if (line === undefined) return;
    if (!isFirst) line.append(part);
    if (isLast) {
      this.#waiting.delete(number);
      this.#pass(line, { isWhole: true });
      return;
    }
    this.#waiting.set(number, line);
    const [oldest] = this.#waiting;
    if (this.#waiting.size <= MAX_WAITING_LINES || oldest === undefined) return;
    this.#waiting.delete(oldest[0]);
    this.#pass(oldest[1], { isWhole: false });
  }

  #pass(line: PrintedLine, { isWhole }: { readonly isWhole: boolean }): void {
    this.#allowance -= 1;
    const text = line.toText({ isWhole, scrubHead: this.#scrubHead });
    if (text !== '') this.#onLine(text, line.job);
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

/** Which part of which line a text is. */
interface Piece {
  readonly number: string;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

const TAG_BEGIN = 0x1e;
const TAG_END = 0x1f;
const MAX_TAG_BYTES = 40;
/** As `mxcp_worker/output.py` writes it: the job, and for a part of a line, which one it is of which line. */
const TAG = /^(\d{1,15})(?:([(\-)])(\d{1,15}))?$/;

/** What has arrived of a line, up to the length that is logged. */
class PrintedLine {
  /** Undefined when the line has no tag, or the one of code that belongs to no job. */
  job: number | undefined;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #cutBytes = 0;

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(part: Buffer): void {
    const kept = Math.min(part.length, MAX_LINE_BYTES - this.#bytes);
    // Copied, because a part of a chunk would keep the whole chunk in memory.
    if (kept > 0) this.#parts.push(Buffer.from(part.subarray(0, kept)));
    this.#bytes += kept;
    this.#cutBytes += part.length - kept;
  }

  append(line: PrintedLine): void {
    for (const part of line.#parts) this.add(part);
    this.#cutBytes += line.#cutBytes;
  }

  /** Removes the tag from the beginning. Undefined when there is none: the line was not written by Python. */
  takeTag(): { readonly piece: Piece | undefined } | undefined {
    if (this.#parts[0]?.[0] !== TAG_BEGIN) return undefined;
    const bytes = this.#joined();
    const end = bytes.subarray(0, MAX_TAG_BYTES).indexOf(TAG_END);
    const [, job, kind, number] = TAG.exec(bytes.toString('latin1', 1, Math.max(1, end))) ?? [];
    if (job === undefined) return undefined;
    this.#parts[0] = bytes.subarray(end + 1);
    this.#bytes -= end + 1;
    this.job = Number(job) || undefined;
    return { piece: number === undefined ? undefined : { number, isFirst: kind === '(', isLast: kind === ')' } };
  }

  /** A piece of a character at the end is left out; after it, the beginning of a secret would not be recognised. */
  toText({ isWhole, scrubHead }: { readonly isWhole: boolean; readonly scrubHead: (text: string) => string }): string {
    const bytes = this.#joined();
    const isCut = !isWhole || this.#cutBytes > 0;
    const text = isCut ? scrubHead(new StringDecoder('utf8').write(bytes)) : bytes.toString('utf8');
    return text.replace(/\r$/, '') + (this.#cutBytes === 0 ? '' : ` … (${this.#cutBytes} more bytes)`);
  }

  #joined(): Buffer {
    const [first, ...others] = this.#parts;
    if (first !== undefined && others.length === 0) return first;
    const bytes = Buffer.concat(this.#parts);
    this.#parts.splice(0, this.#parts.length, bytes);
    return bytes;
  }
}

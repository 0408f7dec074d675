import { clip } from '../errors/index.js';
import type { Scrubber } from '../logging/index.js';
import type { LoggedLine, ServerObserver } from './observers.js';

const MAX_LINES = 1000;
const MAX_CHARACTERS = 512 * 1024;
/** A longer line is cut, or one could push out all others. */
const MAX_LINE = 8 * 1024;

/**
 * The last lines of the log, in memory, for operators who cannot read where it is written. It never holds more than half a
 * million characters.
 */
export class RecentLines implements ServerObserver {
  readonly #lines: string[] = [];
  #characters = 0;
  /** Lines that had to make room. */
  #leftOut = 0;
  readonly #scrubber: Scrubber;

  constructor(scrubber: Scrubber) {
    this.#scrubber = scrubber;
  }

  lineLogged({ text }: LoggedLine): void {
    const line = clip(text.trimEnd(), MAX_LINE);
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#lines.length > MAX_LINES || this.#characters > MAX_CHARACTERS) {
      this.#characters -= this.#lines.shift()?.length ?? 0;
      this.#leftOut += 1;
    }
  }

  /** The last `count` lines, the oldest first, and how many were written before them. */
  last(count: number): { readonly lines: readonly string[]; readonly leftOut: number } {
    // Again, because a value may have become a secret after the line was written.
    const lines = this.#lines.slice(-count).map((line) => this.#scrubber.scrub(line));
    return { lines, leftOut: this.#leftOut + this.#lines.length - lines.length };
  }
}

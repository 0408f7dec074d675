import { SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import type { TextLines } from './text-lines.js';

/** Between a value and the next `-`: what opens or closes the value, and comments. */
const BEFORE_DASH = /[\s[\]{},:?"']*(?:#.*\s*)*/y;
/** What a block begins with, to the end of its line. */
const BLOCK_HEADER = /[|>][-+\d]*(?:[ \t]+#.*|[ \t]*)[\r\n]*$/;

/** Finds out where things stand for which the parser's events have no place of their own, or another one. */
export class YamlPlaces {
  readonly #lines: TextLines;
  /** Where the last thing that has a place ends, or at least begins. */
  #reached = 0;

  constructor(lines: TextLines) {
    this.#lines = lines;
  }

  /** Whatever comes next stands behind this offset. */
  reach(offset: number): void {
    this.#reached = offset;
  }

  /** The quote, the `|` or the `>` with which a written value begins. */
  startOf({ style, valueStart }: ScalarEvent): number {
    if (style === SCALAR_STYLE.PLAIN) return valueStart;
    if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED) return valueStart - 1;
    // The text of a block may be empty and end with the file: then its header is the last line.
    const lineStart = this.#lines.startOfLine(valueStart - 1);
    return lineStart + this.#lines.text.slice(lineStart, valueStart).search(BLOCK_HEADER);
  }

  /** The `-` of an item that is empty. */
  findDash(): number {
    BEFORE_DASH.lastIndex = this.#reached;
    BEFORE_DASH.test(this.#lines.text);
    const dash = BEFORE_DASH.lastIndex;
    this.#reached = dash + 1;
    return dash;
  }

  findSecondDocument(): number {
    const rest = this.#lines.text.slice(this.#reached);
    return this.#reached + Math.max(0, rest.search(/^(?:---|\.\.\.)/m));
  }
}

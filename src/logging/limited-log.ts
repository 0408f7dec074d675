import type { Logger } from './logger.js';

export type LimitedLevel = 'info' | 'warn' | 'error';

/** How many lines one subject may write in a minute, and all subjects together. */
const WINDOW_MS = 60_000;
const MAX_LINES_OF_ONE_SUBJECT = 10;
const MAX_LINES = 100;
/** How many lines at the end of a minute say what was left out. */
const MAX_SUMMARY_LINES = 20;

interface Subject {
  readonly level: LimitedLevel;
  lines: number;
  leftOut: number;
}

/**
 * Writes lines that people outside can cause. A client in a loop cannot fill the disk: lines are limited, and at the end of a
 * minute a line says how many of a subject were left out. Its owner disposes it, which writes that line early.
 */
export class LimitedLog {
  readonly #logger: Logger;
  readonly #onLeftOut: () => void;
  /** Empty between two windows. The number of subjects must be limited by those who write. */
  readonly #subjects = new Map<string, Subject>();
  #lines = 0;
  #windowEnd: NodeJS.Timeout | undefined;

  /** `onLeftOut` is called for each line that is not written. */
  constructor(logger: Logger, onLeftOut: () => void = () => {}) {
    this.#logger = logger;
    this.#onLeftOut = onLeftOut;
  }

  /** `subject` is a plural, to be counted: `failed calls of tool "x"`. `line` is called only for a line that is written. */
  write(level: LimitedLevel, subject: string, line: () => readonly [fields: object, text: string]): void {
    this.#windowEnd ??= setTimeout(() => this.#endWindow(), WINDOW_MS).unref();
    const counted = this.#subjects.get(subject) ?? { level, lines: 0, leftOut: 0 };
    this.#subjects.set(subject, counted);
    if (counted.lines >= MAX_LINES_OF_ONE_SUBJECT || this.#lines >= MAX_LINES) {
      counted.leftOut += 1;
      this.#onLeftOut();
      return;
    }
    counted.lines += 1;
    this.#lines += 1;
    this.#logger[level](...line());
  }

  dispose(): void {
    if (this.#windowEnd !== undefined) this.#endWindow();
  }

  #endWindow(): void {
    clearTimeout(this.#windowEnd);
    this.#windowEnd = undefined;
    const repeated = [...this.#subjects].filter(([, { leftOut }]) => leftOut > 0);
    repeated.sort(([, a], [, b]) => b.leftOut - a.leftOut);
    for (const [subject, { level, leftOut }] of repeated.slice(0, MAX_SUMMARY_LINES))
      this.#logger[level]({ left_out: leftOut }, `${leftOut} more ${subject} in the last minute, not logged`);
    const others = repeated.slice(MAX_SUMMARY_LINES).reduce((sum, [, { leftOut }]) => sum + leftOut, 0);
    if (others > 0) this.#logger.warn({ left_out: others }, `${others} more lines in the last minute, not logged`);
    this.#subjects.clear();
    this.#lines = 0;
  }
}

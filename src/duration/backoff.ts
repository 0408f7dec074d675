export interface BackoffLimits {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** How long to wait after each failure in a row: twice as long every time, up to a limit. */
export class Backoff {
  readonly #limits: BackoffLimits;
  #failures = 0;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and answers with the wait that follows it. */
  next(): number {
    const { firstMs, longestMs } = this.#limits;
    // Bounded before it is multiplied: a power of two beyond a thousand is infinite.
    const doubled = firstMs * 2 ** Math.min(this.#failures, 30);
    this.#failures += 1;
    return withJitter(Math.min(doubled, longestMs));
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** A tenth more or less, so that many servers with one clock do not all ask at the same moment. */
export function withJitter(durationMs: number): number {
  return Math.round(durationMs * (0.9 + Math.random() * 0.2));
}

const WINDOW_MS = 60_000;

/** Allows a number of events in each minute. */
export class RateWindow {
  readonly #limit: number;
  readonly #now: () => number;
  #startedAt = -Infinity;
  #taken = 0;

  constructor(limit: number, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  take(): boolean {
    if (this.#now() - this.#startedAt >= WINDOW_MS) {
      this.#startedAt = this.#now();
      this.#taken = 0;
    }
    if (this.#taken >= this.#limit) return false;
    this.#taken += 1;
    return true;
  }
}

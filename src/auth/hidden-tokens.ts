import type { Scrubber } from '../logging/index.js';

interface HiddenToken {
  readonly forget: () => void;
  holders: number;
  unusedSince: number;
}

/** A token of a caller who calls again soon is not forgotten in between: to learn a new one costs a scan of all that are known. */
const KEPT_MS = 60_000;
/** Of tokens that no request uses. */
const MAX_UNUSED = 500;

/**
 * Keeps tokens with which callers reach other services out of errors and log lines: code gets them, and a failure may quote them.
 */
export class HiddenTokens {
  readonly #scrubber: Pick<Scrubber, 'register'>;
  readonly #now: () => number;
  /** The one that was used last comes last. */
  readonly #tokens = new Map<string, HiddenToken>();
  #timer: NodeJS.Timeout | undefined;

  constructor(scrubber: Pick<Scrubber, 'register'>, now = () => performance.now()) {
    this.#scrubber = scrubber;
    this.#now = now;
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** From now on until some time after the returned function was called. */
  hold(token: string): () => void {
    const known = this.#tokens.get(token) ?? { forget: this.#scrubber.register([token]), holders: 0, unusedSince: 0 };
    known.holders += 1;
    this.#moveToEnd(token, known);
    this.#timer ??= setInterval(() => this.#forgetUnused(), KEPT_MS / 2).unref();
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      known.holders -= 1;
      known.unusedSince = this.#now();
      this.#moveToEnd(token, known);
      if (this.#tokens.size > MAX_UNUSED) this.#forgetOldest();
    };
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const [token, known] of this.#tokens) this.#forget(token, known);
  }

  #moveToEnd(token: string, known: HiddenToken): void {
    this.#tokens.delete(token);
    this.#tokens.set(token, known);
  }

  #forgetUnused(): void {
    const before = this.#now() - KEPT_MS;
    for (const [token, known] of this.#tokens)
      if (known.holders === 0 && known.unusedSince <= before) this.#forget(token, known);
    if (this.#tokens.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #forgetOldest(): void {
    for (const [token, known] of this.#tokens) if (known.holders === 0) return this.#forget(token, known);
  }

  #forget(token: string, { forget }: HiddenToken): void {
    this.#tokens.delete(token);
    forget();
  }
}

import type { Lease } from './generation.js';
import type { LeaseHolder } from './lease-book.js';

interface HeldCall {
  readonly goOn: () => void;
}

interface HoldParts<T> {
  /** Ends the hold: from then on nobody is held any more. */
  readonly end: () => void;
  readonly acquire: (holder: LeaseHolder) => Lease<T>;
}

/**
 * A time in which new calls wait, because nothing may run. A call that waits still ends when its caller goes away or its
 * time is over. Whoever began it releases it.
 */
export class Hold<T> {
  readonly #parts: HoldParts<T>;
  readonly #startedAt = performance.now();
  readonly #held = new Set<HeldCall>();
  #heldMs: number | undefined;
  #requestsHeld = 0;

  constructor(parts: HoldParts<T>) {
    this.#parts = parts;
  }

  /** Until now, or until it was released. */
  get heldMs(): number {
    return this.#heldMs ?? performance.now() - this.#startedAt;
  }

  /** All that had to wait, also those that did not see its end. */
  get requestsHeld(): number {
    return this.#requestsHeld;
  }

  /** Resolves with a lease when the hold is released. Throws the signal's reason when that aborts first. */
  async wait(holder: LeaseHolder, signal?: AbortSignal): Promise<Lease<T>> {
    signal?.throwIfAborted();
    this.#requestsHeld += 1;
    return new Promise((resolve, reject) => {
      const call: HeldCall = {
        goOn: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve(this.#parts.acquire(holder));
        },
      };
      const giveUp = (): void => {
        this.#held.delete(call);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#held.add(call);
    });
  }

  /**
   * Gives every call that waits its lease, in the order in which they came and before it returns, so that nobody is held
   * twice in a row. Idempotent.
   */
  release(): void {
    if (this.#heldMs !== undefined) return;
    this.#heldMs = this.heldMs;
    this.#parts.end();
    for (const call of this.#held) call.goOn();
    this.#held.clear();
  }
}

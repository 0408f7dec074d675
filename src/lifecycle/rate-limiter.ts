/** As many calls at once, after a pause, as in any longer time on average. */
export interface RateLimit {
  readonly calls: number;
  readonly perMs: number;
}

/** One limit that applies to a call, and whose calls it counts together. */
export interface CountedLimit {
  /** Names the limit. Limits of different names count separately. */
  readonly name: string;
  readonly key: string;
  readonly limit: RateLimit;
}

interface Refusal<Counted extends CountedLimit> {
  readonly counted: Counted;
  readonly retryAfterMs: number;
}

/** Keys of one limit, and of all. Further ones are counted together until others are forgotten. */
const MAX_KEYS_OF_ONE_LIMIT = 10_000;
const MAX_KEYS = 100_000;
/** How many of the oldest keys are looked at to make room for a new one. */
const FORGOTTEN_AT_ONCE = 8;
const SWEEP_EVERY_MS = 1000;
/** No key of a caller is empty, unless all calls are counted together. */
const OTHERS = '';

/**
 * Counts calls against limits. A limit is a bucket that holds as many calls as it allows and fills at an even rate. Of each bucket only
 * the time at which it will be full is kept, so a bucket that is full need not be kept at all. The owner keeps it as long as the
 * process: what a caller has used is not forgiven by a reload.
 */
export class RateLimiter {
  readonly #maxKeysOfOneLimit: number;
  readonly #maxKeys: number;
  /** When each bucket is full, by limit and key. The key that was used least recently comes first. */
  readonly #fullAt = new Map<string, Map<string, number>>();
  #size = 0;
  #sweptAt = -Infinity;

  constructor({ maxKeysOfOneLimit = MAX_KEYS_OF_ONE_LIMIT, maxKeys = MAX_KEYS } = {}) {
    this.#maxKeysOfOneLimit = maxKeysOfOneLimit;
    this.#maxKeys = maxKeys;
  }

  /** Keys that are remembered, except the one of each limit that further ones share. */
  get size(): number {
    return this.#size;
  }

  /** Counts a call against all of its limits, or, if one of them refuses it, against none. Returns the one that refuses for the longest time. */
  take<Counted extends CountedLimit>(
    limits: readonly Counted[],
    now: number = performance.now(),
  ): Refusal<Counted> | undefined {
    const uses = limits.map((counted) => this.#use(counted, now));
    const refused = uses.filter(({ retryAfterMs }) => retryAfterMs > 0);
    const [worst] = refused.sort((a, b) => b.retryAfterMs - a.retryAfterMs);
    if (worst !== undefined) return worst;
    for (const { table, key, fullAt } of uses) {
      table.delete(key);
      table.set(key, fullAt);
    }
    return undefined;
  }

  /** For how long a call would be refused; 0 if it would not be. Counts nothing and remembers no key. */
  waitMs({ name, key, limit }: CountedLimit, now: number = performance.now()): number {
    const table = this.#fullAt.get(name);
    const isShared = table?.has(key) === false && table.size >= this.#maxKeysOfOneLimit;
    const fullAt = table?.get(isShared ? OTHERS : key) ?? now;
    return toWait(fullAt + limit.perMs / limit.calls - now - limit.perMs);
  }

  /** What the call does to one bucket. */
  #use<Counted extends CountedLimit>(counted: Counted, now: number) {
    const { name, limit } = counted;
    const table = this.#fullAt.get(name) ?? new Map<string, number>();
    this.#fullAt.set(name, table);
    const key = this.#keyFor(counted.key, table, now);
    const msPerCall = limit.perMs / limit.calls;
    const kept = table.get(key) ?? now;
    // A reload has changed the limit: no bucket is emptier than empty.
    if (kept > now + limit.perMs) table.set(key, now + limit.perMs);
    const before = Math.min(Math.max(kept, now), now + limit.perMs);
    const fullAt = before + msPerCall;
    const retryAfterMs = toWait(fullAt - now - limit.perMs);
    return { counted, table, key, fullAt, retryAfterMs };
  }

  /** Makes room for a new key. Where there is none, it shares the bucket of all others, so that no flood of keys resets a bucket. */
  #keyFor(key: string, table: Map<string, number>, now: number): string {
    if (key === OTHERS || table.has(key)) return key;
    this.#forgetFull(table, now, FORGOTTEN_AT_ONCE);
    if (this.#size >= this.#maxKeys) this.#sweep(now);
    if (table.size >= this.#maxKeysOfOneLimit || this.#size >= this.#maxKeys) return OTHERS;
    table.set(key, now);
    this.#size += 1;
    return key;
  }

  /** Looks at all limits, also at those that no endpoint has any more. */
  #sweep(now: number): void {
    if (now < this.#sweptAt + SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    for (const table of this.#fullAt.values()) this.#forgetFull(table, now, table.size);
  }

  #forgetFull(table: Map<string, number>, now: number, most: number): void {
    let left = most;
    for (const [key, fullAt] of table) {
      if (left === 0) return;
      left -= 1;
      if (fullAt > now) continue;
      table.delete(key);
      if (key !== OTHERS) this.#size -= 1;
    }
  }
}

/** A part of a nanosecond is the error of the sums. */
function toWait(ms: number): number {
  return ms > 1e-6 ? ms : 0;
}

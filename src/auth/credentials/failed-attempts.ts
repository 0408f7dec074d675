import { networkOf } from '../../http/index.js';
import { type RateLimit, RateLimiter } from '../../lifecycle/index.js';

/** What one network may get wrong. */
const LIMIT: RateLimit = { calls: 60, perMs: 60_000 };

/**
 * Counts what was refused by the network that sent it: an address of IPv4, or 64 bits of IPv6. Only failures count, and good
 * credentials are taken from any network, so no neighbour locks a caller out. Lives as long as the process; its memory is limited.
 */
export class FailedAttempts {
  readonly #limiter = new RateLimiter();
  readonly #now: () => number;

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** Counts a failure, and returns what to refuse with instead where the network has too many. */
  count(client: string | undefined): TooManyFailures | undefined {
    const refused = this.#limiter.take([counted(client)], this.#now());
    return refused === undefined ? undefined : new TooManyFailures(refused.retryAfterMs);
  }

  /** Before something that costs more than a look at what is in memory. Throws `TooManyFailures`. */
  assertFew(client: string | undefined): void {
    const waitMs = this.#limiter.waitMs(counted(client), this.#now());
    if (waitMs > 0) throw new TooManyFailures(waitMs);
  }
}

function counted(client: string | undefined) {
  return { name: 'failures', key: networkOf(client), limit: LIMIT };
}

/** The network of the sender has got too much wrong. */
export class TooManyFailures extends Error {
  override readonly name = 'TooManyFailures';
  readonly retryAfterSeconds: number;

  constructor(waitMs: number) {
    const seconds = Math.ceil(waitMs / 1000);
    super(`too many requests from this network were refused; try again in ${seconds} s`);
    this.retryAfterSeconds = seconds;
  }
}

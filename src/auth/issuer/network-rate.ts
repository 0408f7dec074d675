import { networkOf } from '../../http/index.js';
import { RateLimiter } from '../../lifecycle/index.js';

const WINDOW_MS = 60_000;

/** Allows a number of events in each minute, and fewer of one network, so that no client uses up what is there for all. */
export class NetworkRate {
  readonly #limits: { readonly ofAll: number; readonly ofNetwork: number };
  readonly #now: () => number;
  readonly #limiter = new RateLimiter();

  constructor(limits: { readonly ofAll: number; readonly ofNetwork: number }, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Whether another one is allowed, which then counts. `from` is the address that it comes from. */
  take(from: string | undefined): boolean {
    const { ofAll, ofNetwork } = this.#limits;
    const all = { name: 'all', key: '', limit: { calls: ofAll, perMs: WINDOW_MS } };
    const network = { name: 'network', key: networkOf(from), limit: { calls: ofNetwork, perMs: WINDOW_MS } };
    return this.#limiter.take([all, network], this.#now()) === undefined;
  }
}

import { setImmediate } from 'node:timers/promises';

/** How long one piece of synchronous work may keep the event loop, in milliseconds: probes wait no longer than this. */
const SLICE_MS = 3;

/**
 * Lets long synchronous work share the event loop: ask `isSpent` between small pieces and `renew()` when it says so, or
 * just await `spend()`.
 */
export class EventLoopBudget {
  #sliceStart = performance.now();

  get isSpent(): boolean {
    return performance.now() - this.#sliceStart >= SLICE_MS;
  }

  /** Lets everything else that is ready run first. */
  async renew(): Promise<void> {
    await setImmediate();
    this.#sliceStart = performance.now();
  }

  async spend(): Promise<void> {
    if (this.isSpent) await this.renew();
  }
}

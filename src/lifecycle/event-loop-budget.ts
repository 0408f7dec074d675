import { setImmediate } from 'node:timers/promises';

/** How long one piece of synchronous work may keep the event loop, in milliseconds: probes wait no longer than this. */
const SLICE_MS = 3;

/**
 * Lets long synchronous work share the event loop: call `spend()` between small pieces, and it yields once the slice is
 * used up.
 */
export class EventLoopBudget {
  #sliceStart = performance.now();

  async spend(): Promise<void> {
    if (performance.now() - this.#sliceStart < SLICE_MS) return;
    await setImmediate();
    this.#sliceStart = performance.now();
  }
}

import type { ListChanges } from './listings.js';

/** How long clients hear nothing more about lists after a notice. */
const QUIET_MS = 500;

/**
 * Notifies clients that lists changed, at most twice a second: the first change at once, all that follow soon after it as one. A client
 * reads a list again for each notice, so a burst of reloads would cost each of them as many lists. A notice that still waits when the
 * process ends is dropped.
 */
export class ListNotices {
  readonly #send: (changes: ListChanges) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #quietUntil = -Infinity;
  #waiting: ListChanges | undefined;

  constructor(send: (changes: ListChanges) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#send = send;
    this.#onFailure = onFailure;
  }

  announce(changes: ListChanges): void {
    const waitMs = this.#quietUntil - performance.now();
    if (this.#waiting !== undefined) this.#waiting = union(this.#waiting, changes);
    else if (waitMs <= 0) this.#notify(changes);
    else {
      this.#waiting = changes;
      setTimeout(() => this.#notifyWaiting(), waitMs).unref();
    }
  }

  #notifyWaiting(): void {
    const changes = this.#waiting;
    this.#waiting = undefined;
    if (changes !== undefined) this.#notify(changes);
  }

  #notify(changes: ListChanges): void {
    this.#quietUntil = performance.now() + QUIET_MS;
    this.#send(changes).catch(this.#onFailure);
  }
}

function union(one: ListChanges, other: ListChanges): ListChanges {
  const either = (list: keyof ListChanges): boolean => one[list] === true || other[list] === true;
  return { tools: either('tools'), resources: either('resources'), prompts: either('prompts') };
}

/** How long a call runs before it counts as a long one. */
const LONG_AFTER_MS = 1_000;

/** A call that runs, in the gate's slot or in this lane. */
interface WatchedCall {
  /** Gives the gate's slot back. */
  readonly leaveSlot: () => void;
}

/**
 * Where calls go that run longer than a second, so that their slots serve the quick ones. It has a fixed number of
 * places; while all are taken, a long call keeps its slot until one is free.
 */
export class LongCallLane {
  readonly #places: number;
  readonly #inside = new Set<WatchedCall>();
  /** Long calls that still hold a slot, the longest-running first. */
  readonly #overdue = new Set<WatchedCall>();

  constructor(places: number) {
    this.#places = places;
  }

  get size(): number {
    return this.#inside.size;
  }

  /** Watches a call that has just got its slot. The result ends it, wherever it is by then; idempotent. */
  watch(leaveSlot: () => void): () => void {
    const call: WatchedCall = { leaveSlot };
    const timer = setTimeout(() => this.#becomeLong(call), LONG_AFTER_MS).unref();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      this.#end(call);
    };
  }

  #becomeLong(call: WatchedCall): void {
    if (this.#inside.size < this.#places) this.#enter(call);
    else this.#overdue.add(call);
  }

  #enter(call: WatchedCall): void {
    this.#overdue.delete(call);
    this.#inside.add(call);
    call.leaveSlot();
  }

  #end(call: WatchedCall): void {
    this.#overdue.delete(call);
    if (!this.#inside.delete(call)) {
      call.leaveSlot();
      return;
    }
    const [next] = this.#overdue;
    if (next !== undefined) this.#enter(next);
  }
}

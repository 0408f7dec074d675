import { MxcpError } from '../errors/index.js';

/** When a client that was refused because the server is busy should try again. */
const RETRY_AFTER_SECONDS = 1;

export interface CallGateOptions {
  /**
   * How many calls run at once, and how many long ones beside them. Twice this stays below the size of the thread pool,
   * which file reads share.
   */
  readonly maxConcurrentCalls: number;
  /** How many calls may wait. One more is refused with `server_busy`. */
  readonly maxQueuedCalls: number;
}

/** Gives the slot back. Idempotent. */
export type ReleaseSlot = () => void;

/** Gives a slot to a waiting call. */
type Admit = () => void;

/**
 * Decides which call runs next. Slots go round-robin over endpoints and first-come-first-served within one, and no
 * endpoint may hold more than three quarters of them. A call that runs long moves to the long-call queue and gives its
 * slot to the next call, so slow queries delay quick calls neither of other endpoints nor of the same one.
 */
export class CallGate {
  readonly #slots: number;
  readonly #slotsPerKey: number;
  readonly #maxQueued: number;
  readonly #running = new Map<string, number>();
  /** Waiting calls by key. The order of the keys is the order of turns: a key that got a slot moves to the end. */
  readonly #waiting = new Map<string, Set<Admit>>();
  readonly #longCalls: LongCallQueue;
  #active = 0;
  #queued = 0;

  constructor({ maxConcurrentCalls, maxQueuedCalls }: CallGateOptions) {
    this.#slots = Math.max(1, maxConcurrentCalls);
    this.#slotsPerKey = Math.max(1, Math.floor((this.#slots * 3) / 4));
    this.#maxQueued = maxQueuedCalls;
    this.#longCalls = new LongCallQueue(this.#slots);
  }

  /** Calls that run, long ones included. */
  get activeCalls(): number {
    return this.#active + this.#longCalls.size;
  }

  get queuedCalls(): number {
    return this.#queued;
  }

  /** What runs and waits, and how much of both is allowed. */
  get load(): CallGateOptions & { readonly running: number; readonly queued: number } {
    const { activeCalls: running, queuedCalls: queued } = this;
    return { running, queued, maxConcurrentCalls: this.#slots, maxQueuedCalls: this.#maxQueued };
  }

  /**
   * Resolves when the call may run. Throws `server_busy` when the queue is full, and the signal's reason when it aborts
   * before the call's turn came; either way nothing is held.
   */
  async acquire(key: string, signal: AbortSignal): Promise<ReleaseSlot> {
    signal.throwIfAborted();
    if (this.#hasRoomFor(key) && !this.#waiting.has(key)) this.#start(key);
    else await this.#waitForTurn(key, signal);
    return this.#longCalls.watch(() => this.#finish(key));
  }

  #waitForTurn(key: string, signal: AbortSignal): Promise<void> {
    if (this.#queued >= this.#maxQueued) {
      const message = `the server is busy: ${this.activeCalls} calls run and ${this.#queued} wait; try again`;
      throw new MxcpError('server_busy', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#remove(key, admit);
        reject(signal.reason);
      };
      const admit = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#add(key, admit);
    });
  }

  #add(key: string, admit: Admit): void {
    const waiters = this.#waiting.get(key);
    if (waiters === undefined) this.#waiting.set(key, new Set([admit]));
    else waiters.add(admit);
    this.#queued += 1;
  }

  #remove(key: string, admit: Admit): void {
    const waiters = this.#waiting.get(key);
    if (waiters?.delete(admit) !== true) return;
    this.#queued -= 1;
    if (waiters.size === 0) this.#waiting.delete(key);
  }

  #hasRoomFor(key: string): boolean {
    return this.#active < this.#slots && (this.#running.get(key) ?? 0) < this.#slotsPerKey;
  }

  #start(key: string): void {
    this.#active += 1;
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
  }

  #finish(key: string): void {
    this.#active -= 1;
    const left = (this.#running.get(key) ?? 1) - 1;
    if (left === 0) this.#running.delete(key);
    else this.#running.set(key, left);
    this.#admitNext();
  }

  /** A free slot admits at most one call. Keys that hold all the slots they may are skipped. */
  #admitNext(): void {
    for (const [key, waiters] of this.#waiting) {
      const [first] = waiters;
      if (first === undefined || !this.#hasRoomFor(key)) continue;
      this.#remove(key, first);
      this.#moveToEnd(key);
      this.#start(key);
      first();
      return;
    }
  }

  #moveToEnd(key: string): void {
    const waiters = this.#waiting.get(key);
    if (waiters === undefined) return;
    this.#waiting.delete(key);
    this.#waiting.set(key, waiters);
  }
}

/** How long a call runs before it counts as long. */
const LONG_AFTER_MS = 1_000;

/**
 * Takes over calls that run longer than a second, so that their slots are free for quick ones. It has a fixed number of
 * places; while all are taken, a long call keeps its slot until a place is free.
 */
class LongCallQueue {
  readonly #places: number;
  /** Calls that have left their slots, each by the function with which it did. */
  readonly #inside = new Set<() => void>();
  /** Long calls that still hold a slot, the longest-running first. */
  readonly #overdue = new Set<() => void>();

  constructor(places: number) {
    this.#places = places;
  }

  get size(): number {
    return this.#inside.size;
  }

  /** Watches a call that has just got its slot; `leaveSlot` must be its own. The result ends the call, in its slot or in the queue; idempotent. */
  watch(leaveSlot: () => void): () => void {
    const timer = setTimeout(() => {
      this.#overdue.add(leaveSlot);
      this.#fill();
    }, LONG_AFTER_MS).unref();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      this.#overdue.delete(leaveSlot);
      if (this.#inside.delete(leaveSlot)) this.#fill();
      else leaveSlot();
    };
  }

  #fill(): void {
    const [leaveSlot] = this.#overdue;
    if (leaveSlot === undefined || this.#inside.size >= this.#places) return;
    this.#overdue.delete(leaveSlot);
    this.#inside.add(leaveSlot);
    leaveSlot();
  }
}

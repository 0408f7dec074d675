import type { Disposable } from './disposer.js';

/** Who asks for a lease. */
export interface LeaseHolder {
  /** For people who want to know what a reload waits for, e.g. `tool "sales"`. */
  readonly label: string;
  /** Ends the work early, because the generation is to be freed; the lease is released when the work has ended. */
  readonly interrupt: () => void;
}

/** A lease as one sees it who waits for its end. */
export interface LeaseInUse extends LeaseHolder {
  readonly since: Date;
}

interface Waiter {
  readonly pending: Set<LeaseInUse>;
  readonly resolve: () => void;
}

/** All leases on one generation that were given and not released. */
export class LeaseBook {
  /** In the order in which they were given. */
  readonly #inUse = new Set<LeaseInUse>();
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#inUse.size;
  }

  /** The oldest first. */
  list(): readonly LeaseInUse[] {
    return [...this.#inUse];
  }

  /** Returns what releases the lease; idempotent. */
  enter({ label, interrupt }: LeaseHolder): () => void {
    const lease: LeaseInUse = { label, interrupt, since: new Date() };
    this.#inUse.add(lease);
    return () => this.#leave(lease);
  }

  /** Resolves when all that is in use now has been released. Throws the signal's reason when that aborts first. */
  async ended(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#inUse.size === 0) return;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        pending: new Set(this.#inUse),
        resolve: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiters.add(waiter);
    });
  }

  #leave(lease: LeaseInUse): void {
    if (!this.#inUse.delete(lease)) return;
    for (const waiter of this.#waiters) {
      waiter.pending.delete(lease);
      if (waiter.pending.size > 0) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}

/** A call's hold on a generation. The generation is not disposed before every lease on it was released. */
export interface Lease<T> {
  readonly generation: Generation<T>;
  readonly contents: T;
  /** Idempotent. */
  release(): void;
}

/**
 * One immutable set of everything a call needs, with a list of the calls that use it. Life: built, serving (leases are
 * given), retired (no new ones), drained (none left), disposed.
 */
export class Generation<T> implements Disposable {
  readonly number: number;
  readonly contents: T;
  readonly #disposeContents: () => Promise<void>;
  readonly #leases = new LeaseBook();
  #retired = false;
  #disposed: Promise<void> | undefined;

  constructor(number: number, contents: T, disposeContents: () => Promise<void>) {
    this.number = number;
    this.contents = contents;
    this.#disposeContents = disposeContents;
  }

  get activeLeases(): number {
    return this.#leases.size;
  }

  /** The oldest first. */
  get leases(): readonly LeaseInUse[] {
    return this.#leases.list();
  }

  acquire(holder: LeaseHolder): Lease<T> {
    if (this.#retired) throw new Error(`generation ${this.number} is retired`);
    const release = this.#leases.enter(holder);
    return { generation: this, contents: this.contents, release };
  }

  retire(): void {
    this.#retired = true;
  }

  /**
   * Resolves when every lease that is held now was released; one given later is not waited for. So when it is retired it
   * is drained then. Throws the signal's reason.
   */
  leasesEnded(signal?: AbortSignal): Promise<void> {
    return this.#leases.ended(signal);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#disposeContents();
    return this.#disposed;
  }
}

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

/**
 * The one mutable pointer of the program: which generation serves. It also knows the generations that served before and
 * still have calls, and can hold new calls for as long as nothing may run.
 */
export class ActiveGeneration<T> {
  #current: Generation<T>;
  #hold: Hold<T> | undefined;
  /** Retired, and still leased. */
  readonly #earlier = new Set<Generation<T>>();

  constructor(first: Generation<T>) {
    this.#current = first;
  }

  get current(): Generation<T> {
    return this.#current;
  }

  /** All leases on the current generation and on those before it, the oldest generation first. */
  get leases(): readonly LeaseInUse[] {
    return [...this.#earlier, this.#current].flatMap(({ leases }) => leases);
  }

  /** Waits while calls are held. Throws the signal's reason when that aborts first; nothing is leased then. */
  async acquire(holder: LeaseHolder, signal?: AbortSignal): Promise<Lease<T>> {
    return this.#hold === undefined ? this.#current.acquire(holder) : this.#hold.wait(holder, signal);
  }

  /** For those who would rather go without than wait: undefined while calls are held. */
  tryAcquire(holder: LeaseHolder): Lease<T> | undefined {
    return this.#hold === undefined ? this.#current.acquire(holder) : undefined;
  }

  /** Resolves when every lease that is held now, on whichever generation, was released. Throws the signal's reason. */
  async leasesEnded(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.#earlier, this.#current].map((each) => each.leasesEnded(signal)));
  }

  /** From now on whoever asks for a lease waits until the hold is released. One at a time; its owner releases it. */
  hold(): Hold<T> {
    if (this.#hold !== undefined) throw new Error('calls are held already');
    this.#hold = new Hold<T>({
      end: () => (this.#hold = undefined),
      acquire: (holder) => this.#current.acquire(holder),
    });
    return this.#hold;
  }

  /**
   * The commit point of a reload. Synchronous on purpose: an await between the assignment and the retirement would let a
   * call lease a generation that is already being drained. Returns the old generation, which the caller drains and
   * disposes.
   */
  swap(next: Generation<T>): Generation<T> {
    const previous = this.#current;
    this.#current = next;
    previous.retire();
    if (previous.activeLeases > 0) {
      this.#earlier.add(previous);
      // Without a signal it never throws.
      void previous.leasesEnded().then(() => this.#earlier.delete(previous));
    }
    return previous;
  }
}

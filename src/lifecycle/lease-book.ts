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

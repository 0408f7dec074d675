import type { Generation, Lease } from './generation.js';
import { Hold } from './hold.js';
import type { LeaseHolder, LeaseInUse } from './lease-book.js';

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

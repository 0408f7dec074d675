import type { Disposable } from './disposer.js';
import { LeaseBook, type LeaseHolder, type LeaseInUse } from './lease-book.js';

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

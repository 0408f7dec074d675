import type { Disposable } from './disposer.js';

/** A call's hold on a generation. The generation is not disposed before every lease on it was released. */
export interface Lease<T> {
  readonly generation: Generation<T>;
  readonly contents: T;
  /** Idempotent. */
  release(): void;
}

/**
 * One immutable set of everything a call needs, with a count of the calls that use it. Life: built, serving (leases are
 * given), retired (no new ones), drained (none left), disposed.
 */
export class Generation<T> implements Disposable {
  readonly number: number;
  readonly contents: T;
  readonly #disposeContents: () => Promise<void>;
  readonly #waiters: (() => void)[] = [];
  #leases = 0;
  #retired = false;
  #disposed: Promise<void> | undefined;

  constructor(number: number, contents: T, disposeContents: () => Promise<void>) {
    this.number = number;
    this.contents = contents;
    this.#disposeContents = disposeContents;
  }

  get activeLeases(): number {
    return this.#leases;
  }

  acquire(): Lease<T> {
    if (this.#retired) throw new Error(`generation ${this.number} is retired`);
    this.#leases += 1;
    let released = false;
    return {
      generation: this,
      contents: this.contents,
      release: () => {
        if (released) return;
        released = true;
        this.#leases -= 1;
        if (this.#leases === 0) this.#wake();
      },
    };
  }

  retire(): void {
    this.#retired = true;
  }

  /** Resolves when no lease is left. Only meaningful once retired. */
  async drained(): Promise<void> {
    if (this.#leases === 0) return;
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#disposeContents();
    return this.#disposed;
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

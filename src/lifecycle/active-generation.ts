import type { Generation, Lease } from './generation.js';

/** The one mutable pointer of the program: which generation serves. */
export class ActiveGeneration<T> {
  #current: Generation<T>;

  constructor(first: Generation<T>) {
    this.#current = first;
  }

  get current(): Generation<T> {
    return this.#current;
  }

  acquire(): Lease<T> {
    return this.#current.acquire();
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
    return previous;
  }
}

import type { ReloadPayload } from './reload-steps.js';

/**
 * Payloads of requests that have not ended, by the id of the request. Apart from the requests, because records of those are
 * remembered and what a payload keeps alive must not be.
 */
export class ReloadPayloads {
  readonly #kept = new Map<string, ReloadPayload>();
  readonly #releasing = new Set<Promise<void>>();

  keep(id: string, payload: ReloadPayload | undefined): void {
    if (payload !== undefined) this.#kept.set(id, payload);
  }

  find(id: string): ReloadPayload | undefined {
    return this.#kept.get(id);
  }

  /** Waits for nothing: a worker may be kept for payloads of runs to come. */
  release(id: string): void {
    const released = this.#kept.get(id)?.release();
    this.#kept.delete(id);
    if (released === undefined) return;
    this.#releasing.add(released);
    void released.finally(() => this.#releasing.delete(released));
  }

  /** Resolves when nothing is left that was only there for payloads that are released. */
  async released(): Promise<void> {
    await Promise.all(this.#releasing);
  }
}

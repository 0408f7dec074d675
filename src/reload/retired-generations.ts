import { messageOf } from '../errors/index.js';
import { type Generation, within } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import type { RunLog } from './reload-runs.js';

/** Generations that were replaced, until the last call on them has ended and they are disposed: the stages after the swap. */
export class RetiredGenerations<T> {
  /** How long a forced reload waits for calls that it has interrupted. */
  readonly #forceWaitMs: number;
  readonly #logger: Logger;
  readonly #retiring = new Set<Promise<void>>();

  constructor(forceWaitMs: number, logger: Logger) {
    this.#forceWaitMs = forceWaitMs;
    this.#logger = logger;
  }

  get count(): number {
    return this.#retiring.size;
  }

  /** Resolves when those that are here now are freed. Never rejects. */
  async freed(): Promise<void> {
    await Promise.all(this.#retiring);
  }

  /**
   * Drains and disposes a replaced generation: in the background while calls still run on it, so that a slow call delays neither the
   * next reload nor the caller that waits for this one. With `force` its calls are interrupted, and it waits for their end.
   */
  async retire(previous: Generation<T>, log: RunLog, { force }: { readonly force: boolean }): Promise<void> {
    const isIdle = previous.activeLeases === 0;
    if (force) for (const lease of previous.leases) lease.interrupt();
    const retired = this.#drainAndDispose(previous, log).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    if (isIdle) await retired;
    else if (force) await within(retired, this.#forceWaitMs);
  }

  async #drainAndDispose(previous: Generation<T>, log: RunLog): Promise<void> {
    try {
      if (!log.hasDrained) await log.stage('drain', () => previous.leasesEnded());
      await log.stage('dispose', () => previous.dispose());
    } catch (error) {
      // The new generation serves: this is reported, but it is not a failure of the reload.
      const facts = { generation: previous.number, reason: messageOf(error) };
      this.#logger.error(facts, 'the old generation could not be freed');
    }
  }
}

import { messageOf } from '../errors/index.js';
import { type Generation, within } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import type { RunLog } from './run-log.js';

export interface RetiredGenerationsOptions {
  /** How long a forced reload waits for calls that it has interrupted. */
  readonly forceWaitMs: number;
  readonly logger: Logger;
}

/** Generations that no longer serve, until the last call on them has ended and they are disposed. */
export class RetiredGenerations<T> {
  readonly #options: RetiredGenerationsOptions;
  readonly #retiring = new Set<Promise<void>>();

  constructor(options: RetiredGenerationsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#retiring.size;
  }

  /** Resolves when those that are here now are freed. Never rejects. */
  async freed(): Promise<void> {
    await Promise.all(this.#retiring);
  }

  /**
   * Drains and disposes what was replaced. With calls still running on it that goes on in the background: one slow call
   * must not keep the next reload, or whoever waits for this one, waiting. By force they are interrupted, and then it does
   * not take long.
   */
  async retire(previous: Generation<T>, log: RunLog, { force }: { readonly force: boolean }): Promise<void> {
    const isIdle = previous.activeLeases === 0;
    if (force) for (const lease of previous.leases) lease.interrupt();
    const retired = this.#drainAndDispose(previous, log).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    if (isIdle) await retired;
    else if (force) await within(retired, this.#options.forceWaitMs);
  }

  async #drainAndDispose(previous: Generation<T>, log: RunLog): Promise<void> {
    try {
      if (!log.hasDrained) await log.stage('drain', () => previous.leasesEnded());
      await log.stage('dispose', () => previous.dispose());
    } catch (error) {
      // The new generation serves; what the old one could not free is reported, not a failure of the reload.
      this.#options.logger.error(
        { generation: previous.number, reason: messageOf(error) },
        'old generation could not be freed',
      );
    }
  }
}

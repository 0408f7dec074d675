import type { BackgroundReport } from '../../contract/index.js';
import { compareReferences, type ResolvedConfig } from '../../config/index.js';
import { LONGEST_TIMER_MS, withJitter } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import type { Serving } from '../../project/index.js';
import { leaseDueAt, type ResolvedReference } from '../../secrets/index.js';
import {
  type BackgroundWork,
  type Failure,
  reloadOrThrow,
  type RequestReload,
  RetriedWork,
  toReport,
} from './retried-work.js';

/** A lease of no time at all must not keep a store busy. */
const MINIMUM_MS = 1_000;

export interface RefreshTriggerParts {
  readonly request: RequestReload;
  /** Resolves what is on disk now, for comparison with what serves. */
  readonly resolve: () => Promise<ResolvedConfig>;
  /** While this work goes on, values on loan stay, or are handed on where they were just read, unless their leases are due. */
  readonly keepLent: (serving: readonly ResolvedReference[], work: () => Promise<void>) => Promise<void>;
  readonly logger: Logger;
}

/**
 * `reload.refresh` and the leases of references: resolves all references anew from time to time, and reloads when one of
 * them has another value than the one that serves.
 */
export class RefreshTrigger implements BackgroundWork {
  readonly #parts: RefreshTriggerParts;
  readonly #refresh: RetriedWork;
  #serving: ResolvedConfig | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** `now` while it goes on; undefined when nothing has to be resolved again. */
  #nextAt: Date | 'now' | undefined;
  #loggedReason = '';
  #isDisposed = false;

  constructor(parts: RefreshTriggerParts) {
    this.#parts = parts;
    this.#refresh = new RetriedWork({
      // The reload too: what was read for the comparison is what it serves, and not read a second time.
      work: () => parts.keepLent(this.#serving?.references ?? [], () => this.#resolveAnew()),
      onFailure: (failure) => this.#log(failure),
    });
  }

  /** All values are fresh after a swap, whoever asked for it. */
  update({ config }: Serving): void {
    this.#serving = config;
    this.#refresh.reset();
    this.#loggedReason = '';
    this.#plan(config);
  }

  report(): BackgroundReport | undefined {
    const { failure } = this.#refresh;
    const next = this.#nextAt;
    if (next === undefined) return undefined;
    const when = next === 'now' ? next : `at ${next.toISOString()}`;
    return toReport('refresh', failure, `resolves the references again ${when}`);
  }

  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#refresh.dispose();
  }

  async #resolveAnew(): Promise<void> {
    const fresh = await this.#parts.resolve();
    this.#loggedReason = '';
    // Asked for late: a swap meanwhile has made another configuration the one to compare with.
    const serving = this.#serving?.references ?? [];
    const isChanged = compareReferences(serving, fresh.references).some(
      ({ outcome }) => outcome !== 'unchanged',
    );
    if (isChanged) await reloadOrThrow(this.#parts.request, 'refresh');
    else this.#plan(fresh);
  }

  /** `fresh` tells how long its values are good for; how often to ask is what serves. */
  #plan(fresh: ResolvedConfig): void {
    clearTimeout(this.#timer);
    this.#nextAt = undefined;
    const waitMs = findWait(this.#serving?.refreshMs ?? null, fresh.references);
    if (waitMs === undefined || this.#isDisposed) return;
    this.#nextAt = new Date(Date.now() + waitMs);
    this.#timer = setTimeout(() => {
      this.#nextAt = 'now';
      this.#refresh.start();
    }, waitMs).unref();
  }

  /** Once for each reason: the next attempts mostly fail for the same. */
  #log({ reason, retryAt }: Failure): void {
    if (reason === this.#loggedReason) return;
    this.#loggedReason = reason;
    this.#parts.logger.warn(
      { reason, retry_at: retryAt.toISOString() },
      'references could not be resolved anew; what serves still serves',
    );
  }
}

/** Undefined when nothing has to be resolved again. */
function findWait(refreshMs: number | null, references: readonly ResolvedReference[]): number | undefined {
  const waits = [
    ...(refreshMs === null ? [] : [withJitter(refreshMs)]),
    ...references.flatMap((reference) => leaseDueAt(reference) ?? []).map((dueAt) => dueAt - Date.now()),
  ];
  if (waits.length === 0) return undefined;
  return Math.min(Math.max(Math.min(...waits), MINIMUM_MS), LONGEST_TIMER_MS);
}

import type { ReloadPayload } from './python-spec.js';
import type { WorkerChild } from './worker-child.js';
import type { WorkerJobs } from './worker-jobs.js';

export interface WorkerPayloadsParts {
  readonly child: WorkerChild;
  readonly jobs: WorkerJobs;
}

/**
 * The functions that code in one worker has handed to `reload_duckdb()`, by number. The worker stays for them: other reloads
 * may come first, and they end its generation.
 */
export class WorkerPayloads {
  readonly #parts: WorkerPayloadsParts;
  readonly #kept = new Set<number>();
  #afterLast: (() => Promise<void>) | undefined;

  constructor(parts: WorkerPayloadsParts) {
    this.#parts = parts;
  }

  keep(payload: number): ReloadPayload {
    this.#kept.add(payload);
    let isTaken = false;
    return {
      run: async (signal) => {
        if (isTaken) throw new Error('a payload runs once');
        isTaken = true;
        await this.#parts.jobs.run({}, signal, (job) => ({ op: 'payload', job, payload }));
      },
      endHolder: (processId) => this.#endHolder(processId),
      release: () => {
        if (!isTaken) this.#parts.child.send({ op: 'payload.release', payload });
        isTaken = true;
        return this.#release(payload);
      },
    };
  }

  /** Does this at once when no payload is kept; else whoever releases the last one does it, and waits for it. */
  async afterLast(work: () => Promise<void>): Promise<void> {
    if (this.#kept.size === 0) await work();
    else this.#afterLast = work;
  }

  async #release(payload: number): Promise<void> {
    if (this.#kept.delete(payload) && this.#kept.size === 0) await this.#afterLast?.();
  }

  async #endHolder(processId: number): Promise<boolean> {
    const { child } = this.#parts;
    if (child.processId !== processId) return false;
    child.end('was ended, because the payload of a reload left the database file open in it');
    await child.exited;
    return true;
  }
}

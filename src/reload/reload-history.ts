import type { ReloadRecord } from './reload-record.js';
import type { RunLog } from './run-log.js';

const REMEMBERED_RUNS = 50;

/** The last runs, newest first. Runs are counted, not requests, so that a flood of requests pushes nothing out. */
export class ReloadHistory {
  #logs: readonly RunLog[] = [];

  add(log: RunLog): void {
    this.#logs = [log, ...this.#logs].slice(0, REMEMBERED_RUNS);
  }

  list(limit: number): readonly ReloadRecord[] {
    return this.#logs.slice(0, limit).map((log) => log.recordFor(log.run.first));
  }

  find(id: string): ReloadRecord | undefined {
    for (const log of this.#logs) {
      const request = [log.run.first, ...log.run.others].find((candidate) => candidate.id === id);
      if (request !== undefined) return log.recordFor(request);
    }
    return undefined;
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { AdminApiError, AdminClient } from '../../dist/admin/client/index.js';

/** One in this many reloads is made to fail by a reference to a missing file. */
const FAILS_EVERY = 4;
const WAIT_MS = 30_000;

/** Reloads a server repeatedly, each time with a new secret and all definitions. */
export class ContinuousReloads {
  /** The records of all reloads. */
  records = [];
  #project;
  #client;
  #everyMs;

  constructor(project, { everyMs }) {
    this.#project = project;
    this.#client = new AdminClient({ socketPath: project.socket });
    this.#everyMs = everyMs;
  }

  /** Reloads until `work` has finished, and returns its result. */
  async during(work) {
    const ended = new AbortController();
    const reloading = this.#reloadUntil(ended.signal);
    try {
      return await work();
    } finally {
      ended.abort();
      await reloading;
    }
  }

  /** Reloads this many times without a pause. */
  async repeat(count) {
    for (let done = 0; done < count; done += 1) await this.#reload();
  }

  async #reloadUntil(signal) {
    while (!signal.aborted) {
      const next = delay(this.#everyMs);
      await this.#reload();
      await next;
    }
  }

  async #reload() {
    const number = this.records.length + 1;
    const mustFail = number % FAILS_EVERY === 0;
    if (mustFail) this.#project.removeToken();
    else this.#project.writeToken(`token ${number}`);
    const record = await this.#client
      .reload({ waitMs: WAIT_MS, definitions: true })
      .catch((error) => recordOfFailure(error));
    if ((record.status === 'success') === mustFail) {
      throw new Error(`reload ${number} ended with ${record.status}: ${JSON.stringify(record.error)}`);
    }
    this.records.push(record);
  }
}

function recordOfFailure(error) {
  if (error instanceof AdminApiError && error.body?.reload?.status === 'error') return error.body.reload;
  throw error;
}

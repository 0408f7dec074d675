import { setTimeout as delay } from 'node:timers/promises';
import { AdminApiError, AdminClient } from '../../dist/admin/client/index.js';

/** Every so many reloads one is made to fail, by a reference whose file is gone. */
const FAILS_EVERY = 4;
const WAIT_MS = 30_000;

/** Reloads a server again and again, each time with a new secret and all definitions read anew. */
export class ContinuousReloads {
  /** Records of all reloads as the server answered them. */
  records = [];
  #project;
  #client;
  #everyMs;

  constructor(project, { everyMs }) {
    this.#project = project;
    this.#client = new AdminClient({ socketPath: project.socket });
    this.#everyMs = everyMs;
  }

  /** Reloads while `work` goes on, and returns what it returns. */
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

  /** Reloads this many times, one right after the other. */
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

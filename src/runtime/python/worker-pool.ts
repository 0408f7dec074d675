import type { MxcpError } from '../../errors/index.js';
import { interrupted } from './python-failure.js';
import type { PythonWorker } from './python-worker.js';

/** As many threads as a worker has for sync functions, and as many async calls as leave its loop some time for each. */
export const CALLS_PER_WORKER = 16;

interface Waiting {
  readonly take: (worker: PythonWorker) => void;
  readonly refuse: (error: MxcpError) => void;
}

/** The workers that take calls: the least busy one takes the next, and what is too much waits in order. */
export class WorkerPool {
  readonly #loads = new Map<PythonWorker, number>();
  readonly #queue = new Set<Waiting>();
  #outage: MxcpError | undefined;

  /** Workers that take calls. */
  get size(): number {
    return this.#loads.size;
  }

  get busy(): number {
    return [...this.#loads.values()].reduce((sum, load) => sum + load, 0);
  }

  add(worker: PythonWorker): void {
    this.#outage = undefined;
    this.#loads.set(worker, 0);
    this.#serveQueue();
  }

  /** The calls that it has go on; it takes no others. */
  remove(worker: PythonWorker): void {
    this.#loads.delete(worker);
  }

  /** Without any worker, calls fail at once with this, until there is one again. */
  reportOutage(error: MxcpError): void {
    if (this.#loads.size > 0) return;
    this.#outage = error;
    for (const waiting of this.#queue) waiting.refuse(error);
    this.#queue.clear();
  }

  /** Throws `query_interrupted` when the signal aborts before a worker is free, the outage, and what `work` throws. */
  async use<T>(signal: AbortSignal, work: (worker: PythonWorker) => Promise<T>): Promise<T> {
    const worker = this.#take() ?? (await this.#wait(signal));
    try {
      return await work(worker);
    } finally {
      this.#release(worker);
    }
  }

  #take(): PythonWorker | undefined {
    let found: PythonWorker | undefined;
    let least = CALLS_PER_WORKER;
    for (const [worker, load] of this.#loads) {
      if (load >= least) continue;
      found = worker;
      least = load;
    }
    if (found !== undefined) this.#loads.set(found, least + 1);
    return found;
  }

  #wait(signal: AbortSignal): Promise<PythonWorker> {
    if (this.#outage !== undefined) return Promise.reject(this.#outage);
    if (signal.aborted) return Promise.reject(interrupted());
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.delete(waiting);
        reject(interrupted());
      };
      const waiting: Waiting = {
        take: (worker) => {
          signal.removeEventListener('abort', onAbort);
          resolve(worker);
        },
        refuse: (error) => {
          signal.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiting);
    });
  }

  #release(worker: PythonWorker): void {
    const load = this.#loads.get(worker);
    if (load === undefined) return;
    this.#loads.set(worker, load - 1);
    this.#serveQueue();
  }

  #serveQueue(): void {
    for (const waiting of this.#queue) {
      const worker = this.#take();
      if (worker === undefined) return;
      this.#queue.delete(waiting);
      waiting.take(worker);
    }
  }
}

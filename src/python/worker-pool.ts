import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MxcpError } from '../errors/index.js';
import { Backoff, type Disposable } from '../lifecycle/index.js';
import { interrupted, type PythonSpec } from './python-spec.js';
import type { PythonWorker } from './python-worker.js';
import { describeExit } from './worker-child.js';
import type { ImportFailure } from './worker-protocol.js';

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

/** A worker that has lived so long has not died of its start, and the next one starts without a wait. */
const SETTLED_MS = 10_000;

/** After so many starts in a row that failed, calls are no longer kept waiting for one that succeeds. */
const HOPELESS_STARTS = 3;

export interface WorkerSlotOptions {
  readonly create: (onStuck: () => void) => PythonWorker;
  readonly pool: WorkerPool;
  readonly spec: PythonSpec;
  /** How long the other calls of a worker that is replaced may go on. */
  readonly retireMs: number;
  /** Whether a worker that replaces another one has to run the hooks. */
  readonly isInitialised: () => boolean;
}

/** The place of one worker: when its process ends, another one takes its place, with the same code. */
export class WorkerSlot implements Disposable {
  readonly #options: WorkerSlotOptions;
  readonly #backoff = new Backoff({ firstMs: 50, longestMs: 5000 });
  readonly #disposing = new AbortController();
  /** Workers that take no more calls and wait for their last ones. */
  readonly #retiring = new Map<PythonWorker, Promise<void>>();
  #current: PythonWorker | undefined;
  /** One that does not take calls yet. */
  #coming: PythonWorker | undefined;
  #arrival: Promise<void> = Promise.resolve();
  #readySince = 0;
  #disposed: Promise<void> | undefined;
  restarts = 0;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  /** The first worker. Throws `python_not_found`, `python_failed`; nobody replaces one that never was. */
  async start(): Promise<readonly ImportFailure[]> {
    const worker = this.#create();
    const failures = await worker.started();
    this.#take(worker);
    return failures;
  }

  /** The worker, once there is one. Throws `worker_exited` when there is none any more. */
  async ready(): Promise<PythonWorker> {
    while (this.#current === undefined && !this.#disposing.signal.aborted) await this.#arrival;
    if (this.#current === undefined)
      throw new MxcpError('worker_exited', 'the Python workers have been ended');
    return this.#current;
  }

  get hasShutdownHooks(): boolean {
    return this.#current?.hasShutdownHooks === true;
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#disposing.abort();
    this.#coming?.end('was ended with its generation');
    for (const worker of this.#retiring.keys()) worker.end('was ended with its generation');
    const worker = this.#current;
    if (worker !== undefined) {
      if (worker.hasShutdownHooks) await worker.runShutdownHooks();
      await worker.leave();
    }
    await Promise.all([this.#arrival, this.#coming?.exited, ...this.#retiring.values()]);
  }

  #create(): PythonWorker {
    const worker = this.#options.create(() => this.#onStuck(worker));
    this.#coming = worker;
    return worker;
  }

  #take(worker: PythonWorker): void {
    this.#coming = undefined;
    this.#current = worker;
    this.#readySince = performance.now();
    this.#options.pool.add(worker);
    void this.#replaceWhenExited(worker);
  }

  async #replaceWhenExited(worker: PythonWorker): Promise<void> {
    const exit = await worker.exited;
    if (this.#current === worker) this.#replace(`the Python worker ${describeExit(exit)}`);
  }

  #onStuck(worker: PythonWorker): void {
    if (this.#current !== worker) return;
    const retired = worker.retire(this.#options.retireMs).finally(() => this.#retiring.delete(worker));
    this.#retiring.set(worker, retired);
    this.#replace(`cancelled work in the Python worker ${worker.processId} went on`);
  }

  #replace(reason: string): void {
    const worker = this.#current;
    if (worker !== undefined) this.#options.pool.remove(worker);
    this.#current = undefined;
    if (this.#disposing.signal.aborted) return;
    this.#options.spec.onWarning(`${reason}; another one takes its place`);
    this.restarts += 1;
    if (performance.now() - this.#readySince > SETTLED_MS) this.#backoff.reset();
    this.#arrival = this.#bringAnother();
  }

  /** Never rejects: what fails is reported and tried again. */
  async #bringAnother(): Promise<void> {
    while (this.#current === undefined) {
      try {
        await delay(this.#backoff.next(), undefined, { signal: this.#disposing.signal });
      } catch {
        // Disposed while it waited.
        return;
      }
      await this.#tryAnother();
    }
  }

  async #tryAnother(): Promise<void> {
    let worker: PythonWorker | undefined;
    try {
      worker = this.#create();
      this.#disposing.signal.throwIfAborted();
      await worker.started();
      if (this.#options.isInitialised()) await worker.runInitHooks();
      this.#disposing.signal.throwIfAborted();
      this.#take(worker);
    } catch (error) {
      worker?.end('was ended, because it could not begin');
      await worker?.exited;
      this.#coming = undefined;
      this.#reportFailedStart(error);
    }
  }

  #reportFailedStart(error: unknown): void {
    if (this.#disposing.signal.aborted) return;
    const message = `no Python worker could take the place of one that ended: ${messageOf(error)}`;
    this.#options.spec.onWarning(message);
    if (this.#backoff.failures > HOPELESS_STARTS)
      this.#options.pool.reportOutage(new MxcpError('worker_exited', message, { cause: error }));
  }
}

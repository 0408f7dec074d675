import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MxcpError } from '../errors/index.js';
import { Backoff, type Disposable } from '../lifecycle/index.js';
import { interrupted, workersEnded } from './python-errors.js';
import { PythonWorker, type WorkerPlan } from './python-worker.js';
import type { ImportFailure } from './worker-protocol.js';

/** The number of threads that a worker has for sync functions, and of async calls that leave its event loop time for each. */
const CALLS_PER_WORKER = 16;

interface Waiting {
  readonly take: (worker: PythonWorker) => void;
  readonly refuse: (error: MxcpError) => void;
}

/** The workers that take calls. The least busy one takes the next call; calls above the limit wait in order. */
export class WorkerPool {
  readonly #loads = new Map<PythonWorker, number>();
  readonly #queue = new Set<Waiting>();
  #outage: MxcpError | undefined;

  /** Workers that take calls. */
  get size(): number {
    return this.#loads.size;
  }

  /** Calls that run. */
  get busy(): number {
    return [...this.#loads.values()].reduce((sum, load) => sum + load, 0);
  }

  add(worker: PythonWorker): void {
    this.#outage = undefined;
    this.#loads.set(worker, 0);
    this.#serveQueue();
  }

  /** The worker gets no more calls; its running calls continue. */
  remove(worker: PythonWorker): void {
    this.#loads.delete(worker);
  }

  /** Without any worker, calls fail at once with this error, until there is a worker again. */
  reportOutage(error: MxcpError): void {
    if (this.#loads.size > 0) return;
    this.#outage = error;
    for (const waiting of this.#queue) waiting.refuse(error);
    this.#queue.clear();
  }

  /** Throws `query_interrupted` if the signal aborts before a worker is free, the outage, and the errors of `work`. */
  async use<T>(signal: AbortSignal, work: (worker: PythonWorker) => Promise<T>): Promise<T> {
    const worker = this.#take() ?? (await this.#wait(signal));
    try {
      return await work(worker);
    } finally {
      const load = this.#loads.get(worker);
      if (load !== undefined) this.#loads.set(worker, load - 1);
      this.#serveQueue();
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

  async #wait(signal: AbortSignal): Promise<PythonWorker> {
    if (this.#outage !== undefined) throw this.#outage;
    if (signal.aborted) throw interrupted();
    let onAbort = (): void => undefined;
    try {
      return await new Promise((take, refuse) => {
        const waiting: Waiting = { take, refuse };
        this.#queue.add(waiting);
        onAbort = () => {
          this.#queue.delete(waiting);
          refuse(interrupted());
        };
        signal.addEventListener('abort', onAbort, { once: true });
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
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

/** The start of a worker that has lived this long was sound, so its replacement starts without a delay. */
const SETTLED_MS = 10_000;

/** After this many failed starts in a row, calls fail instead of waiting for a start that succeeds. */
const HOPELESS_STARTS = 3;

/** The place of one worker: when its process ends, another one with the same code replaces it. */
export class WorkerSlot implements Disposable {
  readonly #plan: WorkerPlan;
  readonly #pool: WorkerPool;
  /** Whether a replacement has to run the `on_init` hooks. */
  readonly #isInitialised: () => boolean;
  readonly #backoff = new Backoff({ firstMs: 50, longestMs: 5000 });
  readonly #disposing = new AbortController();
  /** Workers that take no more calls and wait for their last ones. */
  readonly #retiring = new Map<PythonWorker, Promise<void>>();
  #current: PythonWorker | undefined;
  /** A worker that starts and does not take calls yet. */
  #starting: PythonWorker | undefined;
  #replacement: Promise<void> = Promise.resolve();
  #readySince = 0;
  #disposed: Promise<void> | undefined;
  restarts = 0;

  constructor(plan: WorkerPlan, pool: WorkerPool, isInitialised: () => boolean) {
    this.#plan = plan;
    this.#pool = pool;
    this.#isInitialised = isInitialised;
  }

  /** Starts the first worker, which is not replaced if that fails. Throws `python_not_found`, `python_failed`. */
  async start(): Promise<readonly ImportFailure[]> {
    const worker = this.#create();
    const failures = await worker.started();
    this.#use(worker);
    return failures;
  }

  /** The worker, once it is ready. Throws `worker_exited` after `dispose`. */
  async ready(): Promise<PythonWorker> {
    while (this.#current === undefined && !this.#disposing.signal.aborted) await this.#replacement;
    if (this.#current === undefined) throw workersEnded();
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
    this.#starting?.end('was ended with its generation');
    for (const worker of this.#retiring.keys()) worker.end('was ended with its generation');
    const worker = this.#current;
    if (worker !== undefined) {
      if (worker.hasShutdownHooks) await worker.runShutdownHooks();
      await worker.leave();
    }
    await Promise.all([this.#replacement, this.#starting?.exited, ...this.#retiring.values()]);
  }

  #create(): PythonWorker {
    const worker = new PythonWorker(this.#plan, () => this.#onStuck(worker));
    this.#starting = worker;
    return worker;
  }

  #use(worker: PythonWorker): void {
    this.#starting = undefined;
    this.#current = worker;
    this.#readySince = performance.now();
    this.#pool.add(worker);
    void this.#replaceWhenExited(worker);
  }

  async #replaceWhenExited(worker: PythonWorker): Promise<void> {
    const { reason } = await worker.exited;
    if (this.#current === worker) this.#replace(`the Python worker ${reason}`);
  }

  #onStuck(worker: PythonWorker): void {
    if (this.#current !== worker) return;
    const { retireMs } = this.#plan.limits;
    const retired = worker.retire(retireMs).finally(() => this.#retiring.delete(worker));
    this.#retiring.set(worker, retired);
    this.#replace(`cancelled work in the Python worker ${worker.processId} continued`);
  }

  #replace(reason: string): void {
    if (this.#current !== undefined) this.#pool.remove(this.#current);
    this.#current = undefined;
    if (this.#disposing.signal.aborted) return;
    this.#plan.spec.onWarning(`${reason}; a new worker replaces it`);
    this.restarts += 1;
    this.#plan.spec.onReplaced?.();
    if (performance.now() - this.#readySince > SETTLED_MS) this.#backoff.reset();
    this.#replacement = this.#startReplacement();
  }

  /** Never rejects: a failed start is reported and tried again. */
  async #startReplacement(): Promise<void> {
    while (this.#current === undefined && !this.#disposing.signal.aborted) await this.#tryReplacement();
  }

  async #tryReplacement(): Promise<void> {
    const { signal } = this.#disposing;
    let worker: PythonWorker | undefined;
    try {
      await delay(this.#backoff.next(), undefined, { signal });
      worker = this.#create();
      await worker.started();
      if (this.#isInitialised()) await worker.runInitHooks();
      signal.throwIfAborted();
      this.#use(worker);
    } catch (error) {
      worker?.end('was ended, because it could not start');
      await worker?.exited;
      this.#starting = undefined;
      if (!signal.aborted) this.#reportFailedStart(error);
    }
  }

  #reportFailedStart(error: unknown): void {
    const message = `cannot replace a Python worker that ended: ${messageOf(error)}`;
    this.#plan.spec.onWarning(message);
    if (this.#backoff.failures > HOPELESS_STARTS)
      this.#pool.reportOutage(new MxcpError('worker_exited', message, { cause: error }));
  }
}

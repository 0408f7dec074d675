import type { CallerIdentity, JsonValue } from '../duckdb/index.js';
import type { MxcpError } from '../errors/index.js';
import { interrupted, type ReloadPayload, toPythonError } from './python-spec.js';
import type { WorkerChild } from './worker-child.js';
import type {
  DatabaseRequest,
  JobFailure,
  RaisedError,
  ServerMessage,
  WorkerMessage,
  WorkerNotification,
} from './worker-protocol.js';
import type { WorkerSessions } from './worker-sessions.js';

export interface JobListener {
  readonly caller?: CallerIdentity | undefined;
  readonly maxResultBytes?: number | undefined;
  readonly onShape?: ((shape: 'list' | 'value') => void) | undefined;
  readonly onItem?: ((value: JsonValue, text: string) => void) | undefined;
  readonly onNotification?: ((notification: WorkerNotification) => void) | undefined;
  readonly onHookFailures?: ((failures: readonly RaisedError[]) => void) | undefined;
}

/** Code that runs in a worker: a call, the hooks, a payload. Settles once, and may go on running after it has. */
export class WorkerJob {
  readonly number: number;
  readonly listener: JobListener;
  readonly settled: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #refusal: { readonly error: unknown } | undefined;
  #isInterrupted = false;

  constructor(number: number, listener: JobListener) {
    this.number = number;
    this.listener = listener;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The key of the database session that belongs to it. */
  get session(): string {
    return `j${this.number}`;
  }

  /** Nothing that the code still gives is wanted. */
  get isUnwanted(): boolean {
    return this.#isInterrupted || this.#refusal !== undefined;
  }

  interrupt(): void {
    this.#isInterrupted = true;
  }

  /** Returns false when whoever takes the result refuses it; the job is then to be cancelled. */
  take(deliver: (listener: JobListener) => void): boolean {
    if (this.isUnwanted) return true;
    try {
      deliver(this.listener);
      return true;
    } catch (error) {
      this.#refusal = { error };
      return false;
    }
  }

  /** The code has ended, or is waited for no longer. */
  settle(failure: JobFailure | undefined): void {
    if (this.#refusal !== undefined) this.#reject(this.#refusal.error);
    else if (this.#isInterrupted) this.#reject(interrupted());
    else if (failure === undefined) this.#resolve();
    else this.#reject(toPythonError(failure, this.listener.maxResultBytes ?? 0));
  }

  /** The worker has ended. */
  fail(error: MxcpError): void {
    if (this.isUnwanted) this.settle(undefined);
    else this.#reject(error);
  }
}

export interface WorkerJobsParts {
  readonly child: WorkerChild;
  readonly sessions: WorkerSessions;
  /** How long cancelled code may go on. */
  readonly stopMs: number;
  /** Cancelled code goes on after that. Called once. */
  readonly onStuck: () => void;
  /** Takes tracebacks. */
  readonly onDebug: (message: string) => void;
}

/** The message that starts a job in the worker. */
export type StartOfJob = (job: number) => ServerMessage;

/** Everything that runs in one worker, by number. Lives as long as the process; `abandon` is its end. */
export class WorkerJobs {
  readonly #parts: WorkerJobsParts;
  readonly #jobs = new Map<number, WorkerJob>();
  #lastNumber = 0;
  #isStuck = false;
  /** Set when the process has ended: nothing that is asked of it then would ever be answered. */
  #gone: MxcpError | undefined;

  constructor(parts: WorkerJobsParts) {
    this.#parts = parts;
  }

  /** Throws `python_failed`, `worker_exited`, `query_interrupted`, and what the listener throws. */
  async run(listener: JobListener, signal: AbortSignal | undefined, start: StartOfJob): Promise<void> {
    if (signal?.aborted === true) throw interrupted();
    if (this.#gone !== undefined) throw this.#gone;
    this.#lastNumber += 1;
    const job = new WorkerJob(this.#lastNumber, listener);
    this.#jobs.set(job.number, job);
    const onAbort = (): void => this.#interrupt(job);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#parts.child.send(start(job.number));
      await job.settled;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Resolves when all jobs have settled whose results somebody wants. */
  async wantedSettled(): Promise<void> {
    const wanted = [...this.#jobs.values()].filter((job) => !job.isUnwanted);
    await Promise.allSettled(wanted.map((job) => job.settled));
  }

  /** Gives a listener what its job has sent. One that refuses it ends the job. */
  deliver(number: number, deliver: (listener: JobListener) => void): void {
    const job = this.#jobs.get(number);
    if (job !== undefined && !job.take(deliver)) this.#stop(job);
  }

  /** The session is closed first: with the call, its transaction and its connection are gone. */
  async finish({ job: number, failure }: Extract<WorkerMessage, { op: 'done' }>): Promise<void> {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    if (failure?.kind === 'raised') this.#parts.onDebug(failure.traceback);
    await this.#parts.sessions.close(job.session);
    this.#jobs.delete(number);
    job.settle(failure);
  }

  /** Runs a statement for a job, beside it in its name (`j1t2`), or for code that belongs to none. */
  execute(request: DatabaseRequest): void {
    const { child, sessions } = this.#parts;
    const [, number, apart] = /^j(\d+)(t\d+)?$/.exec(request.session) ?? [];
    const job = number === undefined ? undefined : this.#jobs.get(Number(number));
    const hasEnded = number !== undefined && apart === undefined && job === undefined;
    if (hasEnded || job?.isUnwanted === true) {
      child.send({ op: 'db.error', id: request.id, message: 'the call has ended' });
      return;
    }
    void sessions.execute(request, job?.listener.caller);
  }

  /** The process has ended: what runs fails with this error, and so does whatever is asked from now on. */
  async abandon(error: MxcpError): Promise<void> {
    this.#gone = error;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    await this.#parts.sessions.dispose();
    for (const job of jobs) job.fail(error);
  }

  #interrupt(job: WorkerJob): void {
    job.interrupt();
    this.#stop(job);
  }

  /** Its code is told to end, and its caller waits no longer than the limit for it. */
  #stop(job: WorkerJob): void {
    const { child, sessions, stopMs } = this.#parts;
    sessions.interrupt(job.session);
    child.send({ op: 'cancel', job: job.number });
    const watch = (): void => {
      job.settle(undefined);
      if (!this.#jobs.has(job.number) || this.#isStuck) return;
      // Async code cannot hear of it while another call keeps the loop waiting for the database.
      if (sessions.isLoopBlockedBesides(job.session)) setTimeout(watch, stopMs).unref();
      else this.#reportStuck();
    };
    const timer = setTimeout(watch, stopMs);
    const clear = (): void => clearTimeout(timer);
    job.settled.then(clear, clear);
  }

  #reportStuck(): void {
    this.#isStuck = true;
    this.#parts.onStuck();
  }
}

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

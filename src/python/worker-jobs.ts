import type { CallerIdentity, JsonValue } from '../duckdb/index.js';
import type { MxcpError } from '../errors/index.js';
import { interrupted, toPythonError } from './python-errors.js';
import type { CallNotification, PythonProblem, PythonSpec } from './python-spec.js';
import type { MessageOf, RaisedError, ServerMessage } from './worker-protocol.js';
import type { WorkerProcess } from './worker-process.js';
import { WorkerSessions } from './worker-sessions.js';

/** Receives what a job sends. An error that one of these functions throws ends the job. */
export interface JobListener {
  readonly caller?: CallerIdentity;
  readonly maxResultBytes?: number;
  readonly onShape?: (shape: 'list' | 'value') => void;
  readonly onItem?: (value: JsonValue, text: string) => void;
  readonly notify?: ((notification: CallNotification) => void) | undefined;
  readonly onHookFailures?: (failures: readonly RaisedError[]) => void;
  readonly onProblems?: (problems: readonly PythonProblem[]) => void;
}

interface JobLimits {
  /** How long cancelled code may continue. */
  readonly stopMs: number;
  /** Cancelled code has continued for longer. Called once. */
  readonly onStuck: () => void;
}

/** Everything that runs in one worker, by number, with its database sessions. Lives as long as the process. */
export class WorkerJobs {
  readonly sessions: WorkerSessions;
  readonly #process: WorkerProcess;
  readonly #onDebug: PythonSpec['onDebug'];
  readonly #limits: JobLimits;
  readonly #jobs = new Map<number, WorkerJob>();
  #lastNumber = 0;
  #isStuck = false;
  /** Set when the process has ended, which answers no message any more. */
  #gone: MxcpError | undefined;

  constructor(
    process: WorkerProcess,
    spec: Pick<PythonSpec, 'openSession' | 'onWarning' | 'onDebug'>,
    limits: JobLimits,
  ) {
    this.#process = process;
    this.#onDebug = spec.onDebug;
    this.#limits = limits;
    this.sessions = new WorkerSessions(spec, process);
  }

  /** Throws `python_failed`, `worker_exited`, `query_interrupted`, and the errors of the listener. */
  async run(
    listener: JobListener,
    signal: AbortSignal | undefined,
    toMessage: (job: number) => ServerMessage,
  ): Promise<void> {
    if (signal?.aborted === true) throw interrupted();
    if (this.#gone !== undefined) throw this.#gone;
    this.#lastNumber += 1;
    const job = new WorkerJob(this.#lastNumber, listener);
    this.#jobs.set(job.number, job);
    const onAbort = (): void => {
      job.isInterrupted = true;
      this.#stop(job);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#process.send(toMessage(job.number));
      await job.settled;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Resolves when all jobs whose results are still wanted have settled. */
  async wantedSettled(): Promise<void> {
    const wanted = [...this.#jobs.values()].filter((job) => !job.isUnwanted);
    await Promise.allSettled(wanted.map((job) => job.settled));
  }

  /** Passes on what a job has sent. An error of the listener ends the job. */
  deliver(number: number, deliver: (listener: JobListener) => void): void {
    const job = this.#jobs.get(number);
    if (job === undefined || job.isUnwanted) return;
    try {
      deliver(job.listener);
    } catch (error) {
      job.refusal = { error };
      this.#stop(job);
    }
  }

  /** Closes the session first: when a call settles, its transaction and its connection are gone. */
  async finish({ job: number, failure }: MessageOf<'done'>): Promise<void> {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    if (failure?.kind === 'raised') this.#onDebug(failure.traceback);
    await this.sessions.close(job.session);
    this.#jobs.delete(number);
    job.settle(failure);
  }

  /** Runs a statement for a job, for code beside a job (session `j1t2`), or for code that belongs to no job. */
  execute(request: MessageOf<'db'>): void {
    const [, number, beside] = /^j(\d+)(t\d+)?$/.exec(request.session) ?? [];
    const job = number === undefined ? undefined : this.#jobs.get(Number(number));
    const hasEnded = number !== undefined && beside === undefined && job === undefined;
    if (hasEnded || job?.isUnwanted === true)
      this.#process.send({ op: 'db.error', id: request.id, message: 'the call has ended' });
    else void this.sessions.execute(request, job?.listener.caller);
  }

  /** The process has ended: running jobs and all later ones fail with this error. */
  async abandon(error: MxcpError): Promise<void> {
    this.#gone = error;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    await this.sessions.dispose();
    for (const job of jobs) job.fail(error);
  }

  /** Interrupts the code of a job. Its caller waits no longer than `stopMs` for the code to end. */
  #stop(job: WorkerJob): void {
    const { stopMs, onStuck } = this.#limits;
    this.sessions.interrupt(job.session);
    this.#process.send({ op: 'cancel', job: job.number });
    const giveUp = (): void => {
      job.settle(undefined);
      if (!this.#jobs.has(job.number) || this.#isStuck) return;
      // Async code gets no cancellation while another call blocks the event loop with a statement.
      if (this.sessions.isLoopBlockedBesides(job.session)) {
        setTimeout(giveUp, stopMs).unref();
        return;
      }
      this.#isStuck = true;
      onStuck();
    };
    const timer = setTimeout(giveUp, stopMs);
    const clear = (): void => clearTimeout(timer);
    job.settled.then(clear, clear);
  }
}

/** Code that runs in a worker: a call, hooks, a payload, an inspection. It settles once; its code may run longer than that. */
class WorkerJob {
  readonly number: number;
  readonly listener: JobListener;
  readonly settled: Promise<void>;
  isInterrupted = false;
  /** What the listener threw. */
  refusal: { readonly error: unknown } | undefined;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(number: number, listener: JobListener) {
    this.number = number;
    this.listener = listener;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The key of its database session. */
  get session(): string {
    return `j${this.number}`;
  }

  /** Its results are not used any longer. */
  get isUnwanted(): boolean {
    return this.isInterrupted || this.refusal !== undefined;
  }

  /** Its code has ended, or the caller stops waiting for that. */
  settle(failure: MessageOf<'done'>['failure']): void {
    if (this.refusal !== undefined) this.#reject(this.refusal.error);
    else if (this.isInterrupted) this.#reject(interrupted());
    else if (failure === undefined) this.#resolve();
    else this.#reject(toPythonError(failure, this.listener.maxResultBytes ?? 0));
  }

  /** The worker has ended. */
  fail(error: MxcpError): void {
    if (this.isUnwanted) this.settle(undefined);
    else this.#reject(error);
  }
}

import type { MxcpError } from '../../errors/index.js';
import { interrupted } from './python-failure.js';
import type { WorkerChild } from './worker-child.js';
import { WorkerJob, type JobListener } from './worker-job.js';
import type { DatabaseRequest, ServerMessage, WorkerMessage } from './worker-protocol.js';
import type { WorkerSessions } from './worker-sessions.js';

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

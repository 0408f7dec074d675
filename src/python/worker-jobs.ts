import { ANONYMOUS, type Caller } from '../caller/index.js';
import { type DatabaseSession, parseTaggedParameters, reasonOf, type RowAccess } from '../duckdb/index.js';
import { messageOf, type MxcpError } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import { interrupted, type JobFailure, toPythonError } from './python-errors.js';
import type { LineFields, PythonCallOptions, PythonSpec } from './python-spec.js';
import type { WorkerProcess } from './worker-process.js';
import type { MessageOf, PythonProblem, RaisedError, ServerMessage } from './worker-protocol.js';

/** Receives what a job sends. An error that one of these functions throws ends the job. */
export interface JobListener extends Partial<PythonCallOptions> {
  readonly onHookFailures?: (failures: readonly RaisedError[]) => void;
  readonly onProblems?: (problems: readonly PythonProblem[]) => void;
}

/** How many ended jobs of a worker are remembered for what they still print. */
const KEPT_FIELDS = 1000;

/** Everything that runs in one worker, by number, with its database sessions. Lives as long as the process. */
export class WorkerJobs {
  readonly sessions: WorkerSessions;
  readonly #process: WorkerProcess;
  readonly #onDebug: PythonSpec['onDebug'];
  readonly #stopMs: number;
  readonly #onStuck: () => void;
  readonly #jobs = new Map<number, WorkerJob>();
  /** Of the jobs that ended last: what they printed arrives by another pipe, and their tasks may continue. */
  readonly #endedFields = new Map<number, LineFields>();
  #lastNumber = 0;
  #isStuck = false;
  /** Set when the process has ended, which answers no message any more. */
  #gone: MxcpError | undefined;

  /** `onStuck` is called once, when cancelled code has continued for longer than `stopMs`. */
  constructor(
    process: WorkerProcess,
    spec: Pick<PythonSpec, 'openSession' | 'onWarning' | 'onDebug'>,
    stopMs: number,
    onStuck: () => void,
  ) {
    this.#process = process;
    this.#onDebug = spec.onDebug;
    this.#stopMs = stopMs;
    this.#onStuck = onStuck;
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

  /** What a line that the job has printed says about it. */
  lineFieldsOf(number: number): LineFields | undefined {
    return this.#jobs.get(number)?.listener.lineFields ?? this.#endedFields.get(number);
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
  async finish({ job: number, failure, updated }: MessageOf<'done'>): Promise<void> {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    if (failure?.kind === 'raised') this.#onDebug(failure.traceback);
    const isOpen = failure === undefined && !job.isUnwanted && (await this.sessions.rollBack(job.session));
    await this.sessions.close(job.session);
    this.#jobs.delete(number);
    this.#keepFields(job);
    if (updated !== undefined && !isOpen && !job.isUnwanted) job.listener.onUpdated?.(updated);
    job.settle(isOpen ? { kind: 'open_transaction' } : failure);
  }

  /** Runs a statement for a job, for code beside a job (session `j1t2`), or for code that belongs to no job. */
  execute(request: MessageOf<'db'>): void {
    const [, number, beside] = /^j(\d+)(t\d+)?$/.exec(request.session) ?? [];
    const job = number === undefined ? undefined : this.#jobs.get(Number(number));
    const hasEnded = number !== undefined && beside === undefined && job === undefined;
    if (hasEnded || job?.isUnwanted === true)
      this.#process.send({ op: 'db.error', id: request.id, message: 'the call has ended' });
    else void this.#executeTimed(request, job?.listener);
  }

  async #executeTimed(request: MessageOf<'db'>, listener: JobListener | undefined): Promise<void> {
    const phase = listener?.onStatement?.(request.sql);
    // Hooks, payloads and imports run for the owner of the project; code that outlives its call has no caller, and is not trusted.
    const seesAllRows = listener !== undefined && listener.caller === undefined;
    const { caller = ANONYMOUS, endpoint, onDenied } = listener ?? {};
    const user = { caller, endpoint, onDenied, seesAllRows };
    const hasWorked = await this.sessions.execute(request, user);
    phase?.end(hasWorked ? undefined : 'query_failed');
  }

  #keepFields({ number, listener: { lineFields } }: WorkerJob): void {
    if (lineFields === undefined) return;
    this.#endedFields.set(number, lineFields);
    const [oldest] = this.#endedFields.keys();
    if (this.#endedFields.size > KEPT_FIELDS && oldest !== undefined) this.#endedFields.delete(oldest);
  }

  /** The process has ended: running jobs and all later ones fail with this error. */
  async abandon(error: MxcpError): Promise<void> {
    this.#gone = error;
    const jobs = [...this.#jobs.values()];
    for (const job of jobs) this.#keepFields(job);
    this.#jobs.clear();
    await this.sessions.dispose();
    for (const job of jobs) job.fail(error);
  }

  /** Interrupts the code of a job. Its caller waits no longer than `stopMs` for the code to end. */
  #stop(job: WorkerJob): void {
    this.sessions.interrupt(job.session);
    this.#process.send({ op: 'cancel', job: job.number });
    const giveUp = (): void => {
      job.settle(undefined);
      if (!this.#jobs.has(job.number) || this.#isStuck) return;
      // Async code gets no cancellation while another call blocks the event loop with a statement.
      if (this.sessions.isLoopBlockedBesides(job.session)) {
        setTimeout(giveUp, this.#stopMs).unref();
        return;
      }
      this.#isStuck = true;
      this.#onStuck();
    };
    const timer = setTimeout(giveUp, this.#stopMs);
    const clear = (): void => clearTimeout(timer);
    job.settled.then(clear, clear);
  }
}

/** Code that runs in a worker: a call, hooks, a payload, an inspection. It settles once; its code may run longer than that. */
class WorkerJob {
  readonly settled: Promise<void>;
  isInterrupted = false;
  /** What the listener threw. */
  refusal: { readonly error: unknown } | undefined;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(
    readonly number: number,
    readonly listener: JobListener,
  ) {
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
  settle(failure: JobFailure | undefined): void {
    if (this.refusal !== undefined) this.#reject(this.refusal.error);
    else if (this.isInterrupted) this.#reject(interrupted());
    else if (failure === undefined) this.#resolve();
    else this.#reject(toPythonError(failure, this.listener));
  }

  /** The worker has ended. */
  fail(error: MxcpError): void {
    if (this.isUnwanted) this.settle(undefined);
    else this.#reject(error);
  }
}

/** Rows are sent in lines of about this size. */
const BATCH_BYTES = 64 * 1024;

const LONELY_TRANSACTION =
  'the statement began a transaction and did not end it. Here each `db.execute()` has a connection of its own, so put the statements into `with db.transaction():`';

interface SessionUser extends RowAccess {
  readonly caller: Caller;
}

interface OpenSession {
  readonly session: DatabaseSession;
  readonly abort: AbortController;
}

/** The database sessions that the code of one worker has open, by the key that the worker chose. */
class WorkerSessions implements Disposable {
  readonly #spec: Pick<PythonSpec, 'openSession' | 'onWarning'>;
  readonly #process: WorkerProcess;
  readonly #sessions = new Map<string, OpenSession>();
  /** Statements for which async code blocks the event loop of its worker, by session. */
  readonly #loopBlockers = new Map<string, number>();
  #isDisposed = false;

  constructor(spec: Pick<PythonSpec, 'openSession' | 'onWarning'>, process: WorkerProcess) {
    this.#spec = spec;
    this.#process = process;
  }

  /** Whether another session blocks the event loop of the worker, which then receives no cancellation. */
  isLoopBlockedBesides(key: string): boolean {
    return [...this.#loopBlockers.keys()].some((blocker) => blocker !== key);
  }

  /** Runs a statement and sends its rows. Never rejects: an error is sent to the worker, and the result is false. */
  async execute(request: MessageOf<'db'>, user: SessionUser): Promise<boolean> {
    const { id, session: key, isAlone } = request;
    if (request.blocksLoop) this.#loopBlockers.set(key, id);
    try {
      const opened = this.#sessionOf(key, user);
      await this.#sendRows(request, opened);
      if (isAlone && (await opened.session.rollBack())) throw new Error(LONELY_TRANSACTION);
      this.#process.send({ op: 'db.end', id });
      return true;
    } catch (error) {
      this.#process.send({ op: 'db.error', id, message: reasonOf(error) });
      return false;
    } finally {
      if (this.#loopBlockers.get(key) === id) this.#loopBlockers.delete(key);
    }
  }

  /** Interrupts the running statement of the session and refuses later ones. */
  interrupt(key: string): void {
    this.#sessions.get(key)?.abort.abort();
  }

  /** Whether the code has left a transaction open, whose changes are lost. */
  async rollBack(key: string): Promise<boolean> {
    return (await this.#sessions.get(key)?.session.rollBack()) ?? false;
  }

  /** Rolls back an open transaction. Never rejects: a connection that cannot be closed is a warning and does not fail the call. */
  async close(key: string): Promise<void> {
    const open = this.#sessions.get(key);
    if (open === undefined) return;
    this.#sessions.delete(key);
    open.abort.abort();
    try {
      await open.session.dispose();
    } catch (error) {
      this.#spec.onWarning(`the connection of a Python call could not be closed: ${messageOf(error)}`);
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#sessions.keys()].map((key) => this.close(key)));
  }

  #sessionOf(key: string, { caller, ...access }: SessionUser): OpenSession {
    if (this.#isDisposed) throw new Error('the worker has ended');
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const opened = { session: this.#spec.openSession(caller, access), abort: new AbortController() };
    this.#sessions.set(key, opened);
    return opened;
  }

  async #sendRows({ id, sql, parameters }: MessageOf<'db'>, { session, abort }: OpenSession): Promise<void> {
    let texts: string[] = [];
    let length = 0;
    const flush = (): Promise<void> | undefined => {
      if (texts.length === 0) return undefined;
      const line = `{"op":"db.rows","id":${id},"rows":[${texts.join(',')}]}`;
      texts = [];
      length = 0;
      return this.#process.sendLine(line);
    };
    await session.execute(sql, parseTaggedParameters(parameters), {
      signal: abort.signal,
      onColumns: (columns) => this.#process.send({ op: 'db.columns', id, columns }),
      onRow: (row) => {
        const text = JSON.stringify(row);
        texts.push(text);
        length += text.length;
        return length >= BATCH_BYTES ? flush() : undefined;
      },
    });
    await flush();
  }
}

import type { Caller } from '../caller/index.js';
import type { JsonObject } from '../duckdb/index.js';
import { messageOf, MxcpError } from '../errors/index.js';
import { within } from '../lifecycle/index.js';
import { type TraceContext, toTraceparent } from '../telemetry/index.js';
import { describeRaised, joinCutText } from './python-errors.js';
import type {
  LineFields,
  PythonCallOptions,
  PythonLimits,
  PythonSpec,
  PythonTarget,
  ReloadPayload,
} from './python-spec.js';
import { type JobListener, WorkerJobs } from './worker-jobs.js';
import { type WorkerExit, WorkerProcess } from './worker-process.js';
import {
  createLineParser,
  type ImportFailure,
  type PythonProblem,
  type ResultItem,
  type WorkerClient,
  type WorkerMessage,
  type WorkerTrace,
  type WorkerUser,
} from './worker-protocol.js';

/** How long a worker that is asked to exit may clean up after itself. */
const EXIT_MS = 1000;

/** What a worker does until its first message, which only Python can send. */
const STARTING = 'starting';

/** What all workers of a generation start with. */
export interface WorkerPlan {
  readonly interpreter: string;
  readonly spec: PythonSpec;
  readonly limits: PythonLimits;
  /** The first message: the code and the configuration. It contains secrets and goes only into the pipe. */
  readonly startLine: string;
}

/** One Python process and the code that runs in it. Its creator ends it with `leave` or `end`. */
export class PythonWorker {
  readonly exited: Promise<WorkerExit>;
  hasInitialised = false;
  #hasShutdownHooks = false;
  readonly #plan: WorkerPlan;
  readonly #process: WorkerProcess;
  readonly #jobs: WorkerJobs;
  readonly #hasStarted: Promise<readonly ImportFailure[]>;
  #resolveStarted: (failures: readonly ImportFailure[]) => void = () => undefined;
  #activity = STARTING;
  /** Functions passed to `reload_duckdb()`, by number. The worker stays for them even after its generation has ended. */
  readonly #payloads = new Set<number>();
  #leavesAfterPayloads = false;

  /** `onStuck` is called once, when cancelled work continues and the worker has to be replaced. */
  constructor(plan: WorkerPlan, onStuck: () => void) {
    this.#plan = plan;
    const { interpreter, spec, limits, startLine } = plan;
    this.#hasStarted = new Promise((resolve) => {
      this.#resolveStarted = resolve;
    });
    const parse = createLineParser((cut) => joinCutText(cut, spec.scrubber));
    const fieldsOf = (job: number): LineFields | undefined => this.#jobs.lineFieldsOf(job);
    this.#process = new WorkerProcess(interpreter, { ...spec, fieldsOf }, (line) => {
      const message = parse(line);
      try {
        this.#receive(message);
      } catch (error) {
        throw new Error(`the server failed on its message "${message.op}": ${messageOf(error)}`, { cause: error });
      }
    });
    this.#jobs = new WorkerJobs(this.#process, spec, limits.stopMs, onStuck);
    this.exited = this.#process.exited.then(async (exit) => {
      const reason = `the Python worker ${exit.reason}; what ran in it has failed`;
      await this.#jobs.abandon(new MxcpError('worker_exited', reason));
      return exit;
    });
    void this.#process.sendLine(startLine);
  }

  /** Whether hooks have to run before it leaves: code registers them when it is imported, or at any later time. */
  get hasShutdownHooks(): boolean {
    return this.hasInitialised && this.#hasShutdownHooks;
  }

  get processId(): number {
    return this.#process.processId;
  }

  /** Resolves with the files that could not be imported. Throws `python_not_found`, `python_failed`. */
  async started(): Promise<readonly ImportFailure[]> {
    const { limits } = this.#plan;
    const exited = this.exited.then((exit): never => {
      throw this.#toStartError(exit);
    });
    const failures = await within(Promise.race([this.#hasStarted, exited]), limits.startMs);
    if (failures !== undefined) return failures;
    this.end('was ended, because it took too long to start');
    const what = this.#activity === STARTING ? `${STARTING} as ${this.#plan.interpreter}` : this.#activity;
    const message = `Python did not finish ${what} within ${limits.startMs} ms`;
    throw new MxcpError('python_failed', message);
  }

  #toStartError({ reason, unusable }: WorkerExit): MxcpError {
    const { interpreter } = this.#plan;
    const printed = this.#process.errorLines.map((line) => `\n  ${line}`).join('');
    if (this.#activity !== STARTING)
      return new MxcpError('python_failed', `the Python worker ${reason} while ${this.#activity}${printed}`);
    const why = unusable ?? `it ${reason} before it ran the worker, so it may be no Python`;
    return new MxcpError(
      'python_not_found',
      `Python cannot be started as ${interpreter}: ${why}${printed}; install Python 3.9 or newer, or name it with --python (MXCP_PYTHON)`,
    );
  }

  /** Throws `python_failed`, `worker_exited`, `query_interrupted`, `result_too_large` and the errors of `onItem`. */
  call(target: PythonTarget, callArguments: JsonObject, options: PythonCallOptions): Promise<void> {
    return this.#jobs.run(options, options.signal, (job) => ({
      op: 'call',
      job,
      ...toMessageTarget(target),
      arguments: callArguments,
      user: toUser(options.caller),
      trace: toTrace(options.trace),
      client: toClient(options.questions),
      limit: options.maxResultBytes,
      part: toListPart(options.part),
    }));
  }

  /** Why a function cannot be called with these parameters. Throws `worker_exited`. */
  async inspect(target: PythonTarget, parameters: readonly string[]): Promise<readonly PythonProblem[]> {
    let found: readonly PythonProblem[] = [];
    const onProblems = (problems: readonly PythonProblem[]): void => {
      found = problems;
    };
    const named = { ...toMessageTarget(target), parameters };
    await this.#jobs.run({ onProblems }, undefined, (job) => ({ op: 'inspect', job, ...named }));
    return found;
  }

  /** Throws `python_failed`, `worker_exited`. Hooks that take too long end the worker. */
  async runInitHooks(): Promise<void> {
    const { limits, spec } = this.#plan;
    await this.#runHooks('init', limits.initialiseMs, { onUpdated: spec.onUpdated });
    this.hasInitialised = true;
  }

  /** Never throws: failures are warnings. */
  async runShutdownHooks(): Promise<void> {
    const { onWarning, onDebug } = this.#plan.spec;
    const onHookFailures: JobListener['onHookFailures'] = (failures) => {
      for (const failure of failures) {
        onWarning(`an on_shutdown hook failed: ${describeRaised(failure)}`);
        onDebug(failure.traceback);
      }
    };
    try {
      await this.#runHooks('shutdown', this.#plan.limits.shutdownMs, { onHookFailures });
    } catch (error) {
      onWarning(`the on_shutdown hooks did not finish: ${messageOf(error)}`);
    }
  }

  /**
   * Asks the process to clean up and exit, and ends it if it does not. While payloads are kept, this returns at once and
   * the release of the last payload does it.
   */
  async leave(): Promise<void> {
    if (this.#payloads.size === 0) await this.#exit();
    else this.#leavesAfterPayloads = true;
  }

  /** Kills the process. The reason completes the sentence "the Python worker …". */
  end(reason: string): void {
    this.#process.end(reason);
  }

  /** Ends the worker when its other calls have ended, or after this time. */
  async retire(limitMs: number): Promise<void> {
    await within(this.#jobs.wantedSettled(), limitMs);
    this.end('was ended, because cancelled work in it continued');
    await this.exited;
  }

  async #exit(): Promise<void> {
    this.#process.send({ op: 'exit' });
    await within(this.exited, EXIT_MS);
    this.end('was ended with its generation');
    await this.exited;
  }

  async #runHooks(kind: 'init' | 'shutdown', limitMs: number, listener: JobListener): Promise<void> {
    const run = this.#jobs.run(listener, undefined, (job) => ({ op: 'hooks', job, kind }));
    const hasEnded = await within(
      run.then(() => true),
      limitMs,
    );
    if (hasEnded === true) return;
    this.end(`was ended, because its on_${kind} hooks took longer than ${limitMs} ms`);
    await run;
  }

  #receive(message: WorkerMessage | ResultItem): void {
    const jobs = this.#jobs;
    switch (message.op) {
      case 'importing':
        this.#activity = `importing ${message.file}`;
        return;
      case 'started':
        return this.#resolveStarted(message.failures);
      case 'item':
        return jobs.deliver(message.job, ({ onItem }) => onItem?.(message.value, message.text));
      case 'shape':
        return jobs.deliver(message.job, ({ onShape }) => onShape?.(message.shape, message.length));
      case 'notify':
        return jobs.deliver(message.job, ({ notify }) => notify?.(message.notification));
      case 'hook.shutdown':
        this.#hasShutdownHooks = true;
        return;
      case 'hook.failures':
        return jobs.deliver(message.job, ({ onHookFailures }) => onHookFailures?.(message.failures));
      case 'problems':
        return jobs.deliver(message.job, ({ onProblems }) => onProblems?.(message.problems));
      case 'done':
        return void jobs.finish(message);
      case 'db':
        return jobs.execute(message);
      case 'db.close':
        return void jobs.sessions.close(message.session);
      case 'updated':
        this.#plan.spec.onUpdated?.(message.uris);
        return this.#process.send({ op: 'updated.taken' });
      case 'reload': {
        const { description, payload } = message;
        const kept = payload === undefined ? undefined : this.#keepPayload(payload);
        return this.#plan.spec.requestReload({ description, payload: kept });
      }
    }
  }

  #keepPayload(payload: number): ReloadPayload {
    this.#payloads.add(payload);
    let isTaken = false;
    return {
      run: async (signal) => {
        if (isTaken) throw new Error('a payload runs once');
        isTaken = true;
        const { onUpdated } = this.#plan.spec;
        await this.#jobs.run({ onUpdated }, signal, (job) => ({ op: 'payload', job, payload }));
      },
      endLockHolder: async (processId) => {
        if (this.processId !== processId) return false;
        this.end('was ended, because the payload of a reload left the database file open in it');
        await this.#process.exited;
        return true;
      },
      release: async () => {
        if (!isTaken) this.#process.send({ op: 'payload.release', payload });
        isTaken = true;
        const isLast = this.#payloads.delete(payload) && this.#payloads.size === 0;
        if (isLast && this.#leavesAfterPayloads) await this.#exit();
      },
    };
  }
}

function toMessageTarget({ file, functionName }: PythonTarget): { file: string; function: string | null } {
  return { file, function: functionName ?? null };
}

/** Null when the call belongs to no trace. */
function toTrace(trace: TraceContext | undefined): WorkerTrace | null {
  if (trace === undefined) return null;
  return { traceparent: toTraceparent(trace), ...(trace.state !== undefined && { tracestate: trace.state }) };
}

function toClient({
  kinds = [],
  answers = new Map(),
}: Partial<NonNullable<PythonCallOptions['questions']>> = {}): WorkerClient {
  return { asks: kinds, answers: Object.fromEntries(answers) };
}

/** Null for an anonymous caller. */
function toUser(caller: Caller): WorkerUser | null {
  const { userId, externalToken, profile, requestHeaders: _, ...shared } = caller;
  const { provider, username, email } = caller;
  const isKnown = [userId, provider, username, email, externalToken].some((part) => part !== null);
  return isKnown ? { ...shared, user_id: userId, external_token: externalToken, raw_profile: profile } : null;
}

function toListPart(part: PythonCallOptions['part']) {
  if (part === undefined) return null;
  const { offset: skip, least, maxRows, maxBytes } = part;
  // JSON has no infinity.
  const bounded = (limit: number): number | null => (Number.isFinite(limit) ? limit : null);
  return { skip, least, items: bounded(maxRows), size: bounded(maxBytes) };
}

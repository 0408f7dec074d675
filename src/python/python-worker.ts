import type { CallerIdentity, JsonObject } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import { within } from '../lifecycle/index.js';
import {
  describeRaised,
  joinCutText,
  type PythonLimits,
  type PythonReloadRequest,
  type PythonSpec,
  type PythonTarget,
} from './python-spec.js';
import { describeExit, TOO_OLD, WorkerChild, type WorkerExit } from './worker-child.js';
import { type JobListener, WorkerJobs, WorkerPayloads } from './worker-jobs.js';
import {
  createLineParser,
  type ImportFailure,
  type ResultItem,
  type WorkerMessage,
  type WorkerProblem,
  type WorkerUser,
} from './worker-protocol.js';
import { WorkerSessions } from './worker-sessions.js';

/** How long a worker that was asked to leave may clean up after itself. */
const LEAVE_MS = 1000;

export interface PythonWorkerOptions {
  readonly interpreter: string;
  readonly spec: PythonSpec;
  readonly limits: PythonLimits;
  /** The code and the configuration, as the first message has them. */
  readonly startLine: string;
  /** Cancelled work goes on: the worker is to be replaced. Called once. */
  readonly onStuck: () => void;
}

export interface CallRequest {
  readonly target: PythonTarget;
  readonly callArguments: JsonObject;
  readonly listener: JobListener & { readonly maxResultBytes: number; readonly caller: CallerIdentity };
  readonly signal: AbortSignal;
}

/** One Python process and what runs in it. Whoever creates it ends it with `leave` or `end`. */
export class PythonWorker {
  readonly exited: Promise<WorkerExit>;
  hasInitialised = false;
  #hasShutdownHooks = false;
  readonly #options: PythonWorkerOptions;
  readonly #child: WorkerChild;
  readonly #sessions: WorkerSessions;
  readonly #requests = new WorkerRequests();
  readonly #jobs: WorkerJobs;
  readonly #payloads: WorkerPayloads;
  readonly #hasStarted: Promise<readonly ImportFailure[]>;
  #resolveStarted: (failures: readonly ImportFailure[]) => void = () => undefined;
  #importing: string | undefined;

  constructor(options: PythonWorkerOptions) {
    this.#options = options;
    const { interpreter, spec } = options;
    this.#hasStarted = new Promise((resolve) => {
      this.#resolveStarted = resolve;
    });
    const parse = createLineParser((cut) => joinCutText(cut, spec.scrubber));
    this.#child = new WorkerChild({
      interpreter,
      spec,
      onLine: (line) => this.#receive(parse(line)),
    });
    this.#sessions = new WorkerSessions(spec, this.#child);
    this.#jobs = new WorkerJobs({
      child: this.#child,
      sessions: this.#sessions,
      stopMs: options.limits.stopMs,
      onStuck: options.onStuck,
      onDebug: spec.onDebug,
    });
    this.#payloads = new WorkerPayloads({ child: this.#child, jobs: this.#jobs });
    this.exited = this.#child.exited.then(async (exit) => {
      await this.#abandon(exit);
      return exit;
    });
    void this.#child.sendLine(options.startLine);
  }

  /** Whether there is something to run before it leaves: code registers hooks when it is imported, or at any time later. */
  get hasShutdownHooks(): boolean {
    return this.hasInitialised && this.#hasShutdownHooks;
  }

  get processId(): number {
    return this.#child.processId;
  }

  /** Resolves with the files that could not be imported. Throws `python_not_found`, `python_failed`. */
  async started(): Promise<readonly ImportFailure[]> {
    const exited = this.exited.then((exit): never => {
      throw this.#startError(exit);
    });
    const failures = await within(Promise.race([this.#hasStarted, exited]), this.#options.limits.startMs);
    if (failures !== undefined) return failures;
    this.end('was ended, because it took too long to start');
    throw new MxcpError(
      'python_failed',
      `Python did not finish ${this.#doing} within ${this.#options.limits.startMs} ms`,
    );
  }

  /** Throws `python_failed`, `worker_exited`, `query_interrupted`, `result_too_large` and what the listener throws. */
  call({ target, callArguments, listener, signal }: CallRequest): Promise<void> {
    return this.#jobs.run(listener, signal, (job) => ({
      op: 'call',
      job,
      file: target.file,
      function: target.functionName ?? null,
      arguments: callArguments,
      user: toUser(listener.caller),
      limit: listener.maxResultBytes,
    }));
  }

  /** Throws `python_failed`, `worker_exited`. Hooks that hang end the worker. */
  async runInitHooks(): Promise<void> {
    const { initialiseMs } = this.#options.limits;
    await this.#runHooks('init', initialiseMs, {});
    this.hasInitialised = true;
  }

  /** Never throws: what fails is a warning. */
  async runShutdownHooks(): Promise<void> {
    const { onWarning, onDebug } = this.#options.spec;
    try {
      await this.#runHooks('shutdown', this.#options.limits.shutdownMs, {
        onHookFailures: (failures) => {
          for (const failure of failures) {
            onWarning(`an on_shutdown hook failed: ${describeRaised(failure)}`);
            onDebug(failure.traceback);
          }
        },
      });
    } catch (error) {
      onWarning(
        `the on_shutdown hooks did not end: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  async inspect(target: PythonTarget, parameters: readonly string[]): Promise<readonly WorkerProblem[]> {
    const { file, functionName } = target;
    return this.#requests.ask((id) =>
      this.#child.send({ op: 'inspect', id, file, function: functionName ?? null, parameters }),
    );
  }

  /**
   * Asks the process to clean up and leave, and ends it when it does not. A process that keeps payloads leaves when the last one
   * is released, which this does not wait for.
   */
  leave(): Promise<void> {
    return this.#payloads.afterLast(() => this.#leave());
  }

  async #leave(): Promise<void> {
    this.#child.send({ op: 'exit' });
    await within(this.exited, LEAVE_MS);
    this.end('was ended with its generation');
    await this.exited;
  }

  /** Kills the process. The reason completes the sentence "the Python worker …". */
  end(reason: string): void {
    this.#child.end(reason);
  }

  /** Ends the worker when its other calls have ended, or after this time. */
  async retire(limitMs: number): Promise<void> {
    await within(this.#jobs.wantedSettled(), limitMs);
    this.end('was ended, because cancelled work in it went on');
    await this.exited;
  }

  async #runHooks(kind: 'init' | 'shutdown', limitMs: number, listener: JobListener): Promise<void> {
    const run = this.#jobs.run(listener, undefined, (job) => ({ op: 'hooks', job, kind }));
    if (
      (await within(
        run.then(() => true),
        limitMs,
      )) !== undefined
    )
      return;
    this.end(`was ended, because its on_${kind} hooks took longer than ${limitMs} ms`);
    await run;
  }

  #receive(message: WorkerMessage | ResultItem): void {
    switch (message.op) {
      case 'importing':
        this.#importing = message.file;
        return;
      case 'started':
        return this.#resolveStarted(message.failures);
      case 'item':
        return this.#jobs.deliver(message.job, ({ onItem }) => onItem?.(message.value, message.text));
      case 'shape':
        return this.#jobs.deliver(message.job, ({ onShape }) => onShape?.(message.shape));
      case 'notify':
        return this.#jobs.deliver(message.job, ({ onNotification }) =>
          onNotification?.(message.notification),
        );
      case 'hook.shutdown':
        this.#hasShutdownHooks = true;
        return;
      case 'hook.failures':
        return this.#jobs.deliver(message.job, ({ onHookFailures }) => onHookFailures?.(message.failures));
      case 'done':
        return void this.#jobs.finish(message);
      case 'answer':
        return this.#requests.answer(message.id, message.problems);
      case 'db':
        return this.#jobs.execute(message);
      case 'db.close':
        return void this.#sessions.close(message.session);
      case 'reload':
        return this.#options.spec.requestReload(this.#toReloadRequest(message));
    }
  }

  #toReloadRequest({ payload, description }: Extract<WorkerMessage, { op: 'reload' }>): PythonReloadRequest {
    return {
      description: description ?? undefined,
      payload: payload === null ? undefined : this.#payloads.keep(payload),
    };
  }

  async #abandon(exit: WorkerExit): Promise<void> {
    const error = new MxcpError(
      'worker_exited',
      `the Python worker ${describeExit(exit)}; what ran in it has failed`,
    );
    this.#requests.fail(error);
    await this.#jobs.abandon(error);
  }

  #startError(exit: WorkerExit): MxcpError {
    const { interpreter } = this.#options;
    const said = this.#child.lastErrorLines.map((line) => `\n  ${line}`).join('');
    if (exit.kind === 'not_started' || (exit.kind === 'exited' && exit.code === TOO_OLD)) {
      const reason = exit.kind === 'not_started' ? exit.error.message : `it is too old${said}`;
      return new MxcpError(
        'python_not_found',
        `Python cannot be started as ${interpreter}: ${reason}; install Python 3.9 or newer, or name it with --python (MXCP_PYTHON)`,
      );
    }
    return new MxcpError(
      'python_failed',
      `the Python worker ${describeExit(exit)} while ${this.#doing}${said}`,
    );
  }

  get #doing(): string {
    return this.#importing === undefined ? 'starting' : `importing ${this.#importing}`;
  }
}

/** Null for somebody nobody knows. */
function toUser({ provider, username, email, externalToken }: CallerIdentity): WorkerUser | null {
  const isKnown = [provider, username, email, externalToken].some((part) => part !== null);
  return isKnown ? { provider, username, email, external_token: externalToken } : null;
}

interface Waiting {
  readonly resolve: (problems: readonly WorkerProblem[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Questions that a worker answers at once, with a list of problems. */
export class WorkerRequests {
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #gone: unknown;

  ask(send: (id: number) => void): Promise<readonly WorkerProblem[]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) return reject(this.#gone);
      this.#waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  answer(id: number, problems: readonly WorkerProblem[]): void {
    this.#waiting.get(id)?.resolve(problems);
    this.#waiting.delete(id);
  }

  /** The worker has ended: what waits fails, and so does whatever is asked from now on. */
  fail(error: Error): void {
    this.#gone = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

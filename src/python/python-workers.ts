import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretParameter } from '../config/index.js';
import { type JsonObject, type JsonValue, type ParameterValue, toTaggedArguments } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import { type Disposable, raceSignal } from '../lifecycle/index.js';
import { Secret } from '../secrets/index.js';
import { type CodeSnapshot, readCodeSnapshot } from './code-snapshot.js';
import type {
  CallNotification,
  PythonCallOptions,
  PythonConfiguration,
  PythonLimits,
  PythonProblem,
  PythonSpec,
  PythonTarget,
} from './python-spec.js';
import { PythonWorker } from './python-worker.js';
import { WorkerPool, WorkerSlot } from './worker-pool.js';
import type { ImportFailure, WorkerNotification } from './worker-protocol.js';

const LIMITS: PythonLimits = {
  startMs: 60_000,
  initialiseMs: 60_000,
  shutdownMs: 5000,
  stopMs: 1000,
  retireMs: 10_000,
};

export interface PythonStatus {
  readonly workers: number;
  /** Calls that run. */
  readonly busy: number;
  /** Workers that were started again since the generation began. */
  readonly restarts: number;
}

/** The Python processes of one generation, all of which run the code as it was when the generation was built. */
export class PythonWorkers implements Disposable {
  readonly #pool = new WorkerPool();
  readonly #slots: readonly WorkerSlot[];
  #isInitialised = false;
  #disposed: Promise<void> | undefined;

  private constructor(spec: PythonSpec, interpreter: string, startLine: string) {
    const limits = { ...LIMITS, ...spec.limits };
    this.#slots = Array.from(
      { length: Math.max(1, spec.workers) },
      () =>
        new WorkerSlot({
          create: (onStuck) => new PythonWorker({ interpreter, spec, limits, startLine, onStuck }),
          pool: this.#pool,
          spec,
          retireMs: limits.retireMs,
          isInitialised: () => this.#isInitialised,
        }),
    );
  }

  /**
   * Reads the code, starts all workers and imports it. A file that cannot be imported fails only the calls of its
   * functions. Throws `python_not_found`, `python_failed`, and the reason of the signal. The generation disposes it.
   */
  static async build(spec: PythonSpec, signal?: AbortSignal): Promise<PythonWorkers> {
    const { projectRoot, pythonFolder } = spec;
    const targetFiles = spec.targets.map(({ file }) => file);
    const interpreter = await findPython(projectRoot, spec.interpreter);
    const snapshot = await raceSignal(readCodeSnapshot({ projectRoot, pythonFolder, targetFiles }), signal);
    const workers = new PythonWorkers(spec, interpreter, toStartLine(spec, snapshot));
    const onAbort = (): void => void workers.dispose();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await workers.#start(spec);
      return workers;
    } catch (error) {
      await workers.dispose();
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Runs the `on_init` hooks of each worker, one worker after the other. Throws `python_failed`, `worker_exited`. */
  async initialise(): Promise<void> {
    this.#isInitialised = true;
    for (const slot of this.#slots) {
      const worker = await slot.ready();
      if (!worker.hasInitialised) await worker.runInitHooks();
    }
  }

  /** What keeps a function from being called with these parameters. Throws `worker_exited`. */
  async inspect(target: PythonTarget, parameterNames: readonly string[]): Promise<readonly PythonProblem[]> {
    const worker = await this.#anyWorker();
    const problems = await worker.inspect(target, parameterNames);
    return problems.map(({ message, file, line }) => ({ message, file, line: line ?? undefined }));
  }

  /** Throws `python_failed`, `worker_exited`, `query_interrupted`, `result_too_large` and what `onItem` throws. */
  async call(
    target: PythonTarget,
    parameters: Readonly<Record<string, ParameterValue>>,
    options: PythonCallOptions,
  ): Promise<void> {
    const { caller, signal, maxResultBytes, notify, onShape, onItem } = options;
    const callArguments = toTaggedArguments(parameters);
    const onNotification =
      notify && ((notification: WorkerNotification) => notify(toCallNotification(notification)));
    const listener = { caller, maxResultBytes, onShape, onItem, onNotification };
    await this.#pool.use(signal, (worker) => worker.call({ target, callArguments, listener, signal }));
  }

  /** Workers that take calls: the others are starting, or being replaced. */
  get ready(): number {
    return this.#pool.size;
  }

  get status(): PythonStatus {
    const restarts = this.#slots.reduce((sum, slot) => sum + slot.restarts, 0);
    return { workers: this.#slots.length, busy: this.#pool.busy, restarts };
  }

  /** Whether `dispose` would run any hook now. */
  get hasShutdownHooks(): boolean {
    return this.#slots.some((slot) => slot.hasShutdownHooks);
  }

  /** Runs the `on_shutdown` hooks of workers whose `on_init` hooks ran, bounded, and leaves no process behind. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #start({ onWarning, onDebug, targets }: PythonSpec): Promise<void> {
    const started = await Promise.allSettled(this.#slots.map((slot) => slot.start()));
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    // Each worker has the same code, so one of them speaks for all.
    const failures = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))[0] ?? [];
    const targetFiles = new Set(targets.map(({ file }) => file));
    for (const failure of failures) {
      if (!targetFiles.has(failure.imported)) onWarning(describeImport(failure));
      onDebug(failure.traceback);
    }
  }

  /** The first that is there: a question should not wait for the one that is being replaced. */
  #anyWorker(): Promise<PythonWorker> {
    return Promise.any(this.#slots.map((slot) => slot.ready())).catch(() => {
      throw new MxcpError('worker_exited', 'the Python workers have been ended');
    });
  }

  async #dispose(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.dispose()));
    this.#pool.reportOutage(new MxcpError('worker_exited', 'the Python workers have been ended'));
  }
}

function describeImport({ file, line, message }: ImportFailure): string {
  return `${line === undefined || line === null ? file : `${file}:${line}`}: ${message}`;
}

function toCallNotification(notification: WorkerNotification): CallNotification {
  if (notification.kind === 'log') return { ...notification, data: notification.data ?? undefined };
  const { kind, progress, total, message } = notification;
  return { kind, progress, total: total ?? undefined, message: message ?? undefined };
}

/** The interpreter that runs a project: the one that was chosen, else the one of its `.venv`, else the one in `PATH`. */
export async function findPython(projectRoot: string, chosen: string | undefined): Promise<string> {
  if (chosen !== undefined) return chosen;
  const own = join(projectRoot, '.venv/bin/python');
  try {
    await access(own, constants.X_OK);
    return own;
  } catch {
    // The project has no environment of its own.
    return 'python3';
  }
}

/** The first line a worker gets: all it has to know. It holds secrets and goes nowhere but into the pipe. */
export function toStartLine(spec: PythonSpec, { sources, otherSources, imports }: CodeSnapshot): string {
  const { projectRoot: root, pythonFolder } = spec;
  const configuration = toJsonConfiguration(spec.configuration);
  return JSON.stringify({ op: 'start', root, pythonFolder, sources, otherSources, imports, configuration });
}

function toJsonConfiguration({ siteConfig, userConfig, secrets }: PythonConfiguration): JsonObject {
  const revealed = secrets.map(({ name, parameters }) => [name, reveal(parameters)] as const);
  return { siteConfig, userConfig, secrets: Object.fromEntries(revealed) };
}

function reveal(parameter: SecretParameter): JsonValue {
  if (parameter instanceof Secret) return parameter.reveal();
  if (typeof parameter !== 'object') return parameter;
  if (isList(parameter)) return parameter.map(reveal);
  return Object.fromEntries(Object.entries(parameter).map(([key, value]) => [key, reveal(value)]));
}

function isList(parameter: SecretParameter): parameter is readonly SecretParameter[] {
  return Array.isArray(parameter);
}

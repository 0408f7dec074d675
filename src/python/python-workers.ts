import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { type ParameterValue, toTaggedArguments } from '../duckdb/index.js';
import { type Disposable, raceSignal } from '../lifecycle/index.js';
import { Secret } from '../secrets/index.js';
import { type CodeSnapshot, readCodeSnapshot } from './code-snapshot.js';
import { describeImport, workersEnded } from './python-errors.js';
import type { PythonCallOptions, PythonLimits, PythonSpec, PythonTarget } from './python-spec.js';
import type { WorkerPlan } from './python-worker.js';
import { WorkerPool, WorkerSlot } from './worker-pool.js';
import type { PythonProblem } from './worker-protocol.js';

const LIMITS: PythonLimits = {
  startMs: 60_000,
  initialiseMs: 60_000,
  shutdownMs: 5000,
  stopMs: 1000,
  retireMs: 10_000,
};

/** The Python processes of one generation. All run the code as it was when the generation was built. */
export class PythonWorkers implements Disposable {
  readonly #pool = new WorkerPool();
  readonly #slots: readonly WorkerSlot[];
  #isInitialised = false;
  #disposed: Promise<void> | undefined;

  private constructor(plan: WorkerPlan) {
    this.#slots = Array.from(
      { length: Math.max(1, plan.spec.workers) },
      () => new WorkerSlot(plan, this.#pool, () => this.#isInitialised),
    );
  }

  /**
   * Reads the code, starts all workers and imports it. A file that cannot be imported fails only the calls of its
   * functions. Throws `python_not_found`, `python_failed`, and the reason of the signal. The generation disposes it.
   */
  static async build(spec: PythonSpec, signal?: AbortSignal): Promise<PythonWorkers> {
    const interpreter = spec.interpreter ?? (await findPython(spec.projectRoot));
    const snapshot = await raceSignal(readCodeSnapshot(spec), signal);
    const limits = { ...LIMITS, ...spec.limits };
    const startLine = toStartLine(spec, snapshot);
    const workers = new PythonWorkers({ interpreter, spec, limits, startLine });
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

  /** Why a function cannot be called with these parameters. Throws `worker_exited`. */
  async inspect(target: PythonTarget, parameterNames: readonly string[]): Promise<readonly PythonProblem[]> {
    // The first worker that is ready, because another one may be in the middle of a restart.
    const worker = await Promise.any(this.#slots.map((slot) => slot.ready())).catch(() => {
      throw workersEnded();
    });
    return worker.inspect(target, parameterNames);
  }

  /** Throws `python_failed`, `worker_exited`, `query_interrupted`, `result_too_large` and the errors of `onItem`. */
  async call(
    target: PythonTarget,
    parameters: Readonly<Record<string, ParameterValue>>,
    options: PythonCallOptions,
  ): Promise<void> {
    const callArguments = toTaggedArguments(parameters);
    await this.#pool.use(options.signal, (worker) => worker.call(target, callArguments, options));
  }

  /** Workers that take calls; the others are starting or being replaced. */
  get ready(): number {
    return this.#pool.size;
  }

  /** `busy`: calls that run. `restarts`: workers that were replaced since the generation began. */
  get status(): { readonly workers: number; readonly busy: number; readonly restarts: number } {
    const restarts = this.#slots.reduce((sum, slot) => sum + slot.restarts, 0);
    return { workers: this.#slots.length, busy: this.#pool.busy, restarts };
  }

  /** Whether `dispose` would run any hook now. */
  get hasShutdownHooks(): boolean {
    return this.#slots.some((slot) => slot.hasShutdownHooks);
  }

  /** Runs the `on_shutdown` hooks of workers whose `on_init` hooks ran, within a time limit, and ends all processes. */
  dispose(): Promise<void> {
    this.#disposed ??= Promise.all(this.#slots.map((slot) => slot.dispose())).then(() =>
      this.#pool.reportOutage(workersEnded()),
    );
    return this.#disposed;
  }

  async #start({ onWarning, onDebug, targets }: PythonSpec): Promise<void> {
    const started = await Promise.allSettled(this.#slots.map((slot) => slot.start()));
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    const targetFiles = new Set(targets.map(({ file }) => file));
    // All workers have the same code, so the failures of the first one are those of all.
    const [first] = started;
    for (const failure of first?.status === 'fulfilled' ? first.value : []) {
      if (!targetFiles.has(failure.imported)) onWarning(describeImport(failure));
      onDebug(failure.traceback);
    }
  }
}

/** The interpreter of the project's `.venv` if it has one, else the one in `PATH`. */
async function findPython(projectRoot: string): Promise<string> {
  const own = join(projectRoot, '.venv/bin/python');
  try {
    await access(own, constants.X_OK);
    return own;
  } catch {
    // The project has no environment of its own.
    return 'python3';
  }
}

function toStartLine(spec: PythonSpec, snapshot: CodeSnapshot): string {
  const { projectRoot: root, pythonFolder } = spec;
  const { siteConfig, userConfig, secrets } = spec.configuration;
  const parameters = Object.fromEntries(secrets.map((secret) => [secret.name, secret.parameters]));
  const configuration = { siteConfig, userConfig, secrets: parameters };
  return JSON.stringify({ op: 'start', root, pythonFolder, ...snapshot, configuration }, revealSecret);
}

/** A replacer for JSON.stringify, which passes the redacted text of a `Secret` as `value`; `this` still holds the secret. */
function revealSecret(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const original = this[key];
  return original instanceof Secret ? original.reveal() : value;
}

import { access, constants, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ParameterValue, toTaggedArguments } from '../duckdb/index.js';
import { errorCodeOf, MxcpError } from '../errors/index.js';
import { type Disposable, raceSignal } from '../lifecycle/index.js';
import { Secret } from '../secrets/index.js';
import { type CodeSnapshot, readCodeSnapshot } from './code-snapshot.js';
import { describeProblem, workersEnded } from './python-errors.js';
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
      if (!targetFiles.has(failure.imported)) onWarning(describeProblem(failure));
      onDebug(failure.traceback);
    }
  }
}

/**
 * The interpreter of the project's `.venv` if it has one, else the one in `PATH`. Throws `python_not_found` for an environment
 * that is broken, as it is after an upgrade of Python: without it, the packages of the project would be missing.
 */
async function findPython(projectRoot: string): Promise<string> {
  const environment = join(projectRoot, '.venv');
  const own = join(environment, 'bin/python');
  try {
    await access(own, constants.X_OK);
    return own;
  } catch (error) {
    const signs = [own, join(environment, 'pyvenv.cfg')];
    const found = await Promise.all(signs.map((path) => lstat(path).catch(() => undefined)));
    // The project has no environment of its own.
    if (found.every((each) => each === undefined)) return 'python3';
    const reason = errorCodeOf(error) === 'EACCES' ? 'may not be executed' : 'leads to no interpreter';
    throw new MxcpError(
      'python_not_found',
      `the Python environment of the project is broken: ${own} ${reason}; make it again (\`rm -r .venv && python3 -m venv .venv\`, then install its packages), or name another Python with --python (MXCP_PYTHON)`,
      { cause: error },
    );
  }
}

function toStartLine(spec: PythonSpec, snapshot: CodeSnapshot): string {
  const { projectRoot: root, pythonFolder, resources } = spec;
  const { siteConfig, userConfig, secrets } = spec.configuration;
  const parameters = Object.fromEntries(secrets.map((secret) => [secret.name, secret.parameters]));
  const configuration = { siteConfig, userConfig, secrets: parameters };
  const isPythonChosen = spec.interpreter !== undefined;
  return JSON.stringify(
    { op: 'start', root, pythonFolder, isPythonChosen, ...snapshot, resources, configuration },
    revealSecret,
  );
}

/** A replacer for JSON.stringify, which passes the redacted text of a `Secret` as `value`; `this` still holds the secret. */
function revealSecret(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const original = this[key];
  return original instanceof Secret ? original.reveal() : value;
}

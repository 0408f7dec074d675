import type { ResolvedConfig } from '../config/index.js';
import { type DatabaseRegistry, GenerationDatabase, type InspectedDatabase } from '../duckdb/index.js';
import type { EndpointSet } from '../endpoints/index.js';
import { messageOf, MxcpError, type Problem, problemsError, toMxcpError } from '../errors/index.js';
import { Disposer, Generation, raceSignal } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import {
  hasPythonFiles,
  type PythonOutputLine,
  type PythonReloadRequest,
  type PythonSpec,
  type PythonTarget,
  PythonWorkers,
} from '../python/index.js';

export interface GenerationBuilderOptions
  extends Pick<PythonParts, 'logger' | 'requestReload' | 'onWarning' | 'shutdownHooksMs'> {
  readonly databases: DatabaseRegistry;
  readonly scrubber: Scrubber;
}

/** What endpoints can be checked on before they are chosen. */
export interface CheckableContents {
  readonly database: InspectedDatabase;
  readonly python: PythonWorkers | undefined;
}

export interface GenerationSpec {
  readonly number: number;
  readonly config: ResolvedConfig;
  /** What the endpoints call; undefined: nothing here runs Python. */
  readonly targets: readonly PythonTarget[] | undefined;
  /** Called when the database is open and the code is imported; it may check endpoints on both. */
  readonly endpointsOn: (contents: CheckableContents) => EndpointSet | Promise<EndpointSet>;
  /** For a handover: the database stays closed until somebody opens it, and endpoints are checked on this. */
  readonly standIn?: InspectedDatabase | undefined;
  /** Ends the start of Python, which may take long. */
  readonly signal?: AbortSignal | undefined;
}

/** Builds generations: at start, at each reload and for commands alike, so that they cannot differ. */
export class GenerationBuilder {
  readonly #options: GenerationBuilderOptions;

  constructor(options: GenerationBuilderOptions) {
    this.#options = options;
  }

  /**
   * Nothing that serves is touched, and no hook of Python code has run. Whoever gets the generation disposes it; when this
   * throws, nothing is left open.
   */
  build(spec: GenerationSpec): Promise<Generation<Serving>> {
    return this.#build(spec, (database) => database.open());
  }

  async #build(
    spec: GenerationSpec,
    open: (database: GenerationDatabase) => Promise<void>,
  ): Promise<Generation<Serving>> {
    const { scrubber } = this.#options;
    const { number, config, endpointsOn, standIn } = spec;
    const disposer = new Disposer();
    const forget = scrubber.register(config.secretValues.map((secret) => secret.reveal()));
    // What the parts log and throw while they are freed still passes the net.
    const dispose = (): Promise<void> => this.#scrubbingDisposal(disposer).finally(forget);
    try {
      const database = disposer.own(this.#createDatabase(config));
      if (standIn === undefined) await open(database);
      // After the database, so that it is freed before it: `on_shutdown` hooks still find the database open.
      const python = await this.#buildPython(spec, database);
      if (python !== undefined) disposer.own(python);
      const endpoints = await endpointsOn({ database: standIn ?? database, python });
      return new Generation(number, { config, endpoints, database, python }, dispose);
    } catch (error) {
      // While the values are known: whoever tells of this error later no longer has them.
      const scrubbed = scrubError(error, scrubber);
      await this.#disposeQuietly(dispose);
      throw scrubbed;
    }
  }

  async #scrubbingDisposal(disposer: Disposer): Promise<void> {
    // Without the error as a cause, which could quote what the text no longer does.
    const failure = await disposer.dispose().then(() => undefined, messageOf);
    if (failure !== undefined) throw new Error(this.#options.scrubber.scrub(failure));
  }

  /** Why a build failed matters more than what it left behind. */
  async #disposeQuietly(dispose: () => Promise<void>): Promise<void> {
    await dispose().catch((error: unknown) => {
      this.#options.logger.error({ reason: messageOf(error) }, 'what was built in vain could not be freed');
    });
  }

  /** Runs work on a generation that may be thrown away when it fails; what its error says passes the net before that. */
  async scrubbingErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw scrubError(error, this.#options.scrubber);
    }
  }

  /**
   * Nothing serves yet, so its secrets take effect at once, and endpoints are checked on several connections: before, only the
   * one that holds the open transaction knows the secrets. With `hooks`, the `on_init` hooks of its Python code run. Throws
   * also `secret_failed`, `python_failed`.
   */
  async buildFirst(
    spec: Omit<GenerationSpec, 'number'>,
    { hooks }: { readonly hooks: boolean },
  ): Promise<Generation<Serving>> {
    const generation = await this.#build({ number: 1, ...spec }, async (database) => {
      await database.open().catch((error: unknown) => {
        throw atDatabasePath(error, spec.config);
      });
      await database.commit();
    });
    const { python } = generation.contents;
    try {
      return await this.scrubbingErrors(async () => {
        if (hooks) await runInitHooks(python, spec.signal);
        return generation;
      });
    } catch (error) {
      await this.#disposeQuietly(() => generation.dispose());
      throw error;
    }
  }

  #createDatabase({ duckdb, extensions, secrets }: ResolvedConfig): GenerationDatabase {
    const { path, readonly } = duckdb;
    return GenerationDatabase.create(this.#options.databases, { path, readonly, extensions, secrets });
  }

  async #buildPython({ config, targets, signal }: GenerationSpec, database: GenerationDatabase) {
    if (targets === undefined) return undefined;
    const { logger, scrubber, requestReload, onWarning, shutdownHooksMs } = this.#options;
    const output = { logger, scrubber, requestReload, onWarning };
    return buildPython({ config, database, targets, ...output, shutdownHooksMs }, signal);
  }
}

export interface PythonParts {
  readonly config: ResolvedConfig;
  readonly database: GenerationDatabase;
  /** What the endpoints of the generation call. */
  readonly targets: readonly PythonTarget[];
  /** Where what the code prints goes. */
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  readonly requestReload: (request: PythonReloadRequest) => void;
  /** What stops nothing, such as a file that no endpoint needs and that cannot be imported; to the log unless given. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** How long `on_shutdown` hooks may take; a few seconds unless given. */
  readonly shutdownHooksMs?: number | undefined;
}

/**
 * The workers of a generation; undefined when its project has no Python code. Throws `python_not_found`, `python_failed`,
 * and `server_closing` when the signal aborts.
 * Hooks have not run. The generation disposes it, before its database.
 */
export async function buildPython(
  parts: PythonParts,
  signal?: AbortSignal,
): Promise<PythonWorkers | undefined> {
  const { config, database, targets, scrubber, requestReload } = parts;
  if (targets.length === 0 && !(await raceSignal(hasPythonFiles(config.paths.python), signal)))
    return undefined;
  const logger = parts.logger.child({ component: 'python' });
  const { site: siteConfig, user: userConfig } = config.files.reveal();
  const spec: PythonSpec = {
    projectRoot: config.projectRoot,
    pythonFolder: config.paths.python,
    interpreter: config.python.interpreter,
    workers: config.python.workers,
    environment: config.environment.reveal(),
    configuration: { siteConfig, userConfig, secrets: config.secrets },
    targets,
    output: (line) => writeOutput(line, logger),
    scrubber,
    onWarning: parts.onWarning ?? ((message) => logger.warn(message)),
    onDebug: (message) => logger.debug(message),
    openSession: (caller) => database.openSession(caller),
    requestReload,
    ...(parts.shutdownHooksMs !== undefined && { limits: { shutdownMs: parts.shutdownHooksMs } }),
  };
  try {
    return await PythonWorkers.build(spec, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new MxcpError('server_closing', 'the server was stopped while Python started', { cause: error });
  }
}

function writeOutput({ stream, text, processId }: PythonOutputLine, logger: Logger): void {
  logger.info({ stream, worker: processId }, text);
}

/**
 * Runs the `on_init` hooks of a generation that is about to serve. They may take long; when the signal aborts first, its
 * workers are ended with them. Throws `python_failed`, `worker_exited`, `server_closing`.
 */
export async function runInitHooks(
  python: PythonWorkers | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (python === undefined) return;
  // The generation disposes it once more, which does nothing.
  const onAbort = (): void => void python.dispose();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (isAborted(signal)) throw closing();
    await python.initialise();
  } catch (error) {
    throw isAborted(signal) ? closing() : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Asked anew each time: it changes while hooks run. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function closing(): MxcpError {
  return new MxcpError('server_closing', 'the server was stopped while on_init hooks ran');
}

/**
 * The same error without the secret values that the scrubber knows now. Its cause is left out, which could quote them
 * again; what is not an error of ours keeps its text in `detail`.
 */
export function scrubError(thrown: unknown, scrubber: Scrubber): MxcpError {
  const { code, message, problems, detail, retryAfterSeconds } = toMxcpError(thrown);
  return new MxcpError(code, scrubber.scrub(message), {
    problems: problems.map((problem): Problem => ({ ...problem, message: scrubber.scrub(problem.message) })),
    ...(detail !== undefined && { detail: scrubber.scrub(detail) }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

const ABOUT_THE_FILE: readonly string[] = ['database_missing', 'database_failed'];

/** An error about the file of the database, told where the configuration names that file. */
export function atDatabasePath(error: unknown, { duckdb: { declaredAt } }: ResolvedConfig): unknown {
  if (!(error instanceof MxcpError) || !ABOUT_THE_FILE.includes(error.code)) return error;
  if (declaredAt === undefined) return error;
  const problem = { ...declaredAt, path: 'duckdb.path', message: error.message };
  return problemsError(error.code, 'the database cannot be opened:', [problem], error);
}

/** What one generation holds: everything a call needs, immutable once it serves. */
export interface Serving {
  readonly config: ResolvedConfig;
  /** A reload without definitions hands this on as it is. */
  readonly endpoints: EndpointSet;
  readonly database: GenerationDatabase;
  /** Undefined when the project has no Python code. */
  readonly python: PythonWorkers | undefined;
}

import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import type { ResolvedConfig } from '../config/index.js';
import {
  type DatabaseRegistry,
  type DatabaseSpec,
  GenerationDatabase,
  type InspectedDatabase,
} from '../duckdb/index.js';
import { EndpointGroups, endpointLabel, type EndpointSet } from '../endpoints/index.js';
import { messageOf, MxcpError, type Problem, problemsError, toMxcpError } from '../errors/index.js';
import { DiskReader } from '../files/index.js';
import { Disposer, Generation, raceSignal } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import {
  codeNotReadable,
  type PythonReloadRequest,
  type PythonSpec,
  type PythonTarget,
  PythonWorkers,
  type ResourcePattern,
} from '../python/index.js';
import type { Observers } from '../telemetry/index.js';

/** Everything a call needs. Never changes once its generation serves. */
export interface GenerationContents {
  readonly config: ResolvedConfig;
  /** A reload without definitions passes these on unchanged. */
  readonly endpoints: EndpointSet;
  /** Of the configuration, so that also a reload without definitions changes them. Undefined in a project without any. */
  readonly groups: EndpointGroups | undefined;
  readonly database: GenerationDatabase;
  /** Undefined when the project has no Python code. */
  readonly python: PythonWorkers | undefined;
}

/** What endpoints can be checked on before they are chosen. */
export interface CheckableContents {
  readonly database: InspectedDatabase;
  readonly python: PythonWorkers | undefined;
}

export interface GenerationSpec {
  readonly number: number;
  readonly config: ResolvedConfig;
  /** What the endpoints call; undefined when the command runs no Python. */
  readonly targets: readonly PythonTarget[] | undefined;
  /** What the code may say that it has changed. */
  readonly resources: readonly ResourcePattern[];
  /** Called when the database is open and the code is imported. It may check endpoints on both. */
  readonly endpointsOn: (contents: CheckableContents) => EndpointSet | Promise<EndpointSet>;
  /** For a handover: the database stays closed, and endpoints are checked on this one instead. */
  readonly preflight?: InspectedDatabase | undefined;
  /** Ends the start of Python, which may take long. */
  readonly signal?: AbortSignal | undefined;
  /** Receives what the build does next, for a person who waits. */
  readonly onActivity?: (activity: string) => void;
}

export interface GenerationBuilderOptions {
  readonly databases: DatabaseRegistry;
  readonly scrubber: Scrubber;
  /** Receives what the Python code prints. */
  readonly logger: Logger;
  readonly requestReload: (request: PythonReloadRequest) => void;
  /** Learns which resources hooks and code outside calls have changed. */
  readonly onUpdated?: PythonSpec['onUpdated'];
  /** For what stops nothing, such as a file that cannot be imported and that no endpoint needs; logged unless given. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Learns of Python workers that are replaced. */
  readonly observers?: Pick<Observers, 'workerReplaced'> | undefined;
  /** How long `on_shutdown` hooks may take; a few seconds unless given. */
  readonly shutdownHooksMs?: number | undefined;
}

/** Builds generations at start, at each reload and for commands. A start commits and checks here, a reload in its candidate. */
export class GenerationBuilder {
  readonly #options: GenerationBuilderOptions;

  constructor(options: GenerationBuilderOptions) {
    this.#options = options;
  }

  /**
   * Builds a generation beside the current one, which it does not touch. Hooks of Python code do not run. The caller disposes the
   * generation; when this throws, nothing stays open.
   */
  build(spec: GenerationSpec): Promise<Generation<GenerationContents>> {
    return this.#build(spec, (database) => database.open());
  }

  /**
   * Builds the generation of a start. No other generation exists, so its secrets take effect at once and endpoints can be checked
   * on several connections; before the commit, only the connection of the open transaction knows the secrets. `hooks` says whether
   * `on_init` hooks run. Also throws `secret_failed` and `python_failed`.
   */
  async buildFirst(
    spec: Omit<GenerationSpec, 'number'>,
    { hooks }: { readonly hooks: boolean },
  ): Promise<Generation<GenerationContents>> {
    const generation = await this.#build({ number: 1, ...spec }, async (database) => {
      await database.open().catch((error: unknown) => {
        throw atDatabasePath(error, spec.config);
      });
      await database.commit();
    });
    try {
      if (hooks) {
        spec.onActivity?.('running on_init hooks');
        await this.scrubbingErrors(() => runInitHooks(generation.contents.python, spec.signal));
      }
      return generation;
    } catch (error) {
      await this.#disposeQuietly(() => generation.dispose());
      throw error;
    }
  }

  /** Runs `work` and redacts secrets from any error it throws, while the generation's secrets are still registered. */
  async scrubbingErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw scrubError(error, this.#options.scrubber);
    }
  }

  async #build(
    spec: GenerationSpec,
    open: (database: GenerationDatabase) => Promise<void>,
  ): Promise<Generation<GenerationContents>> {
    const { databases, scrubber } = this.#options;
    const { number, config, endpointsOn, preflight, onActivity } = spec;
    const disposer = new Disposer();
    const forget = scrubber.register(config.secretValues.map((secret) => secret.reveal()));
    // Secrets are forgotten last, so that they are redacted from everything logged or thrown during the disposal.
    const dispose = (): Promise<void> => this.#scrubbingDisposal(disposer).finally(forget);
    try {
      const database = disposer.own(new GenerationDatabase(databases, toDatabaseSpec(config)));
      onActivity?.('opening the database');
      if (preflight === undefined) await open(database);
      // Owned after the database and so disposed before it: `on_shutdown` hooks still find the database open.
      const python = await this.#startPython(spec, database);
      if (python !== undefined) disposer.own(python);
      onActivity?.('checking endpoints');
      const endpoints = await endpointsOn({ database: preflight ?? database, python });
      const groups = config.groups.size === 0 ? undefined : new EndpointGroups(endpoints, config);
      return new Generation(number, { config, endpoints, groups, database, python }, dispose);
    } catch (error) {
      // Before the disposal forgets the values.
      const scrubbed = scrubError(error, scrubber);
      await this.#disposeQuietly(dispose);
      throw scrubbed;
    }
  }

  async #scrubbingDisposal(disposer: Disposer): Promise<void> {
    // The error is not passed on as a cause, which could still quote the values.
    const failure = await disposer.dispose().then(() => undefined, messageOf);
    if (failure !== undefined) throw new Error(this.#options.scrubber.scrub(failure));
  }

  /** The caller gets the reason of the failed build, which matters more. */
  async #disposeQuietly(dispose: () => Promise<void>): Promise<void> {
    await dispose().catch((error: unknown) => {
      this.#options.logger.error({ reason: messageOf(error) }, 'cleanup after a failed build did not complete');
    });
  }

  /** Undefined when the project has no Python code. Throws `python_not_found`, `python_failed`, `server_closing`. */
  async #startPython(
    { config, targets, resources, signal, onActivity }: GenerationSpec,
    database: GenerationDatabase,
  ): Promise<PythonWorkers | undefined> {
    const { scrubber, requestReload, onUpdated, shutdownHooksMs, onWarning, observers } = this.#options;
    if (targets === undefined) return undefined;
    if (targets.length === 0 && !(await raceSignal(hasPythonFiles(config.paths.python), signal))) return undefined;
    onActivity?.('starting Python');
    const logger = this.#options.logger.child({ component: 'python' });
    const { site: siteConfig, user: userConfig } = config.files.reveal();
    const spec = {
      projectRoot: config.projectRoot,
      pythonFolder: config.paths.python,
      interpreter: config.python.interpreter,
      workers: config.python.workers,
      environment: config.environment.reveal(),
      configuration: { siteConfig, userConfig, secrets: config.secrets },
      targets,
      resources,
      output: ({ stream, text, processId, fields }) => logger.info({ stream, worker: processId, ...fields }, text),
      scrubber,
      onWarning: onWarning ?? ((message) => logger.warn(message)),
      onReplaced: () => observers?.workerReplaced(),
      onDebug: (message) => logger.debug(message),
      openSession: (caller, access) => database.openSession(caller, access),
      requestReload,
      onUpdated,
      ...(shutdownHooksMs !== undefined && { limits: { shutdownMs: shutdownHooksMs } }),
    } satisfies PythonSpec;
    try {
      return await PythonWorkers.build(spec, signal);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
      throw new MxcpError('server_closing', 'the server was stopped while Python started', { cause: error });
    }
  }
}

/**
 * Whether anything in a folder would be imported: files whose names begin with `_` are only for other files. A missing folder
 * has none. Throws `python_failed` when the folder cannot be read.
 */
async function hasPythonFiles(folder: string, disk = new DiskReader()): Promise<boolean> {
  const entries = await disk.listIfThere(folder).catch((error: unknown) => {
    throw codeNotReadable(folder, error);
  });
  for (const entry of entries) {
    if (entry.name.endsWith('.py') && !entry.name.startsWith('_')) return true;
    if (entry.isDirectory() && (await hasPythonFiles(join(folder, entry.name), disk))) return true;
  }
  return false;
}

/** The database of a generation with this configuration. */
export function toDatabaseSpec(config: ResolvedConfig): DatabaseSpec {
  const { duckdb, extensions, attachments, secrets, protection } = config;
  const { path, readonly, limits } = duckdb;
  const unfiltered = protection.unfiltered.map((endpoint) => {
    const [, kind, name = ''] = /^(tool|resource)\/(.*)$/s.exec(endpoint) ?? [];
    return endpointLabel(kind === 'resource' ? kind : 'tool', name);
  });
  return { path, readonly, limits, extensions, attachments, secrets, protection: { ...protection, unfiltered } };
}

/**
 * Runs the `on_init` hooks of a generation that is about to serve. They may take long, so an abort of the signal ends the workers.
 * Throws `python_failed`, `worker_exited`, `server_closing`.
 */
export async function runInitHooks(python: PythonWorkers | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (python === undefined) return;
  // The generation disposes the workers again, which then does nothing.
  const onAbort = (): void => void python.dispose();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    await python.initialise();
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new MxcpError('server_closing', 'the server was stopped while `on_init` hooks ran');
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * The same error with all registered secret values redacted. The cause is dropped, because it could quote them; the text of an
 * unexpected error is kept in `detail`.
 */
function scrubError(thrown: unknown, scrubber: Scrubber): MxcpError {
  const { code, message, problems, detail, retryAfterSeconds } = toMxcpError(thrown);
  return new MxcpError(code, scrubber.scrub(message), {
    problems: problems.map((problem): Problem => ({ ...problem, message: scrubber.scrub(problem.message) })),
    ...(detail !== undefined && { detail: scrubber.scrub(detail) }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

const DATABASE_FILE_ERRORS: ReadonlySet<string> = new Set(['database_missing', 'database_failed', 'database_too_new']);

/** Gives an error about the database file the position where the configuration names that file. */
export function atDatabasePath(error: unknown, { duckdb: { declaredAt } }: ResolvedConfig): unknown {
  if (!(error instanceof MxcpError) || declaredAt === undefined) return error;
  if (!DATABASE_FILE_ERRORS.has(error.code)) return error;
  const problem = { ...declaredAt(), path: 'duckdb.path', message: error.message };
  return problemsError(error.code, 'the database cannot be opened:', [problem], error);
}

/** Linux lists the threads of a process here. Elsewhere the folder does not exist and priorities stay as they are. */
const OWN_THREADS = '/proc/self/task';

/**
 * Lowers the priority of every thread except `kept`: the threads of DuckDB and of libuv's pool, which run queries. The event
 * loop then answers probes even while many queries compete for few processors. Each opened database instance starts threads
 * of its own, so this runs again after each.
 */
export function lowerThreads(kept: ReadonlySet<number>): void {
  if (kept.size === 0) return;
  for (const thread of listThreads()) {
    if (kept.has(thread)) continue;
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // The thread has ended, or the system does not let a process lower itself: then all threads stay equal.
    }
  }
}

function listThreads(): readonly number[] {
  try {
    return readdirSync(OWN_THREADS).map(Number);
  } catch {
    // Not Linux.
    return [];
  }
}

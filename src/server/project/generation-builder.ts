import type { ResolvedConfig } from '../../config/index.js';
import type { EndpointSet } from '../../endpoints/index.js';
import { messageOf } from '../../errors/index.js';
import { Disposer, Generation } from '../../lifecycle/index.js';
import type { Scrubber } from '../../logging/index.js';
import {
  GenerationDatabase,
  type DatabaseRegistry,
  type InspectedDatabase,
  type PythonTarget,
  type PythonWorkers,
} from '../../runtime/index.js';
import { atDatabasePath } from './at-database-path.js';
import { buildPython, type PythonParts } from './build-python.js';
import { runInitHooks } from './run-init-hooks.js';
import { scrubError } from './scrub-error.js';
import type { Serving } from './serving.js';

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

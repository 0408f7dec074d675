import type { ResolvedConfig } from '../../config/index.js';
import type { EndpointSet } from '../../endpoints/index.js';
import { Disposer, Generation } from '../../lifecycle/index.js';
import type { Scrubber } from '../../logging/index.js';
import { GenerationDatabase, type DatabaseRegistry } from '../../runtime/index.js';
import { scrubError } from './scrub-error.js';
import type { Serving } from './serving.js';

export interface GenerationSpec {
  readonly number: number;
  readonly config: ResolvedConfig;
  /** Called when the database is open; it may check endpoints on it. */
  readonly endpointsOn: (database: GenerationDatabase) => EndpointSet | Promise<EndpointSet>;
}

/** Builds generations: at start, at each reload and for commands alike, so that they cannot differ. */
export class GenerationBuilder {
  readonly #databases: DatabaseRegistry;
  readonly #scrubber: Scrubber;

  constructor(databases: DatabaseRegistry, scrubber: Scrubber) {
    this.#databases = databases;
    this.#scrubber = scrubber;
  }

  /** Nothing that serves is touched. Whoever gets the generation disposes it; when this throws, nothing is left open. */
  async build({ number, config, endpointsOn }: GenerationSpec): Promise<Generation<Serving>> {
    const disposer = new Disposer();
    // First in, last out: what the other parts log while they are freed still passes the net.
    disposer.defer(this.#scrubber.register(config.secretValues.map((secret) => secret.reveal())));
    try {
      const database = disposer.own(
        await GenerationDatabase.build(this.#databases, {
          path: config.duckdb.path,
          readonly: config.duckdb.readonly,
          extensions: config.extensions,
          secrets: config.secrets,
        }),
      );
      const endpoints = await endpointsOn(database);
      return new Generation(number, { config, endpoints, database }, () => disposer.dispose());
    } catch (error) {
      // While the values are known: whoever tells of this error later no longer has them.
      const scrubbed = scrubError(error, this.#scrubber);
      await disposer.dispose();
      throw scrubbed;
    }
  }

  /** Runs work on a generation that may be thrown away when it fails; what its error says passes the net before that. */
  async scrubbingErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw scrubError(error, this.#scrubber);
    }
  }

  /** Nothing serves yet, so its secrets take effect at once. Throws also `secret_failed`. */
  async buildFirst(spec: Omit<GenerationSpec, 'number'>): Promise<Generation<Serving>> {
    const generation = await this.build({ number: 1, ...spec });
    try {
      await generation.contents.database.commit();
      return generation;
    } catch (error) {
      await generation.dispose();
      throw error;
    }
  }
}

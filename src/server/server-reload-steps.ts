import {
  assertProtections,
  compareReferences,
  failedReferences,
  findRestartRequired,
  loadConfigTemplate,
  resolveConfig,
  withReloadable,
  type ConfigTemplate,
  type FailedReference,
  type ResolvedConfig,
  type ServerSettings,
} from '../config/index.js';
import {
  checkEndpoints,
  findDefinitionChanges,
  EndpointSet,
  loadEndpoints,
  withFailures,
  type EndpointCatalog,
} from '../endpoints/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { ReferenceOutcome, ReloadContext, ReloadSteps } from '../reload/index.js';
import type { QueryableDatabase } from '../runtime/index.js';
import { endpointReport, type GenerationBuilder, type Serving } from './project/index.js';

interface Loaded {
  readonly template: ConfigTemplate;
  /** What is on disk now; undefined when the definitions that serve stay. */
  readonly catalog: EndpointCatalog | undefined;
}

interface Resolved {
  readonly config: ResolvedConfig;
  readonly catalog: EndpointCatalog | undefined;
}

export interface ReloadStepsParts {
  readonly settings: ServerSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly active: ActiveGeneration<Serving>;
  readonly builder: GenerationBuilder;
  readonly onSwap: (candidate: Serving, previous: Serving) => void;
}

/** What a reload of this server does, step by step. The transaction in `reload/` decides when, and what a failure means. */
export class ServerReloadSteps implements ReloadSteps<Loaded, Resolved, Serving> {
  readonly #parts: ReloadStepsParts;

  constructor(parts: ReloadStepsParts) {
    this.#parts = parts;
  }

  get #running(): Serving {
    return this.#parts.active.current.contents;
  }

  async load(context: ReloadContext): Promise<Loaded> {
    const template = await loadConfigTemplate(this.#parts.settings);
    const { config, endpoints } = this.#running;
    context.report({ definitionsChanged: await findDefinitionChanges(config, endpoints.catalog) });
    if (!context.definitions) return { template, catalog: undefined };
    const catalog = await loadEndpoints(config);
    if (catalog.failures.length > 0 && !this.#parts.settings.ignoreErrors)
      throw endpointReport(catalog.failures);
    return { template, catalog };
  }

  async resolve({ template, catalog }: Loaded, context: ReloadContext): Promise<Resolved> {
    const { settings, env } = this.#parts;
    const running = this.#running;
    const onDisk = await resolveConfig(template, { settings, env, previous: running.config }).catch(
      (error: unknown) => {
        context.report({ references: failedReferences(error).map(toFailedOutcome) });
        throw error;
      },
    );
    // What a start would refuse, a reload refuses: the operator hears it now, and not at the next restart.
    assertProtections(onDisk);
    context.report({
      references: compareReferences(running.config.references, onDisk.references),
      restartRequired: findRestartRequired(running.config, onDisk),
    });
    return { config: withReloadable(running.config, onDisk), catalog };
  }

  async build(resolved: Resolved, context: ReloadContext): Promise<Generation<Serving>> {
    const { builder } = this.#parts;
    const candidate = await builder.build({
      number: context.nextNumber,
      config: resolved.config,
      endpointsOn: (database) => this.#chooseEndpoints(resolved, database),
    });
    const action = candidate.contents.database.action === 'kept' ? 'kept' : 'reopened';
    context.report({ database: { action, pauseMs: 0, requestsHeld: 0 } });
    return candidate;
  }

  check({ contents }: Generation<Serving>): Promise<void> {
    return this.#parts.builder.scrubbingErrors(async () => {
      await contents.database.ping();
      const failures = await checkEndpoints(contents.endpoints.catalog, contents.database);
      if (failures.length > 0) throw endpointReport(failures, databaseContext(contents.database));
    });
  }

  commit({ contents }: Generation<Serving>): Promise<void> {
    return this.#parts.builder.scrubbingErrors(() => contents.database.commit());
  }

  announce(candidate: Generation<Serving>, previous: Generation<Serving>): void {
    this.#parts.onSwap(candidate.contents, previous.contents);
  }

  /** With `--ignore-errors` what fails on the database is left out, as at start; else the check stage refuses it. */
  async #chooseEndpoints({ config, catalog }: Resolved, database: QueryableDatabase): Promise<EndpointSet> {
    if (catalog === undefined) return this.#running.endpoints;
    const served = this.#parts.settings.ignoreErrors
      ? withFailures(catalog, await checkEndpoints(catalog, database))
      : catalog;
    return new EndpointSet(served, config.sqlTools);
  }
}

/** The files of the endpoints may be as they were: then it is the replaced database that does not fit them. */
function databaseContext({ action, path }: Serving['database']): string {
  return action === 'kept'
    ? ''
    : ` on ${path}, which replaced the database that serves; put the old one back or mend what does not fit`;
}

function toFailedOutcome({ ref, usedBy, error }: FailedReference): ReferenceOutcome {
  return { ref, usedBy, outcome: 'failed', version: null, error };
}

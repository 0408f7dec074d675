import {
  assertProtections,
  compareFailedReferences,
  compareReferences,
  type ConfigTemplate,
  findRestartRequired,
  loadConfigTemplate,
  resolveConfig,
  type ResolvedConfig,
  withReloadable,
} from '../config/index.js';
import { DatabaseHandover, type DatabaseRegistry } from '../duckdb/index.js';
import {
  checkEndpoints,
  type EndpointCatalog,
  EndpointSet,
  findDefinitionChanges,
  findPythonTargets,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { formatProblem, messageOf, type Problem } from '../errors/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import {
  type CheckableContents,
  endpointReport,
  type GenerationBuilder,
  type GenerationSpec,
  type Serving,
} from '../project/index.js';
import type { Candidate, ReloadContext, ReloadSteps } from '../reload/index.js';
import type { SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import {
  HandoverCandidate,
  OverlappingCandidate,
  ReplacedFile,
  type StandIn,
  UnchangedFile,
} from './candidates.js';

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
  readonly stores: SecretStores;
  readonly databases: DatabaseRegistry;
  readonly logger: Logger;
  readonly onSwap: (candidate: Serving, previous: Serving) => void;
  /** A handover failed: what served goes on with a database that was opened anew. */
  readonly onReopened: () => void;
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
    const { settings, stores } = this.#parts;
    const { config, endpoints } = this.#running;
    const template = await loadConfigTemplate(settings, { addedSchemes: stores.schemes, running: config });
    context.report({ definitionsChanged: await findDefinitionChanges(config, endpoints.catalog) });
    if (!context.definitions) return { template, catalog: undefined };
    const catalog = await loadEndpoints(config);
    if (catalog.failures.length > 0 && !settings.ignoreErrors) throw endpointReport(catalog.failures);
    return { template, catalog };
  }

  async resolve({ template, catalog }: Loaded, context: ReloadContext): Promise<Resolved> {
    const { settings, env, stores } = this.#parts;
    const { signal } = context;
    const running = this.#running;
    const input = { settings, env, stores, previous: running.config, signal };
    const onDisk = await resolveConfig(template, input).catch((error: unknown) => {
      context.report({ references: compareFailedReferences(running.config.references, error) });
      throw error;
    });
    // What a start would refuse, a reload refuses: the operator hears it now, and not at the next restart.
    assertProtections(onDisk);
    this.#warnOfNew(onDisk.warnings);
    context.report({
      references: compareReferences(running.config.references, onDisk.references),
      restartRequired: findRestartRequired(running.config, onDisk),
    });
    return { config: withReloadable(running.config, onDisk), catalog };
  }

  /** Once for each, not at every reload. */
  #warnOfNew(warnings: readonly Problem[]): void {
    const known = new Set(this.#running.config.warnings.map(formatProblem));
    for (const text of warnings.map(formatProblem)) if (!known.has(text)) this.#parts.logger.warn(text);
  }

  async build(resolved: Resolved, context: ReloadContext): Promise<Candidate<Serving>> {
    const { path, readonly } = resolved.config.duckdb;
    const { extensions, secrets } = resolved.config;
    const spec = { path, readonly, extensions, secrets };
    const plan = await this.#parts.databases.plan(spec);
    if (plan === 'replace' || plan === 'reopen' || context.payload !== undefined) {
      const isUnchanged = plan === 'share' || plan === 'reopen';
      const standIn = isUnchanged
        ? new UnchangedFile(this.#running.database)
        : new ReplacedFile(spec, context.signal);
      return this.#buildForHandover(resolved, standIn, context);
    }
    const { builder, logger } = this.#parts;
    const generation = await builder.build(this.#toSpec(resolved, context));
    const action = generation.contents.database.action === 'kept' ? 'kept' : 'reopened';
    context.report({ database: { action, pauseMs: 0, requestsHeld: 0 } });
    const onWarning = (message: string): void => logger.warn(message);
    return new OverlappingCandidate({ generation, builder, context, onWarning });
  }

  async #buildForHandover(
    resolved: Resolved,
    standIn: StandIn,
    context: ReloadContext,
  ): Promise<Candidate<Serving>> {
    const { builder, settings, logger, onReopened } = this.#parts;
    context.report({ database: { action: 'handover', pauseMs: 0, requestsHeld: 0 } });
    try {
      const generation = await builder.build({ ...this.#toSpec(resolved, context), standIn });
      const handover = new DatabaseHandover({
        old: this.#running.database,
        next: generation.contents.database,
        lockWaitMs: settings.reloadHoldTimeoutMs,
        endHolder: (processId) => this.#endHolder(processId, context),
        onWarning: (message) => logger.warn(message),
      });
      const payloadTimeoutMs = settings.reloadDrainTimeoutMs;
      return new HandoverCandidate({
        generation,
        handover,
        standIn,
        builder,
        context,
        payloadTimeoutMs,
        onReopened,
      });
    } catch (error) {
      await standIn.dispose().catch((left: unknown) => {
        logger.error({ reason: messageOf(left) }, 'what a handover was checked on could not be freed');
      });
      throw error;
    }
  }

  async #endHolder(processId: number, { payload }: ReloadContext): Promise<boolean> {
    const isEnded = (await payload?.endHolder(processId)) ?? false;
    if (isEnded)
      this.#parts.logger.warn(
        { process: processId },
        'the payload of reload_duckdb() left the database file open; its Python process was ended, close the connection in the payload',
      );
    return isEnded;
  }

  #toSpec(resolved: Resolved, { nextNumber, signal }: ReloadContext): GenerationSpec {
    return {
      number: nextNumber,
      config: resolved.config,
      targets: findPythonTargets(resolved.catalog ?? this.#running.endpoints.catalog),
      endpointsOn: (contents) => this.#chooseEndpoints(resolved, contents),
      signal,
    };
  }

  announce(candidate: Generation<Serving>, previous: Generation<Serving>): void {
    this.#parts.onSwap(candidate.contents, previous.contents);
  }

  /** With `--ignore-errors` what fails on the database is left out, as at start; else the check stage refuses it. */
  async #chooseEndpoints({ config, catalog }: Resolved, contents: CheckableContents): Promise<EndpointSet> {
    if (catalog === undefined) return this.#running.endpoints;
    const served = this.#parts.settings.ignoreErrors
      ? withFailures(catalog, await checkEndpoints(catalog, contents))
      : catalog;
    return new EndpointSet(served, config.sqlTools);
  }
}

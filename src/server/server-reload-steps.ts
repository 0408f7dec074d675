import { isDeepStrictEqual } from 'node:util';
import type { Authentication } from '../auth/index.js';
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
import { type PreflightDatabase, preflightOnCurrent, PreflightOnNewFile } from '../duckdb/index.js';
import {
  assertGroups,
  checkEndpoints,
  type EndpointCatalog,
  type EndpointListings,
  EndpointSet,
  findDefinitionChanges,
  findPythonTargets,
  findResourcePatterns,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { formatProblem, messageOf, type Problem } from '../errors/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import { type ClientTransport, type ListChanges, ListNotices, type UpdatedResources } from '../mcp/index.js';
import {
  type CheckableContents,
  endpointReport,
  type GenerationBuilder,
  lowerThreads,
  type GenerationContents,
  toDatabaseSpec,
} from '../project/index.js';
import type { ReloadContext, ReloadSteps } from '../reload/index.js';
import { ServerCandidate } from './candidate.js';
import { toRefused } from './refused-definitions.js';
import type { ReloadTriggers } from './reload-triggers.js';
import type { ServerContext } from './server-context.js';

interface Loaded {
  readonly template: ConfigTemplate;
  /** The definitions on disk; undefined to keep the current ones. */
  readonly catalog: EndpointCatalog | undefined;
}

interface Resolved extends Pick<Loaded, 'catalog'> {
  readonly config: ResolvedConfig;
}

export interface ReloadedParts {
  readonly active: ActiveGeneration<GenerationContents>;
  readonly builder: GenerationBuilder;
  readonly transport: Pick<ClientTransport, 'notifyListChanged' | 'notifyResourcesUpdated'>;
  readonly triggers: ReloadTriggers;
  readonly authentication: Pick<Authentication, 'recheck'> | undefined;
}

/** What each stage of a reload does in this server. `reload/` decides the order and what a failure means. */
export class ServerReloadSteps implements ReloadSteps<Loaded, Resolved, GenerationContents> {
  readonly #context: ServerContext;
  readonly #parts: ReloadedParts;
  readonly #notices: ListNotices;

  constructor(context: ServerContext, parts: ReloadedParts) {
    this.#context = context;
    this.#parts = parts;
    this.#notices = new ListNotices(
      (changes) => parts.transport.notifyListChanged(changes),
      (error) => {
        const facts = { component: 'mcp', reason: messageOf(error) };
        context.logger.warn(facts, 'clients could not be notified of changed lists');
      },
    );
  }

  async load(reload: ReloadContext): Promise<Loaded> {
    const { settings, stores, scrubber } = this.#context;
    const { config, endpoints } = this.#current;
    const template = await loadConfigTemplate(settings, { addedSchemes: stores.schemes, running: config });
    reload.report({ definitionsChanged: await findDefinitionChanges(config, endpoints.catalog) });
    if (!reload.definitions) return { template, catalog: undefined };
    const catalog = await loadEndpoints(config, endpoints.catalog);
    if (catalog.failures.length > 0 && !settings.ignoreErrors) {
      reload.report({ definitionsRefused: toRefused(catalog.failures, scrubber) });
      throw endpointReport(catalog.failures);
    }
    this.#warnOfNew(catalog.warnings, endpoints.catalog.warnings);
    return { template, catalog };
  }

  async resolve({ template, catalog }: Loaded, reload: ReloadContext): Promise<Resolved> {
    const { env, stores } = this.#context;
    const running = this.#current.config;
    const input = { env, stores, previous: running, signal: reload.signal };
    const onDisk = await resolveConfig(template, input).catch((error: unknown) => {
      reload.report({ references: compareFailedReferences(running.references, error) });
      throw error;
    });
    // A reload refuses what a start would refuse, so that the operator sees it before the next restart.
    assertProtections(onDisk);
    this.#warnOfNew(onDisk.warnings, running.warnings);
    reload.report({
      references: compareReferences(running.references, onDisk.references),
      restartRequired: findRestartRequired(running, onDisk),
    });
    return { config: withReloadable(running, onDisk), catalog };
  }

  async build({ config, catalog }: Resolved, reload: ReloadContext): Promise<ServerCandidate> {
    const { builder } = this.#parts;
    const { endpoints, database: current } = this.#current;
    const served = catalog ?? endpoints.catalog;
    const preflight = await this.#planPreflight(config, reload);
    if (preflight !== undefined) reload.report({ database: { action: 'handover', pauseMs: 0, requestsHeld: 0 } });
    try {
      const generation = await builder.build({
        number: reload.nextNumber,
        config,
        targets: findPythonTargets(served),
        resources: findResourcePatterns(served),
        endpointsOn: (contents) => this.#chooseEndpoints({ config, catalog }, contents),
        preflight,
        signal: reload.signal,
      });
      if (preflight === undefined) {
        const action = generation.contents.database.action === 'kept' ? 'kept' : 'reopened';
        reload.report({ database: { action, pauseMs: 0, requestsHeld: 0 } });
      }
      return new ServerCandidate(this.#context, { generation, current, preflight, builder, reload });
    } catch (error) {
      await preflight?.dispose().catch((failure: unknown) => {
        this.#logger.error({ reason: messageOf(failure) }, 'the preflight database could not be closed');
      });
      throw error;
    }
  }

  /** Failing to notify a client does not fail the reload: calls are already being served. */
  announce(
    { contents: next }: Generation<GenerationContents>,
    { contents: previous }: Generation<GenerationContents>,
  ): void {
    const { transport, triggers, authentication } = this.#parts;
    lowerThreads(this.#context.keptThreads);
    triggers.update(next);
    void authentication?.recheck();
    const changes = findChanges(previous, next);
    if (changes !== undefined) this.#notices.announce(changes);
    const updated = findUpdatedResources(previous, next);
    if (updated === 'all' || updated.size > 0) transport.notifyResourcesUpdated(updated);
  }

  get #current(): GenerationContents {
    return this.#parts.active.current.contents;
  }

  get #logger() {
    return this.#context.logger.child({ component: 'reload' });
  }

  /** Each warning once, not at every reload. */
  #warnOfNew(warnings: readonly Problem[], earlier: readonly Problem[]): void {
    const known = new Set(earlier.map(formatProblem));
    for (const text of warnings.map(formatProblem)) if (!known.has(text)) this.#logger.warn(text);
  }

  /**
   * A reload needs a handover if a read-write file was replaced or must be opened again by its path, or if a payload needs it
   * closed. Undefined for any other reload.
   */
  async #planPreflight(
    config: ResolvedConfig,
    { payload, signal }: ReloadContext,
  ): Promise<PreflightDatabase | undefined> {
    const spec = toDatabaseSpec(config);
    const plan = await this.#context.databases.plan(spec);
    if (plan !== 'replace' && plan !== 'reopen' && payload === undefined) return undefined;
    return plan === 'share' || plan === 'reopen'
      ? preflightOnCurrent(this.#current.database)
      : new PreflightOnNewFile(spec, signal);
  }

  /** With `--ignore-errors`, endpoints that fail on the database are left out, as at start; otherwise the check stage refuses them. */
  async #chooseEndpoints({ config, catalog }: Resolved, contents: CheckableContents): Promise<EndpointSet> {
    const { settings } = this.#context;
    const { endpoints: current } = this.#current;
    const served =
      catalog !== undefined && settings.ignoreErrors
        ? withFailures(catalog, await checkEndpoints(catalog, contents))
        : catalog;
    const warn = (text: string): void => this.#logger.warn(text);
    if (config.groups.size > 0) assertGroups(config, served ?? current.catalog, { ...settings, warn });
    return served === undefined ? current : new EndpointSet(served, config.sqlTools);
  }
}

/** Another database may have other rows for any resource; otherwise, those whose files have changed. */
function findUpdatedResources(previous: GenerationContents, next: GenerationContents): UpdatedResources {
  if (previous.database.file !== next.database.file) return 'all';
  const [before, after] = [previous.endpoints.catalog, next.endpoints.catalog];
  if (before === after) return new Set();
  const resources = after.endpoints.filter((each) => each.kind === 'resource');
  const changed = resources.filter(
    ({ path }) => !isDeepStrictEqual(before.fingerprints.get(path), after.fingerprints.get(path)),
  );
  return new Set(changed.map(({ uri }) => uri));
}

/** Which MCP lists changed, or undefined if none did, so that no spurious notification is sent. */
function findChanges(previous: GenerationContents, next: GenerationContents): ListChanges | undefined {
  const lists = findListChanges(previous.endpoints.listings, next.endpoints.listings);
  const groups = new Map(
    (previous.groups?.names ?? []).flatMap((name) => {
      const [before, after] = [previous.groups?.find(name)?.listings, next.groups?.find(name)?.listings];
      const changes = findListChanges(before ?? NO_LISTINGS, after ?? NO_LISTINGS);
      // Also a group without members was removed.
      return changes === undefined && after !== undefined ? [] : [[name, changes ?? {}] as const];
    }),
  );
  return groups.size === 0 ? lists : { ...lists, groups };
}

const NO_LISTINGS: EndpointListings = { tools: [], resources: [], prompts: [] };

function findListChanges(previous: EndpointListings, next: EndpointListings) {
  if (previous === next) return undefined;
  const changes = {
    tools: !isDeepStrictEqual(previous.tools, next.tools),
    resources: !isDeepStrictEqual(previous.resources, next.resources),
    prompts: !isDeepStrictEqual(previous.prompts, next.prompts),
  };
  return changes.tools || changes.resources || changes.prompts ? changes : undefined;
}

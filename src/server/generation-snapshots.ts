import type {
  BackgroundReport,
  ConfigSnapshot,
  EndpointSnapshot,
  ReloadStatusSnapshot,
  StatusSnapshot,
} from '../admin/index.js';
import type { EndpointCatalog, EndpointDefinition } from '../endpoints/index.js';
import { formatProblem, toOneLine } from '../errors/index.js';
import type { Generation } from '../lifecycle/index.js';
import type { ReloadStatus } from '../reload/index.js';
import type { Serving } from './project/index.js';

/*
 * What the admin API shows of a generation. Everything here is picked field by field from what may be shown; nothing is
 * taken over whole and then cleaned.
 */

export interface EndpointNames {
  readonly tools: readonly string[];
  readonly prompts: readonly string[];
  readonly resources: readonly string[];
}

/** The endpoints of the project that clients can call. SQL tools are not among them: they are a feature, not endpoints. */
export function toEndpointNames({ endpoints }: Serving): EndpointNames {
  const served = endpoints.catalog.endpoints;
  return {
    tools: served.filter(({ kind }) => kind === 'tool').map(({ name }) => name),
    prompts: served.filter(({ kind }) => kind === 'prompt').map(({ name }) => name),
    resources: served.flatMap((definition) => (definition.kind === 'resource' ? [definition.uri] : [])),
  };
}

export interface StatusFacts {
  readonly startedAt: Date;
  readonly uptimeSeconds: number;
  readonly debug: boolean;
  readonly activeRequests: number;
  readonly isClosing: boolean;
  readonly background: readonly BackgroundReport[];
}

export function toStatusSnapshot(
  generation: Generation<Serving>,
  reload: ReloadStatus,
  facts: StatusFacts,
): StatusSnapshot {
  const { config, database } = generation.contents;
  const names = toEndpointNames(generation.contents);
  return {
    uptimeSeconds: facts.uptimeSeconds,
    startedAt: facts.startedAt,
    profile: config.profile,
    mode: database.readonly ? 'readonly' : 'readwrite',
    debug: facts.debug,
    generation: generation.number,
    endpoints: {
      tools: names.tools.length,
      prompts: names.prompts.length,
      resources: names.resources.length,
    },
    reload: toReloadStatus(reload, facts),
    background: facts.background,
  };
}

function toReloadStatus(reload: ReloadStatus, facts: StatusFacts): ReloadStatusSnapshot {
  const { last } = reload;
  return {
    inProgress: reload.inProgress,
    draining: reload.draining || facts.isClosing,
    activeRequests: facts.activeRequests,
    queued: reload.queued,
    lastReload:
      last === null || last.endedAt === null
        ? null
        : {
            id: last.id,
            endedAt: last.endedAt,
            status: last.error === null ? 'success' : 'error',
            error: last.error === null ? null : toOneLine(last.error.message),
          },
  };
}

export function toConfigSnapshot(
  generation: Generation<Serving>,
  reload: ReloadStatus,
  debug: boolean,
): ConfigSnapshot {
  const { config, database } = generation.contents;
  const { last, restartRequired } = reload;
  return {
    project: config.project,
    profile: config.profile,
    repositoryPath: config.projectRoot,
    debug,
    transport: config.transport.provider,
    duckdb: { path: database.path, readonly: database.readonly },
    extensions: config.extensions.map(({ name }) => name),
    endpoints: toEndpointNames(generation.contents),
    features: {
      sqlTools: config.sqlTools.enabled,
      auditLogging: config.features.auditLogging,
      telemetry: config.features.telemetry,
    },
    generation: generation.number,
    loadedAt: config.loadedAt,
    configFiles: config.configFiles,
    envFiles: config.envFiles,
    references: config.references,
    restartRequired,
    lastRejected:
      last === null || last.error === null
        ? null
        : { reloadId: last.id, at: last.endedAt ?? last.requestedAt, error: last.error.message },
  };
}

/** Every endpoint file of the project as it was when it was read: served, switched off, or left out with its reason. */
export function toEndpointSnapshots({ endpoints: { catalog } }: Serving): readonly EndpointSnapshot[] {
  const served = catalog.endpoints.map(toServed);
  const disabled = catalog.disabled.map(
    ({ path, kind, name, description }): EndpointSnapshot => ({
      path,
      type: kind,
      name,
      description: description ?? null,
      language: null,
      enabled: false,
      status: 'disabled',
      error: null,
    }),
  );
  const snapshots = [...served, ...disabled, ...catalog.failures.map(toFailed)];
  return snapshots.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function toServed(definition: EndpointDefinition): EndpointSnapshot {
  const { path, kind, name, description } = definition;
  return {
    path,
    type: kind,
    name,
    description: description ?? null,
    language: definition.kind === 'prompt' ? null : definition.source.language,
    enabled: true,
    status: 'ok',
    error: null,
  };
}

/** What the file declares is not to be relied on, so nothing of it is shown but what is wrong with it. */
function toFailed({ path, problems }: EndpointCatalog['failures'][number]): EndpointSnapshot {
  return {
    path,
    type: null,
    name: null,
    description: null,
    language: null,
    enabled: false,
    status: 'error',
    error: problems.map(formatProblem).join('; '),
  };
}

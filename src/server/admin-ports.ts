import {
  type AdminPorts,
  type BackgroundReport,
  type ConfigSnapshot,
  type EndpointSnapshot,
  type ReloadStatusSnapshot,
  startAdminServer,
  type StatusSnapshot,
} from '../admin/index.js';
import type { EndpointCatalog, EndpointDefinition, LiveEndpointCalls } from '../endpoints/index.js';
import { formatProblem, messageOf, toOneLine } from '../errors/index.js';
import type { ActiveGeneration, Disposable, Generation } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { Serving } from '../project/index.js';
import type { AcceptedReload, ReloadCoordinator, ReloadOptions, ReloadStatus } from '../reload/index.js';
import type { ServerSettings } from '../settings/index.js';
import { type ServerPhase, ServerReadiness } from './readiness.js';

export interface AdminPortsParts {
  readonly phase: ServerPhase;
  readonly debug: boolean;
  /** Undefined until the first generation serves; the admin socket is open before that. */
  readonly running: () => RunningParts | undefined;
  readonly reload: (options: ReloadOptions) => AcceptedReload;
  readonly background: () => readonly BackgroundReport[];
}

interface RunningParts {
  readonly active: ActiveGeneration<Serving>;
  readonly calls: LiveEndpointCalls;
  readonly coordinator: ReloadCoordinator<Serving>;
}

/** What the admin API asks of the server, answered from the generation that serves and the coordinator. */
export function createAdminPorts({ phase, debug, running, reload, background }: AdminPortsParts): AdminPorts {
  const serving = (): RunningParts => {
    const parts = running();
    if (parts === undefined) throw phase.startingError();
    return parts;
  };
  return {
    readiness: new ServerReadiness({
      phase,
      active: () => running()?.active,
      isListening: () => running() !== undefined,
    }),
    status: {
      status: () => {
        const { active, calls, coordinator } = serving();
        return toStatusSnapshot(active.current, coordinator.status(), {
          startedAt: phase.startedAt,
          uptimeSeconds: phase.uptimeSeconds,
          debug,
          activeRequests: calls.activeCalls,
          isClosing: phase.current === 'closing',
          background: background(),
        });
      },
    },
    config: {
      config: () => {
        const { active, coordinator } = serving();
        return toConfigSnapshot(active.current, coordinator.status(), debug);
      },
    },
    endpoints: { endpoints: () => toEndpointSnapshots(serving().active.current.contents) },
    reloads: {
      request: reload,
      find: (id) => serving().coordinator.find(id),
      list: (limit) => serving().coordinator.list(limit),
    },
  };
}

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

export interface AdminOpeningParts {
  readonly ports: AdminPorts;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

export interface OpenAdmin extends Disposable {
  /** As `AdminServer.abandon`. */
  abandon(): void;
}

const NOTHING_OPEN: OpenAdmin = { dispose: () => {}, abandon: () => {} };

/**
 * Opens the admin socket where the settings ask for one. One that cannot be opened is told in the log and the server runs
 * without it, unless the settings are strict: then it throws what opening a socket throws. The server disposes it.
 */
export async function openAdmin(settings: ServerSettings, parts: AdminOpeningParts): Promise<OpenAdmin> {
  const { admin, debug } = settings;
  if (!admin.enabled) {
    logClosed(admin, parts.logger.child({ component: 'admin' }));
    return NOTHING_OPEN;
  }
  try {
    const server = await startAdminServer({
      socket: { path: admin.socketPath, mode: admin.mode, group: admin.group },
      probeSocket: admin.probe,
      debug,
      ...parts,
    });
    return { dispose: () => server.close(), abandon: () => server.abandon() };
  } catch (error) {
    // Whoever ends with this error says it.
    if (admin.strict) throw error;
    const logger = parts.logger.child({ component: 'admin' });
    logger.error(`admin socket refused: ${messageOf(error)}`);
    logger.warn('serving without the admin socket; with --admin-strict the start would fail');
    return NOTHING_OPEN;
  }
}

/** No error: a service file may name both sockets, and one variable switches them on or off. */
function logClosed({ probe }: ServerSettings['admin'], logger: Logger): void {
  if (probe === undefined) logger.info('admin socket off; MXCP_ADMIN_ENABLED=true or --admin opens it');
  else
    logger.warn(
      `the probe socket ${probe.path} is not opened, because the admin socket is off; MXCP_ADMIN_ENABLED=true or --admin opens both`,
    );
}

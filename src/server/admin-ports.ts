import { dirname } from 'node:path';
import {
  type AdminPorts,
  type AdminSocketSettings,
  type ServerStatus,
  type SessionPort,
  startAdminServer,
} from '../admin/index.js';
import type { ResolvedConfig } from '../config/index.js';
import type { ConfigRecord, EndpointRecord, RefusedDefinition } from '../contract/index.js';
import { firstLineOf, messageOf, MxcpError, toMxcpError, toOneLine } from '../errors/index.js';
import { type Disposable, formatUptime, type Generation } from '../lifecycle/index.js';
import { type Logger, RecentLines } from '../logging/index.js';
import type { GenerationContents } from '../project/index.js';
import { type ReloadStatus, unreadDefinitions } from '../reload/index.js';
import type { ServerSettings } from '../settings/index.js';
import { SystemProbe, type WatchedFolders } from '../system/index.js';
import { CallTracer } from '../telemetry/index.js';
import { version } from '../version/index.js';
import { configTagOf } from './config-tag.js';
import { LiveEvents } from './event-port.js';
import { createProjectPort } from './project-port.js';
import { findRefused } from './refused-definitions.js';
import { createReloadPort } from './reload-triggers.js';
import { createRotationPort } from './rotation.js';
import type { ServerContext } from './server-context.js';
import type { Running } from './start-serving.js';

/**
 * What the admin API asks of the server, answered from the current generation and the coordinator. `running` is undefined until
 * the first generation serves; the admin socket is open before that.
 */
export function createAdminPorts(
  context: ServerContext,
  running: () => Running | undefined,
  metrics: AdminPorts['metrics'],
): AdminPorts {
  const { phase, settings, scrubber } = context;
  const recentLines = new RecentLines(scrubber);
  context.observers.add(recentLines);
  const serving = (): Running => {
    const found = running();
    if (found === undefined) throw phase.startingError();
    return found;
  };
  return {
    readiness: context.readiness,
    metrics,
    status: () => toStatus(running(), context),
    config: () => {
      const { active, coordinator } = serving();
      return toConfig(active.current, coordinator.status(), settings);
    },
    endpoints: () => {
      const { active, coordinator } = serving();
      const { contents } = active.current;
      return toEndpoints(contents, findRefused(contents, coordinator.status().last, context.scrubber));
    },
    configTag: () => configTagOf(serving().active.current.contents),
    reloads: createReloadPort(context, running),
    rotation: createRotationPort(context, running),
    project: createProjectPort(context, serving),
    logs: (count) => recentLines.last(count),
    system: new SystemProbe(() => watchedFolders(running())),
    events: new LiveEvents(context),
    logLevel: context.logLevel,
    audit: () => running()?.audit,
    sessions: () => sessionsOf(serving()),
    trace: { follow: (selection, deliver) => context.observers.add(new CallTracer(selection, deliver)) },
  };
}

/** Throws `sessions_off`. */
function sessionsOf({ authentication }: Running): SessionPort {
  if (authentication?.sessions !== undefined) return authentication.sessions;
  throw new MxcpError(
    'sessions_off',
    'this server gives out no tokens, so no person has signed in here; `auth.provider: github` and its like let people sign in',
  );
}

/** Empty until the configuration is known. */
export function watchedFolders(running: Running | undefined): WatchedFolders {
  if (running === undefined) return [];
  const { config, database } = running.active.current.contents;
  return [
    { holds: 'database', path: dirname(database.path) },
    { holds: 'project', path: config.projectRoot },
  ];
}

/** How the work goes that the server does by itself. */
export function backgroundOf({ stores }: ServerContext, running: Running | undefined): ServerStatus['background'] {
  return [...(running?.triggers.reports() ?? []), ...stores.reports(), ...(running?.audit?.reports() ?? [])];
}

function toStatus(running: Running | undefined, context: ServerContext): ServerStatus {
  const { phase, settings } = context;
  const current = running?.active.current;
  const { tools, prompts, resources } = current === undefined ? NO_ENDPOINTS : toEndpointNames(current.contents);
  return {
    version,
    uptime: formatUptime(phase.uptimeSeconds),
    uptimeSeconds: phase.uptimeSeconds,
    pid: process.pid,
    profile: current?.contents.config.profile ?? settings.profile ?? null,
    mode: current === undefined ? null : current.contents.database.readonly ? 'readonly' : 'readwrite',
    debug: settings.debug,
    startedAt: phase.startedAt,
    generation: current?.number ?? 0,
    drainingSince: phase.drainingSince ?? null,
    endpoints: { tools: tools.length, prompts: prompts.length, resources: resources.length },
    reload: toReloadStatus(running, context),
    calls: running?.callLog.counts ?? { total: 0, success: 0, error: 0, failures: {}, endpoints: [] },
    auth: toAuth(current?.contents.config.auth),
    logLevel: context.logLevel.state,
    background: backgroundOf(context, running),
  };
}

function toAuth(auth: ResolvedConfig['auth']): ConfigRecord['auth'] {
  return auth === undefined ? null : { mode: auth.mode, provider: auth.provider };
}

const SHOWN_DEFINITIONS = 20;
const NO_ENDPOINTS: ConfigRecord['endpoints'] = { tools: [], prompts: [], resources: [] };

function toReloadStatus(running: Running | undefined, { phase, scrubber }: ServerContext): ServerStatus['reload'] {
  const status = running?.coordinator.status();
  const { inProgress = false, draining = false, queued = 0, last = null, restartRequired = [] } = status ?? {};
  const refused = findRefused(running?.active.current.contents, last, scrubber);
  return {
    inProgress,
    draining: draining || phase.current === 'closing',
    activeRequests: running?.calls.activeCalls ?? 0,
    queued,
    lastReload: last?.endedAt ?? null,
    lastReloadStatus: last === null ? null : last.error === null ? 'success' : 'error',
    lastReloadError: last === null || last.error === null ? null : toOneLine(last.error.message),
    lastReloadId: last?.id ?? null,
    restartRequired: restartRequired.map(({ setting }) => setting),
    definitionsChanged: last === null ? [] : unreadDefinitions(last).slice(0, SHOWN_DEFINITIONS),
    definitionsRefused: [...refused.values()].slice(0, SHOWN_DEFINITIONS).map(({ message }) => firstLineOf(message)),
  };
}

/** The endpoints of the project that clients can call. SQL tools are not among them: they are a feature, not endpoints. */
function toEndpointNames({ endpoints }: GenerationContents): ConfigRecord['endpoints'] {
  const served = endpoints.catalog.endpoints;
  return {
    tools: served.filter(({ kind }) => kind === 'tool').map(({ name }) => name),
    prompts: served.filter(({ kind }) => kind === 'prompt').map(({ name }) => name),
    resources: served.flatMap((definition) => (definition.kind === 'resource' ? [definition.uri] : [])),
  };
}

function toGroups({ groups }: GenerationContents): ConfigRecord['groups'] {
  return (groups?.names ?? []).flatMap((name) => {
    const listings = groups?.find(name)?.listings;
    if (listings === undefined) return [];
    const { tools, prompts, resources } = listings;
    const namesOf = (listed: readonly { readonly name: string }[]) => listed.map((each) => each.name);
    return { name, tools: namesOf(tools), prompts: namesOf(prompts), resources: resources.map(({ uri }) => uri) };
  });
}

function toConfig(
  generation: Generation<GenerationContents>,
  reload: ReloadStatus,
  { debug, namedBy }: ServerSettings,
): ConfigRecord {
  const { config, database } = generation.contents;
  const { last, restartRequired } = reload;
  return {
    status: 'ok',
    project: config.project,
    profile: config.profile,
    repositoryPath: config.projectRoot,
    debug,
    settings: Object.values(namedBy).sort(),
    transport: config.transport.provider,
    duckdb: { path: database.path, readonly: database.readonly },
    duckdbPath: database.path,
    readonly: database.readonly,
    duckdbEngine: database.engine,
    extensions: config.extensions.map(({ name }) => name),
    attached: config.attachments,
    endpoints: toEndpointNames(generation.contents),
    groups: toGroups(generation.contents),
    auth: toAuth(config.auth),
    features: { sqlTools: config.sqlTools.enabled, ...config.features },
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

const NOT_SERVED = { type: null, name: null, description: null, language: null, enabled: false } as const;

/**
 * Every endpoint file of the project: served, switched off, or left out with its reason. A file that was refused while an earlier
 * version of it is served has the status `ok` and an error.
 */
function toEndpoints(
  { endpoints: { catalog } }: GenerationContents,
  refused: ReadonlyMap<string, RefusedDefinition>,
): readonly EndpointRecord[] {
  const errorOf = (path: string): string | null => refused.get(path)?.message.replaceAll('\n', '; ') ?? null;
  const served = catalog.endpoints.map((definition): EndpointRecord => {
    const { path, kind: type, name, description = null } = definition;
    const language = definition.kind === 'prompt' ? null : definition.source.language;
    return { path, type, name, description, language, enabled: true, status: 'ok', error: errorOf(path) };
  });
  const disabled = catalog.disabled.map(({ path, kind: type, name, description = null }): EndpointRecord => {
    return { ...NOT_SERVED, path, type, name, description, status: 'disabled', error: errorOf(path) };
  });
  const known = new Set([...served, ...disabled].map(({ path }) => path));
  // Nothing that a file with errors declares can be relied on, so only its errors are shown.
  const failed = [...refused.keys()].filter((path) => !known.has(path));
  const left = failed.map((path): EndpointRecord => ({ ...NOT_SERVED, path, status: 'error', error: errorOf(path) }));
  return [...served, ...disabled, ...left].sort((a, b) => (a.path < b.path ? -1 : 1));
}

export interface OpenAdmin extends Disposable {
  /** The absolute path of the admin socket; undefined when none is open. */
  readonly socketPath: string | undefined;
  /** As `AdminServer.abandon`. */
  abandon(): void;
}

const NOTHING_OPEN: OpenAdmin = { socketPath: undefined, dispose: () => {}, abandon: () => {} };

/**
 * Opens the admin socket where the settings ask for one. Logs why one cannot be opened and lets the
 * server run without it, unless the settings are strict: then it throws what opening a socket throws. The server disposes it.
 */
export async function openAdmin(
  { settings: { admin, debug, namedBy }, logger, scrubber, ownerToken, sockets }: ServerContext,
  createPorts: () => AdminPorts,
): Promise<OpenAdmin> {
  const adminLogger = logger.child({ component: 'admin' });
  // A socket that systemd hands over is switched on, unless a setting says otherwise.
  const isEnabled = admin.enabled || (sockets.admin !== undefined && namedBy.admin === undefined);
  if (!isEnabled) {
    logClosed(admin, adminLogger);
    return NOTHING_OPEN;
  }
  try {
    const server = await startAdminServer({
      socket: { path: admin.socketPath, mode: admin.mode, group: admin.group, descriptor: sockets.admin },
      probeSocket: toProbeSocket(admin.probe, sockets.probe),
      debug,
      ports: createPorts(),
      ownerToken,
      logger,
      scrubber,
    });
    return { socketPath: server.paths.socket, dispose: () => server.close(), abandon: () => server.abandon() };
  } catch (error) {
    // The caller that ends with this error reports it.
    const { code } = toMxcpError(error);
    const message = `cannot open the admin socket: ${messageOf(error)}`;
    if (admin.strict) throw new MxcpError(code, message, { cause: error });
    adminLogger.error(message);
    adminLogger.warn('serving without the admin socket; with --admin-strict the start would fail');
    return NOTHING_OPEN;
  }
}

/** Path and mode are those of the socket that systemd made. */
function toProbeSocket(
  probe: ServerSettings['admin']['probe'],
  descriptor: number | undefined,
): AdminSocketSettings | undefined {
  return descriptor === undefined ? probe : { path: '', mode: 0o600, ...probe, descriptor };
}

/** No error: a service file may name both sockets, and one variable switches them on or off. */
function logClosed({ probe }: ServerSettings['admin'], logger: Logger): void {
  if (probe === undefined)
    logger.info('admin socket off; --admin-socket <path>, --admin or MXCP_ADMIN_ENABLED=true opens it');
  else
    logger.warn(
      `the probe socket ${probe.path} is not opened, because the admin socket is off; MXCP_ADMIN_ENABLED=true or --admin opens both`,
    );
}

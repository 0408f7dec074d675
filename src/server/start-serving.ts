import { isDeepStrictEqual } from 'node:util';
import type { ResolvedConfig } from '../config/index.js';
import type { DatabaseRegistry } from '../duckdb/index.js';
import {
  type CallReport,
  checkEndpoints,
  type EndpointCalls,
  type EndpointCatalog,
  EndpointSet,
  findPythonTargets,
  LiveEndpointCalls,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { formatProblem, messageOf } from '../errors/index.js';
import {
  ActiveGeneration,
  CallGate,
  type Disposer,
  type Generation,
  raceSignal,
} from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { type ListChanges, startHttpListener, startStdio } from '../mcp/index.js';
import { type CheckableContents, endpointReport, GenerationBuilder, type Serving } from '../project/index.js';
import { Renderers } from '../prompts/index.js';
import type { PythonReloadRequest } from '../python/index.js';
import { ReloadCoordinator } from '../reload/index.js';
import type { SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import { version } from '../version/index.js';
import type { ServerPhase } from './readiness.js';
import { ServerReloadSteps } from './reload-steps.js';

/** Everything that exists once the first generation serves. */
export interface Running {
  readonly active: ActiveGeneration<Serving>;
  readonly calls: LiveEndpointCalls;
  readonly coordinator: ReloadCoordinator<Serving>;
  readonly door: ClientDoor;
  readonly renderers: Renderers;
}

export interface ServingParts {
  readonly settings: ServerSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly config: ResolvedConfig;
  readonly databases: DatabaseRegistry;
  readonly stores: SecretStores;
  readonly scrubber: Scrubber;
  readonly logger: Logger;
  readonly phase: ServerPhase;
  /** Aborted when the server is stopped while it starts. */
  readonly stopped: AbortSignal;
  /** Frees what is opened here, also when this fails half-way. The door belongs to the server, which closes it first. */
  readonly disposer: Disposer;
  readonly requestReload: (request: PythonReloadRequest) => void;
  /** An instance of the database was opened, and has threads of its own. */
  readonly onInstance: () => void;
  /** This generation serves from now on; the first one is not told. */
  readonly onSwap: (serving: Serving) => void;
}

/** Builds the first generation and lets clients in. Throws what makes the start fail. */
export async function startServing(parts: ServingParts): Promise<Running> {
  const { settings, config, phase, logger, stopped, scrubber } = parts;
  const builder = createBuilder(parts);
  const first = await buildFirstGeneration({ settings, config, builder, phase, logger, stopped });
  const active = new ActiveGeneration(first);
  parts.disposer.defer(() => active.current.dispose());
  parts.onInstance();
  stopped.throwIfAborted();
  const { callTimeoutMs, maxResultBytes } = settings;
  const onCall = (report: CallReport): void => logCall(report, logger);
  const renderers = parts.disposer.own(new Renderers());
  const options = { gate: new CallGate(settings), renderers, callTimeoutMs, maxResultBytes, onCall };
  const calls = new LiveEndpointCalls(active, options);
  const door = await openClientDoor({ calls, config, logger, scrubber });
  return { active, calls, door, renderers, coordinator: createCoordinator(parts, { active, builder, door }) };
}

function createBuilder({ databases, scrubber, logger, requestReload, settings }: ServingParts) {
  const hooksMs = shutdownHooksMs(settings.shutdownTimeoutMs);
  return new GenerationBuilder({ databases, scrubber, logger, requestReload, shutdownHooksMs: hooksMs });
}

function createCoordinator(
  parts: ServingParts,
  { active, builder, door }: Pick<Running, 'active' | 'door'> & { readonly builder: GenerationBuilder },
): ReloadCoordinator<Serving> {
  const { settings, env, databases, stores, onInstance } = parts;
  const logger = parts.logger.child({ component: 'reload' });
  const onSwap = (candidate: Serving, previous: Serving): void => {
    onInstance();
    parts.onSwap(candidate);
    announce(door, { candidate, previous, logger: parts.logger });
  };
  const steps = new ServerReloadSteps({
    settings,
    env,
    active,
    builder,
    databases,
    stores,
    logger,
    onSwap,
    onReopened: onInstance,
  });
  const { reloadHoldTimeoutMs: holdTimeoutMs, reloadDrainTimeoutMs: drainTimeoutMs } = settings;
  return new ReloadCoordinator({ active, steps, limits: { holdTimeoutMs, drainTimeoutMs }, logger });
}

interface Swap {
  readonly candidate: Serving;
  readonly previous: Serving;
  readonly logger: Logger;
}

/** Clients hear of it while calls go on; one that cannot be told is no reason to fail. */
function announce(door: ClientDoor, { candidate, previous, logger }: Swap): void {
  const changes = findListChanges(previous.endpoints, candidate.endpoints);
  if (changes === undefined) return;
  door.notifyListChanged(changes).catch((error: unknown) => {
    logger.warn({ component: 'mcp', reason: messageOf(error) }, 'clients could not be told of changed lists');
  });
}

function logCall({ kind, name, outcome, durationMs }: CallReport, logger: Logger): void {
  const facts = { kind, name, outcome, duration_ms: Math.round(durationMs) };
  logger.debug({ component: 'calls', ...facts }, 'call ended');
}

export interface FirstGenerationParts {
  readonly settings: ServerSettings;
  readonly config: ResolvedConfig;
  readonly builder: GenerationBuilder;
  readonly phase: ServerPhase;
  readonly logger: Logger;
  /** Aborted when the server is stopped while it starts. */
  readonly stopped: AbortSignal;
}

/**
 * Builds what the server starts with. Throws one report that names all endpoints that cannot be served, or with
 * `--ignore-errors` goes on without them.
 */
export async function buildFirstGeneration(parts: FirstGenerationParts): Promise<Generation<Serving>> {
  const { config, builder, phase, logger } = parts;
  phase.startActivity('reading endpoint definitions');
  const onDisk = await raceSignal(loadEndpoints(config), parts.stopped);
  for (const warning of onDisk.warnings) logger.warn(formatProblem(warning));
  phase.startActivity('opening the database');
  const endpointsOn = async (contents: CheckableContents): Promise<EndpointSet> => {
    phase.startActivity('checking endpoints');
    const checked = withFailures(onDisk, await checkEndpoints(onDisk, contents));
    reportFailures(checked, parts);
    phase.startActivity('running on_init hooks');
    return new EndpointSet(checked, config.sqlTools);
  };
  const targets = findPythonTargets(onDisk);
  const spec = { config, targets, endpointsOn, signal: parts.stopped };
  const first = await builder.buildFirst(spec, { hooks: true });
  for (const warning of await first.contents.database.settle()) logger.warn(warning);
  return first;
}

function reportFailures({ failures }: EndpointCatalog, { settings, logger }: FirstGenerationParts): void {
  if (failures.length === 0) return;
  const report = endpointReport(failures);
  if (!settings.ignoreErrors) throw report;
  logger.warn(`${report.message}\nServing without them (--ignore-errors)`);
}

const CALLS_SHARE = 0.8;
const HOOKS_SHARE = 0.3;
const MAX_HOOKS_MS = 5000;

/** How long `on_shutdown` hooks may take, of the time that an orderly end may take. */
export function shutdownHooksMs(shutdownTimeoutMs: number): number {
  return Math.min(MAX_HOOKS_MS, shutdownTimeoutMs * HOOKS_SHARE);
}

/**
 * How long running calls may take. The rest is for what comes after them; where there are `on_shutdown` hooks, their time is
 * taken from that of the calls.
 */
export function shutdownCallsMs(shutdownTimeoutMs: number, hasHooks: boolean): number {
  return shutdownTimeoutMs * CALLS_SHARE - (hasHooks ? shutdownHooksMs(shutdownTimeoutMs) : 0);
}

/** The way in for MCP clients, whichever transport the configuration names. */
export interface ClientDoor {
  /** Undefined for stdio. */
  readonly url: string | undefined;
  /** Resolves when the one client of stdio has gone; over HTTP never. */
  readonly clientGone: Promise<void>;
  notifyListChanged(changes: ListChanges): Promise<void>;
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export interface ClientDoorParts {
  readonly calls: EndpointCalls;
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

/** Throws `port_in_use`. The server closes it. */
export async function openClientDoor({ calls, config, ...output }: ClientDoorParts): Promise<ClientDoor> {
  const options = { calls, ...output, info: { name: config.project, version } };
  const { transport } = config;
  if (transport.provider === 'stdio') {
    const connection = startStdio(options);
    return {
      url: undefined,
      clientGone: connection.closed,
      notifyListChanged: (changes) => connection.notifyListChanged(changes),
      close: (deadline) => connection.close(deadline),
    };
  }
  const listener = await startHttpListener({ ...options, ...transport });
  return {
    url: listener.url,
    clientGone: new Promise(() => {}),
    notifyListChanged: (changes) => listener.notifyListChanged(changes),
    close: (deadline) => listener.close(deadline),
  };
}

/** Which lists look different to a client. Undefined when none does, so that nobody is told for nothing. */
export function findListChanges(previous: EndpointSet, next: EndpointSet): ListChanges | undefined {
  if (previous === next) return undefined;
  const changes = {
    tools: !isDeepStrictEqual(previous.tools, next.tools),
    resources: !isDeepStrictEqual(previous.resources, next.resources),
    prompts: !isDeepStrictEqual(previous.prompts, next.prompts),
  };
  return changes.tools || changes.resources || changes.prompts ? changes : undefined;
}

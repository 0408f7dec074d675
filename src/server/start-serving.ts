import type { ResolvedConfig, SecretStores, ServerSettings } from '../config/index.js';
import { CallGate, LiveEndpointCalls, Renderers, type CallReport } from '../endpoints/index.js';
import { messageOf } from '../errors/index.js';
import { ActiveGeneration, type Disposer } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { ReloadCoordinator } from '../reload/index.js';
import type { DatabaseRegistry, PythonReloadRequest } from '../runtime/index.js';
import { openClientDoor, type ClientDoor } from './client-door.js';
import { buildFirstGeneration } from './first-generation.js';
import { findListChanges } from './list-changes.js';
import { GenerationBuilder, type Serving } from './project/index.js';
import type { ServerPhase } from './server-phase.js';
import { ServerReloadSteps } from './server-reload-steps.js';
import { shutdownHooksMs } from './shutdown-budget.js';

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

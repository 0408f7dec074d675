import { declaredName, type EndpointSet } from '../endpoints/index.js';
import type { ServerMetrics, ServerState, ServingState } from '../metrics/index.js';
import { unreadDefinitions } from '../reload/index.js';
import type { ServerContext } from './server-context.js';
import type { Running } from './start-serving.js';

/**
 * The metrics of a server, with a listener of their own where the settings ask for one. Undefined, and without any cost, when they
 * are off or when there is nothing to read them through. Throws what opening the port throws.
 */
export async function openMetrics(
  context: ServerContext,
  running: () => Running | undefined,
): Promise<ServerMetrics | undefined> {
  const { settings, observers, disposer, logger } = context;
  const { metrics: isOn, metricsListen, admin } = settings;
  if (!isOn || (!admin.enabled && metricsListen === undefined)) return undefined;
  // Most of its time is that of its library, which other commands and servers without metrics do not load.
  const { ServerMetrics, startMetricsListener } = await import('../metrics/index.js');
  const metrics = new ServerMetrics(() => readState(context, running()));
  for (const observer of metrics.observers) disposer.defer(observers.add(observer));
  if (metricsListen !== undefined) {
    const expose = (accept: string) => metrics.expose(accept);
    disposer.own(await startMetricsListener({ ...metricsListen, expose, logger }));
  }
  return metrics;
}

async function readState(
  { phase, logger, stores, readiness }: ServerContext,
  running: Running | undefined,
): Promise<ServerState> {
  const { checks } = await readiness.ready();
  return {
    phase: phase.current,
    isDraining: phase.drainingSince !== undefined,
    uptimeSeconds: phase.uptimeSeconds,
    logLevel: logger.level,
    checks,
    background: [...(running?.triggers.reports() ?? []), ...stores.reports()],
    serving: running === undefined ? undefined : toServing(running),
  };
}

function toServing({ active, calls, coordinator, gate }: Running): ServingState {
  const { number: generation, contents } = active.current;
  const { endpoints, database, python, config } = contents;
  const { inProgress, queued, draining, restartRequired, last } = coordinator.status();
  const { catalog } = endpoints;
  return {
    generation,
    endpoints: toNames(endpoints),
    endpointFiles: { ok: catalog.endpoints.length, disabled: catalog.disabled.length, error: catalog.failures.length },
    activeCalls: calls.active.map(({ kind, name }) => ({ kind, name: declaredName(endpoints, kind, name) })),
    gate: gate.load,
    reload: {
      inProgress,
      queued,
      draining,
      restartRequired: restartRequired.length,
      definitionsChanged: last === null ? 0 : unreadDefinitions(last).length,
    },
    database: { ...database.engine, readonly: database.readonly, ...database.connections },
    python: python && { ...python.status, ready: python.ready },
    references: config.references,
  };
}

function toNames({ listings }: EndpointSet): ServingState['endpoints'] {
  return [
    ...listings.tools.map(({ name }) => ({ kind: 'tool', name }) as const),
    ...listings.resources.map(({ uri }) => ({ kind: 'resource', name: uri }) as const),
    ...listings.prompts.map(({ name }) => ({ kind: 'prompt', name }) as const),
  ];
}

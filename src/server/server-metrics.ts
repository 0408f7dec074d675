import { isReady } from '../admin/index.js';
import { within } from '../lifecycle/index.js';
import { declaredName, type EndpointSet } from '../endpoints/index.js';
import type { ServerMetrics, ServerState, ServingState } from '../metrics/index.js';
import { unreadDefinitions } from '../reload/index.js';
import { readFilesystems } from '../system/index.js';
import { backgroundOf, watchedFolders } from './admin-ports.js';
import { DATABASE_ANSWER_MS } from './readiness.js';
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
  if (!isOn && metricsListen !== undefined)
    logger.warn(
      { component: 'metrics' },
      'no metrics are served on an address of their own, because MXCP_METRICS is off',
    );
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

async function readState(context: ServerContext, running: Running | undefined): Promise<ServerState> {
  const { phase, logger, stores, readiness } = context;
  const report = await readiness.ready();
  const { checks } = report;
  const isAnswering = checks.some(({ name, status }) => name === 'database' && status === 'ok');
  return {
    phase: phase.current,
    isDraining: phase.drainingSince !== undefined,
    uptimeSeconds: phase.uptimeSeconds,
    logLevel: logger.level,
    isReady: isReady(report),
    checks,
    background: backgroundOf(context, running),
    expiries: stores.expiries(),
    serving: running === undefined ? undefined : await toServing(context, running, isAnswering),
  };
}

async function toServing({ settings }: ServerContext, running: Running, isAnswering: boolean): Promise<ServingState> {
  const { active, calls, coordinator, gate } = running;
  const [memory, disks] = await Promise.all([
    isAnswering ? readMemory(running) : undefined,
    readFilesystems(watchedFolders(running)),
  ]);
  // Read after every wait, so that all numbers are of the same generation.
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
    database: {
      ...database.engine,
      readonly: database.readonly,
      ...database.connections,
      memoryLimitBytes: settings.duckdbMemoryLimit,
      temporaryLimitBytes: settings.duckdbTempLimit,
      memory,
    },
    disks,
    python: python && { ...python.status, ready: python.ready },
    references: config.references,
  };
}

/** A scrape must be answered, whatever the database does. Under a lease, so that the generation is not disposed before the answer. */
async function readMemory({ active }: Running): Promise<ServingState['database']['memory']> {
  const lease = active.tryAcquire({ label: 'a scrape of metrics', interrupt: () => {} });
  // A handover has the database closed.
  if (lease === undefined) return undefined;
  const asking = lease.contents.database
    .memory()
    // The check of the database reports what is wrong with it.
    .catch(() => undefined)
    .finally(() => lease.release());
  return within(asking, DATABASE_ANSWER_MS);
}

function toNames({ listings }: EndpointSet): ServingState['endpoints'] {
  return [
    ...listings.tools.map(({ name }) => ({ kind: 'tool', name }) as const),
    ...listings.resources.map(({ uri }) => ({ kind: 'resource', name: uri }) as const),
    ...listings.prompts.map(({ name }) => ({ kind: 'prompt', name }) as const),
  ];
}

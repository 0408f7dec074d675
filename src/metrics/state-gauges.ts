import { availableParallelism } from 'node:os';
import { Gauge, type Registry } from 'prom-client';
import { LOG_LEVELS } from '../logging/index.js';
import { version } from '../version/index.js';
import type { ServerState, ServingState } from './server-state.js';

type Labels = Readonly<Record<string, string>>;
/** One value of a gauge. */
export type Sample = readonly [labels: Labels, value: number];

interface StateGauge {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly read: (state: ServerState) => number | readonly Sample[] | undefined;
}

/** A gauge that has no value until the first generation serves. */
function ofServing(
  name: string,
  help: string,
  read: (serving: ServingState) => number | readonly Sample[] | undefined,
  labels?: readonly string[],
): StateGauge {
  const gauge = { name, help, read: ({ serving }: ServerState) => serving && read(serving) };
  return labels === undefined ? gauge : { ...gauge, labels };
}

/** Every metric that shows a state, in the order of the documentation. */
const STATE_GAUGES: readonly StateGauge[] = [
  {
    name: 'mxcp_build_info',
    help: 'Always 1, with the versions of mxcp and Node.js.',
    labels: ['version', 'node_version'],
    read: () => [[{ version, node_version: process.version }, 1]],
  },
  {
    name: 'mxcp_uptime_seconds',
    help: 'How long the server has run, its start included.',
    read: ({ uptimeSeconds }) => uptimeSeconds,
  },
  {
    name: 'mxcp_phase',
    help: '1 for the phase of the life of the server: starting, serving or closing.',
    labels: ['phase'],
    read: ({ phase }) => oneOf('phase', ['starting', 'serving', 'closing'], phase),
  },
  {
    name: 'mxcp_ready',
    help: 'Whether calls would be served now, as /readyz answers it.',
    read: ({ isReady }) => toNumber(isReady),
  },
  {
    name: 'mxcp_check_ok',
    help: 'Whether each check of /readyz passes.',
    labels: ['check'],
    read: ({ checks }) => checks.map(({ name, status }) => [{ check: name }, toNumber(status === 'ok')]),
  },
  {
    name: 'mxcp_background_ok',
    help: 'Whether work that the server does by itself succeeds: watch, refresh, vault.',
    labels: ['name'],
    read: ({ background }) => background.map(({ name, status }) => [{ name }, toNumber(status === 'ok')]),
  },
  {
    name: 'mxcp_draining',
    help: 'Whether the server is out of rotation and refuses new calls, because it was drained or shuts down.',
    read: ({ phase, isDraining }) => toNumber(isDraining || phase === 'closing'),
  },
  {
    name: 'mxcp_log_level',
    help: '1 for the level of the log: debug, info, warn or error.',
    labels: ['level'],
    read: ({ logLevel }) => oneOf('level', LOG_LEVELS, logLevel),
  },
  ofServing('mxcp_generation', 'Number of the current generation; 1 at start.', ({ generation }) => generation),
  ofServing('mxcp_reload_in_progress', 'Whether a reload runs.', ({ reload }) => toNumber(reload.inProgress)),
  ofServing(
    'mxcp_reload_queued',
    'Requests for a reload that wait for the running one.',
    ({ reload }) => reload.queued,
  ),
  ofServing(
    'mxcp_reload_draining',
    'Whether calls still run on an earlier generation, or a handover waits for calls.',
    ({ reload }) => toNumber(reload.draining),
  ),
  ofServing(
    'mxcp_restart_required_settings',
    'Settings that differ on disk and that only a restart applies, as the last reload found them.',
    ({ reload }) => reload.restartRequired,
  ),
  ofServing(
    'mxcp_changed_definition_files',
    'Endpoint files that the last reload found changed on disk and did not read.',
    ({ reload }) => reload.definitionsChanged,
  ),
  ofServing(
    'mxcp_endpoints',
    'Endpoints that clients can call, by kind. The built-in SQL tools count as tools.',
    ({ endpoints }) =>
      ['tool', 'resource', 'prompt'].map((kind) => [{ kind }, endpoints.filter((each) => each.kind === kind).length]),
    ['kind'],
  ),
  ofServing(
    'mxcp_endpoint_files',
    'Endpoint files by status: ok, disabled or error.',
    ({ endpointFiles }) => Object.entries(endpointFiles).map(([status, count]) => [{ status }, count]),
    ['status'],
  ),
  ofServing('mxcp_calls_running', 'Calls that run, long ones included.', ({ gate }) => gate.running),
  ofServing('mxcp_calls_queued', 'Calls that wait for others to end.', ({ gate }) => gate.queued),
  ofServing(
    'mxcp_calls_running_limit',
    'Calls that may run at once, not counting those that run longer than a second (`--max-concurrent-calls`).',
    ({ gate }) => gate.maxConcurrentCalls,
  ),
  ofServing(
    'mxcp_calls_queued_limit',
    'Calls that may wait (`--max-queued-calls`).',
    ({ gate }) => gate.maxQueuedCalls,
  ),
  ofServing(
    'mxcp_duckdb_info',
    'Always 1, with the version of DuckDB, the oldest one that can read the open file, and how the file is open.',
    ({ database: { version: engine, storageVersion, readonly } }) => [
      [{ version: engine, storage_version: storageVersion ?? '', mode: readonly ? 'readonly' : 'readwrite' }, 1],
    ],
    ['version', 'storage_version', 'mode'],
  ),
  ofServing(
    'mxcp_duckdb_connections',
    'Open connections of DuckDB, by state: used or idle.',
    ({ database }) => [
      [{ state: 'used' }, database.usedConnections],
      [{ state: 'idle' }, database.idleConnections],
    ],
    ['state'],
  ),
  ofServing(
    'mxcp_duckdb_memory_bytes',
    'Memory that DuckDB uses for data and operators.',
    ({ database }) => database.memory?.memoryBytes,
  ),
  ofServing(
    'mxcp_duckdb_memory_limit_bytes',
    'Memory that DuckDB may use (`--duckdb-memory-limit`).',
    ({ database }) => database.memoryLimitBytes,
  ),
  ofServing(
    'mxcp_duckdb_temporary_bytes',
    'Disk space that DuckDB uses for what does not fit into its memory.',
    ({ database }) => database.memory?.temporaryBytes,
  ),
  ofServing(
    'mxcp_duckdb_temporary_limit_bytes',
    'Disk space that DuckDB may use for that (`--duckdb-temp-limit`).',
    ({ database }) => database.temporaryLimitBytes,
  ),
  ofServing(
    'mxcp_disk_free_bytes',
    'What an ordinary user can still write on the file system of the database and that of the project.',
    ({ disks }) =>
      disks.flatMap(({ holds, freeBytes }) => (freeBytes === null ? [] : [[{ holds }, freeBytes] as const])),
    ['holds'],
  ),
  ofServing(
    'mxcp_disk_total_bytes',
    'The size of these file systems.',
    ({ disks }) =>
      disks.flatMap(({ holds, totalBytes }) => (totalBytes === null ? [] : [[{ holds }, totalBytes] as const])),
    ['holds'],
  ),
  {
    name: 'mxcp_thread_pool_threads',
    help: 'Threads that run queries and file reads (`UV_THREADPOOL_SIZE`). Each running query holds one.',
    read: () => Number(process.env['UV_THREADPOOL_SIZE'] ?? LIBUV_DEFAULT_THREADS),
  },
  { name: 'mxcp_processors', help: 'Processors that the process may use.', read: () => availableParallelism() },
  ofServing('mxcp_python_workers', 'Python processes of the current generation.', ({ python }) => python?.workers),
  ofServing('mxcp_python_workers_ready', 'Python processes that take calls.', ({ python }) => python?.ready),
  ofServing('mxcp_python_calls_running', 'Calls that run in Python processes.', ({ python }) => python?.busy),
  ofServing(
    'mxcp_secret_references',
    'Distinct references of the configuration, by source.',
    ({ references }) => groupBySource(references, (group) => group.length),
    ['source'],
  ),
  ofServing(
    'mxcp_secret_oldest_resolved_timestamp_seconds',
    'When the value that was resolved longest ago was resolved, by source.',
    ({ references }) =>
      groupBySource(references, (group) => Math.min(...group.map(({ resolvedAt }) => toSeconds(resolvedAt)))),
    ['source'],
  ),
  ofServing(
    'mxcp_secret_lease_expiry_timestamp_seconds',
    'When the first lease of a value ends, by source. The server resolves it again before that.',
    ({ references }) =>
      groupBySource(
        references.filter(({ leaseSeconds }) => leaseSeconds !== undefined),
        (group) => Math.min(...group.map(({ resolvedAt, leaseSeconds = 0 }) => toSeconds(resolvedAt) + leaseSeconds)),
      ),
    ['source'],
  ),
  {
    name: 'mxcp_secret_store_expiry_timestamp_seconds',
    help: 'When a token or certificate of a secret store ends, by store and kind. The server renews tokens where it can.',
    labels: ['store', 'kind'],
    read: ({ expiries }) => expiries.map(({ store, kind, at }) => [{ store, kind }, toSeconds(at)]),
  },
];

const LIBUV_DEFAULT_THREADS = 4;

/** The gauges of a server. Each update replaces all of their values, so that nothing of an earlier generation stays. */
export class StateGauges {
  readonly #gauges: readonly (readonly [Gauge, StateGauge['read']])[];

  constructor(registry: Registry) {
    this.#gauges = STATE_GAUGES.map(({ name, help, labels = [], read }) => {
      return [new Gauge({ name, help, labelNames: [...labels], registers: [registry] }), read];
    });
  }

  update(state: ServerState): void {
    for (const [gauge, read] of this.#gauges) setAll(gauge, read(state));
  }
}

/** Replaces the values of a gauge. Undefined leaves it without any. */
export function setAll(gauge: Gauge, value: number | readonly Sample[] | undefined): void {
  const samples: readonly Sample[] = typeof value === 'number' ? [[{}, value]] : (value ?? []);
  gauge.reset();
  // After a reset, a gauge without labels is 0, which is not the same as unknown.
  if (value === undefined) gauge.remove({});
  for (const [labels, each] of samples) gauge.set(labels, each);
}

function oneOf(label: string, all: readonly string[], current: string): readonly Sample[] {
  return all.map((each) => [{ [label]: each }, toNumber(each === current)]);
}

type Reference = ServingState['references'][number];

function groupBySource(
  references: readonly Reference[],
  toValue: (group: readonly Reference[]) => number,
): readonly Sample[] {
  const sources = [...new Set(references.map(({ source }) => source))].sort();
  return sources.map((source) => [{ source }, toValue(references.filter((each) => each.source === source))]);
}

function toNumber(isTrue: boolean): number {
  return isTrue ? 1 : 0;
}

function toSeconds(time: Date): number {
  return time.getTime() / 1000;
}

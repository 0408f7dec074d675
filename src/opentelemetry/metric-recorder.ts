import type { Attributes, Counter, Histogram, Meter, UpDownCounter } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { RunRecord } from '../contract/index.js';
import {
  CALL_METHODS,
  type CallTiming,
  type ObservedCall,
  type ReloadChange,
  type ServerObserver,
} from '../telemetry/index.js';
import { operationOf, TRANSPORTS } from './call-spans.js';
import type { ExportPlan } from './export-plan.js';
import type { OtlpExporter } from './otlp-exporter.js';

export interface MetricRecorderOptions {
  readonly plan: ExportPlan;
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly exporter: OtlpExporter<ResourceMetrics>;
}

/** As the semantic conventions for MCP advise. */
const DURATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/**
 * Counts calls and reloads and exports the figures at intervals. Attributes name only endpoints that the project declares; the SDK limits
 * the number of their combinations (2,000 for each metric).
 */
export class MetricRecorder implements ServerObserver {
  readonly #provider: MeterProvider;
  readonly #requests: Counter;
  readonly #errors: Counter;
  readonly #running: UpDownCounter;
  readonly #duration: Histogram;
  readonly #executions: Executions;
  readonly #reloads: Counter;

  constructor({ plan, resource, scope, exporter }: MetricRecorderOptions) {
    const temporality = plan.isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
    const reader = new PeriodicExportingMetricReader({
      exporter: {
        export: (metrics, onResult) => exporter.export(metrics, onResult),
        forceFlush: () => exporter.forceFlush(),
        shutdown: () => exporter.shutdown(),
        selectAggregationTemporality: () => temporality,
      },
      exportIntervalMillis: plan.metricsIntervalMs,
      exportTimeoutMillis: Math.min(plan.metricsIntervalMs, plan.metrics?.timeoutMs ?? plan.metricsIntervalMs),
    });
    this.#provider = new MeterProvider({ resource, readers: [reader] });
    const meter = this.#provider.getMeter(scope.name, scope.version);
    meter
      .createObservableGauge('mxcp.up', { description: 'Whether the server runs.' })
      .addCallback((result) => result.observe(1));
    this.#requests = meter.createCounter('mxcp.endpoint.requests_total', { description: 'Calls that have ended.' });
    this.#errors = meter.createCounter('mxcp.endpoint.errors_total', { description: 'Calls that have failed.' });
    this.#running = meter.createUpDownCounter('mxcp.endpoint.concurrent_executions', {
      description: 'Calls that have arrived and are not answered.',
    });
    this.#duration = meter.createHistogram('mcp.server.operation.duration', {
      description: 'The time of a call from its arrival until its answer is written.',
      unit: 's',
      advice: { explicitBucketBoundaries: DURATION_BUCKETS },
    });
    this.#executions = new Executions(meter);
    this.#reloads = meter.createCounter('mxcp.reloads_total', { description: 'Reloads that have ended.' });
  }

  callStarted({ start }: CallTiming): void {
    this.#running.add(1, { type: start.kind });
  }

  callEnded({ kind, endpoint, failure }: ObservedCall): void {
    const attributes = { type: kind, endpoint: endpoint ?? 'unknown' };
    this.#requests.add(1, { ...attributes, status: failure === undefined ? 'success' : 'error' });
    if (failure !== undefined) this.#errors.add(1, { ...attributes, 'error.type': failure.code });
  }

  callAnswered(timing: CallTiming): void {
    const { start, durationMs, intervals } = timing;
    this.#running.add(-1, { type: start.kind });
    this.#duration.record(durationMs / 1000, operationAttributes(timing));
    for (const interval of intervals) this.#executions.count(interval);
  }

  reloadChanged({ trigger, error, dryRun }: RunRecord, change: ReloadChange): void {
    if (change === 'ended' && !dryRun) this.#reloads.add(1, { trigger, status: error === null ? 'success' : 'error' });
  }

  /** Exports the figures a last time. */
  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}

function operationAttributes({ start, ended }: CallTiming): Attributes {
  const endpoint = ended?.endpoint;
  return {
    'mcp.method.name': CALL_METHODS[start.kind],
    ...(start.kind === 'tool' && endpoint !== undefined && { 'gen_ai.tool.name': endpoint }),
    ...(start.kind === 'prompt' && endpoint !== undefined && { 'gen_ai.prompt.name': endpoint }),
    ...(ended?.failure !== undefined && { 'error.type': ended.failure.code }),
    'network.transport': TRANSPORTS[start.transport],
  };
}

/** What ran for calls: statements and functions. */
class Executions {
  readonly #all: Counter;
  readonly #queries: Counter;
  readonly #functions: Counter;

  constructor(meter: Meter) {
    this.#all = meter.createCounter('mxcp.execution.total', { description: 'Endpoints whose SQL or code has run.' });
    this.#queries = meter.createCounter('mxcp.duckdb.queries_total', { description: 'Statements that have run.' });
    this.#functions = meter.createCounter('mxcp.python.executions_total', { description: 'Functions that have run.' });
  }

  count({ phase, facts, parent, failure }: CallTiming['intervals'][number]): void {
    if (phase !== 'duckdb' && phase !== 'python') return;
    const status = failure === undefined ? 'success' : 'error';
    const language = phase === 'duckdb' ? 'sql' : 'python';
    if (parent === undefined) this.#all.add(1, { language, status });
    if (phase === 'python') this.#functions.add(1, { status });
    else this.#queries.add(1, { operation: operationOf(facts.statement ?? ''), status });
  }
}

import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import {
  type IExporterMetricsHelper,
  type ISerializer,
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  LogsExporterMetricsHelper,
  MetricsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { clip, errorCodeOf, messageOf, toOneLine } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { ExportPlan, Signal, SignalPlan } from './export-plan.js';

/** What the processors of the SDK need. */
export interface OtlpExporter<Items> {
  export(items: Items, onResult: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export interface ExporterOptions {
  readonly plan: ExportPlan;
  /** Those of the configuration now: a reload may have changed them since the last export. Must not throw. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** One exporter for each signal that is exported. */
export function createExporters(options: ExporterOptions) {
  const { traces, metrics, logs } = options.plan;
  return {
    traces: traces && createTraceExporter(traces, options),
    metrics: metrics && createMetricExporter(metrics, options),
    logs: logs && createLogExporter(logs, options),
  };
}

function createTraceExporter(plan: SignalPlan, options: ExporterOptions): OtlpExporter<ReadableSpan[]> {
  const serializer = isJson(plan) ? JsonTraceSerializer : ProtobufTraceSerializer;
  const countOf = (spans: ReadableSpan[]): string => `${spans.length} spans`;
  return createExporter(plan, options, { signal: 'traces', serializer, helper: TraceExporterMetricsHelper, countOf });
}

function createMetricExporter(plan: SignalPlan, options: ExporterOptions): OtlpExporter<ResourceMetrics> {
  const serializer = isJson(plan) ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const countOf = (): string => 'the values of one interval';
  const helper = MetricsExporterMetricsHelper;
  return createExporter(plan, options, { signal: 'metrics', serializer, helper, countOf });
}

function createLogExporter(plan: SignalPlan, options: ExporterOptions): OtlpExporter<ReadableLogRecord[]> {
  const serializer = isJson(plan) ? JsonLogsSerializer : ProtobufLogsSerializer;
  const countOf = (records: ReadableLogRecord[]): string => `${records.length} lines`;
  return createExporter(plan, options, { signal: 'logs', serializer, helper: LogsExporterMetricsHelper, countOf });
}

function isJson({ encoding }: SignalPlan): boolean {
  return encoding === 'http/json';
}

interface SignalParts<Items> {
  readonly signal: Signal;
  readonly serializer: ISerializer<Items, unknown>;
  readonly helper: IExporterMetricsHelper<Items>;
  readonly countOf: (items: Items) => string;
}

/** Nothing that goes wrong with an export reaches the processors of the SDK, which would report it in a way of their own. */
function createExporter<Items>(
  plan: SignalPlan,
  { headers, logger }: ExporterOptions,
  { signal, serializer, helper, countOf }: SignalParts<Items>,
): OtlpExporter<Items> {
  const contentType = isJson(plan) ? 'application/json' : 'application/x-protobuf';
  const options = {
    url: plan.url,
    timeoutMillis: plan.timeoutMs,
    compression: plan.compression,
    headers: async () => ({ ...headers(), ...plan.headers }),
    userAgent: 'mxcp',
  };
  const name = { traces: 'TRACES', metrics: 'METRICS', logs: 'LOGS' } as const;
  // The certificates of the collector are read here, from the variables that OpenTelemetry has for them.
  const http = convertLegacyHttpOptions(
    // The package types the compression as an enumeration, whose values are these texts (0.223.0).
    options as Parameters<typeof convertLegacyHttpOptions>[0],
    name[signal],
    `v1/${signal}`,
    { 'Content-Type': contentType },
  );
  const delegate = createOtlpHttpExportDelegate(http, serializer, 'otlp_http_exporter', helper, undefined);
  const outage = new Outage(signal, logger);
  return {
    export: (items, onResult) =>
      delegate.export(items, ({ code, error }) => {
        if (code === ExportResultCode.SUCCESS) outage.end();
        else outage.report(error, countOf(items));
        onResult({ code: ExportResultCode.SUCCESS });
      }),
    forceFlush: () => delegate.forceFlush(),
    shutdown: () => delegate.shutdown(),
  };
}

const REPORT_INTERVAL_MS = 60_000;
const MAX_REASON_LENGTH = 300;

/** Logs that the collector takes nothing: at most one line a minute, and one when it takes something again. */
class Outage {
  readonly #signal: Signal;
  readonly #logger: Logger;
  #since: number | undefined;
  #failures = 0;
  #isReported = false;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(signal: Signal, logger: Logger) {
    this.#signal = signal;
    this.#logger = logger;
  }

  report(error: Error | undefined, lost: string): void {
    this.#since ??= performance.now();
    this.#failures += 1;
    if (performance.now() - this.#reportedAt < REPORT_INTERVAL_MS) return;
    this.#reportedAt = performance.now();
    this.#isReported = true;
    const fields = { signal: this.#signal, reason: reasonOf(error), failures: this.#failures };
    this.#logger.warn(
      fields,
      `the collector did not take ${this.#signal}, and ${lost} are lost; calls are not affected`,
    );
  }

  /** Says nothing of an outage that was too short to be reported. */
  end(): void {
    if (this.#since === undefined) return;
    const outage_s = Math.round((performance.now() - this.#since) / 1000);
    const fields = { signal: this.#signal, failures: this.#failures, outage_s };
    if (this.#isReported) this.#logger.info(fields, `the collector takes ${this.#signal} again`);
    this.#since = undefined;
    this.#failures = 0;
    this.#isReported = false;
  }
}

/** What the collector answered is not quoted beyond its status, because it may repeat the headers that it got. */
function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'unknown';
  const status = 'code' in error && typeof error.code === 'number' ? `status ${error.code}: ` : '';
  const text = messageOf(error) || (errorCodeOf(error) ?? error.name);
  return clip(toOneLine(`${status}${text}`), MAX_REASON_LENGTH);
}

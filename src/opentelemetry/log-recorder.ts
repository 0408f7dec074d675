import { type LogAttributes, SeverityNumber } from '@opentelemetry/api-logs';
import { ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { LoggedLine, ServerObserver } from '../telemetry/index.js';
import type { ExportPlan } from './export-plan.js';
import type { OtlpExporter } from './otlp-exporter.js';

export interface LogRecorderOptions {
  readonly plan: ExportPlan;
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly exporter: OtlpExporter<ReadableLogRecord[]>;
}

const SEVERITIES: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** Exports the lines of the log, as they are after secrets were removed. */
export class LogRecorder implements ServerObserver {
  readonly #provider: LoggerProvider;
  readonly #logger: ReturnType<LoggerProvider['getLogger']>;

  constructor({ plan, resource, scope, exporter }: LogRecorderOptions) {
    const { delayMs, queueSize, batchSize } = plan.logBatch;
    const processor = new BatchLogRecordProcessor({
      exporter,
      scheduledDelayMillis: delayMs,
      maxQueueSize: queueSize,
      maxExportBatchSize: batchSize,
    });
    this.#provider = new LoggerProvider({ resource, processors: [processor] });
    this.#logger = this.#provider.getLogger(scope.name, scope.version);
  }

  lineLogged({ level, record }: LoggedLine): void {
    const { time, msg, component, trace_id: traceId, span_id: spanId, level: _level, ...fields } = record();
    // Lines about a failed export would cause the next export.
    if (component === 'telemetry') return;
    const isTraced = typeof traceId === 'string' && typeof spanId === 'string';
    const spanContext = isTraced ? { traceId, spanId, traceFlags: TraceFlags.SAMPLED } : undefined;
    this.#logger.emit({
      timestamp: typeof time === 'string' ? new Date(time) : new Date(),
      severityNumber: SEVERITIES[level] ?? SeverityNumber.INFO,
      severityText: level.toUpperCase(),
      body: typeof msg === 'string' ? msg : '',
      attributes: { ...toAttributes(fields), ...(typeof component === 'string' && { 'mxcp.component': component }) },
      ...(spanContext !== undefined && { context: trace.setSpanContext(ROOT_CONTEXT, spanContext) }),
    });
  }

  /** Exports what has not been exported. */
  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}

function toAttributes(fields: Readonly<Record<string, unknown>>): LogAttributes {
  const entries = Object.entries(fields).map(([key, value]): [string, string | number | boolean] => {
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return [key, isPlain ? value : JSON.stringify(value)];
  });
  return Object.fromEntries(entries);
}

import { type Attributes, ROOT_CONTEXT, SpanKind, trace as traceApi } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { RunRecord } from '../contract/index.js';
import type { Logger } from '../logging/index.js';
import {
  CALL_METHODS,
  type CallTiming,
  newSpanId,
  newTraceId,
  type ReloadChange,
  type ServerObserver,
  type TraceContext,
} from '../telemetry/index.js';
import { type SpanOptions, spansOf } from './call-spans.js';
import type { ExportPlan } from './export-plan.js';
import type { OtlpExporter } from './otlp-exporter.js';
import { ReloadSpans } from './reload-spans.js';
import { type EndedSpan, type SpanFactory, toSpanContext } from './span-factory.js';

export interface TraceRecorderOptions extends SpanOptions {
  readonly plan: ExportPlan;
  readonly factory: SpanFactory;
  /** Absent when spans are only logged. */
  readonly exporter: OtlpExporter<ReadableSpan[]> | undefined;
  readonly logger: Logger;
}

/** Decides which calls and reloads are traced, and exports their spans in batches once they have ended. */
export class TraceRecorder implements ServerObserver {
  readonly #options: TraceRecorderOptions;
  readonly #sampler: Sampler;
  readonly #processor: BatchSpanProcessor | undefined;
  readonly #reloads = new ReloadSpans(() => this.#begin(undefined, 'mxcp.reload', SpanKind.INTERNAL));

  constructor(options: TraceRecorderOptions) {
    this.#options = options;
    const { plan, exporter } = options;
    this.#sampler = toSampler(plan.sampler);
    const { delayMs, queueSize, batchSize } = plan.spanBatch;
    this.#processor =
      exporter &&
      new BatchSpanProcessor(exporter, {
        scheduledDelayMillis: delayMs,
        maxQueueSize: queueSize,
        maxExportBatchSize: batchSize,
      });
  }

  callStarted(timing: CallTiming): void {
    timing.trace = this.#begin(timing.start.parent, CALL_METHODS[timing.start.kind], SpanKind.SERVER);
  }

  callAnswered(timing: CallTiming): void {
    const { trace } = timing;
    if (trace?.isSampled !== true) return;
    for (const span of spansOf(timing, trace, this.#options)) this.#record(span);
  }

  reloadChanged(record: RunRecord, change: ReloadChange): void {
    for (const span of this.#reloads.follow(record, change)) if (span.context.isSampled) this.#record(span);
  }

  /** Exports what has not been exported. */
  async close(): Promise<void> {
    await this.#processor?.shutdown();
  }

  #record(span: EndedSpan): void {
    const { plan, factory, logger } = this.#options;
    if (plan.tracesToLog) logSpan(span, logger);
    this.#processor?.onEnd(factory.create(span));
  }

  /** Continues the trace of the caller, or begins one. */
  #begin(parent: TraceContext | undefined, name: string, kind: SpanKind): TraceContext {
    const traceId = parent?.traceId ?? newTraceId();
    const context =
      parent === undefined
        ? ROOT_CONTEXT
        : traceApi.setSpanContext(ROOT_CONTEXT, { ...toSpanContext(parent), isRemote: true });
    const { decision } = this.#sampler.shouldSample(context, traceId, name, kind, {}, []);
    const isSampled = decision === SamplingDecision.RECORD_AND_SAMPLED;
    return { traceId, spanId: newSpanId(), isSampled, state: parent?.state };
  }
}

function toSampler({ name, ratio }: ExportPlan['sampler']): Sampler {
  const root = name.endsWith('always_off')
    ? new AlwaysOffSampler()
    : name.endsWith('ratio')
      ? new TraceIdRatioBasedSampler(ratio)
      : new AlwaysOnSampler();
  return name.startsWith('parentbased') ? new ParentBasedSampler({ root }) : root;
}

function logSpan(
  { name, context, parentSpanId, startMs, endMs, attributes, failure }: EndedSpan,
  logger: Logger,
): void {
  const { traceId: trace_id, spanId: span_id } = context;
  const fields: Attributes = { ...attributes, ...(failure !== undefined && { 'error.type': failure.code }) };
  const parent = parentSpanId === undefined ? {} : { parent_span_id: parentSpanId };
  logger.info({ trace_id, span_id, ...parent, duration_ms: Number((endMs - startMs).toFixed(3)), ...fields }, name);
}

import {
  type Attributes,
  createTraceState,
  type HrTime,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { TraceContext } from '../telemetry/index.js';

/** A span that has ended. Times are milliseconds since 1970. */
export interface EndedSpan {
  readonly name: string;
  readonly kind?: SpanKind;
  readonly context: TraceContext;
  /** In the same trace. */
  readonly parentSpanId: string | undefined;
  /** Whether the parent belongs to another process. */
  readonly isRemoteParent?: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Of one that failed. */
  readonly failure?: { readonly code: string; readonly message?: string } | undefined;
}

/** Makes the spans of one server, which share its resource. */
export class SpanFactory {
  readonly #resource: Resource;
  readonly #scope: InstrumentationScope;

  constructor(resource: Resource, scope: InstrumentationScope) {
    this.#resource = resource;
    this.#scope = scope;
  }

  create(span: EndedSpan): ReadableSpan {
    const { context, parentSpanId, startMs, endMs, failure } = span;
    const spanContext = toSpanContext(context);
    const parent = parentSpanId && { ...spanContext, spanId: parentSpanId, isRemote: span.isRemoteParent === true };
    return {
      name: span.name,
      kind: span.kind ?? SpanKind.INTERNAL,
      spanContext: () => spanContext,
      ...(parent && { parentSpanContext: parent }),
      startTime: toHrTime(startMs),
      endTime: toHrTime(endMs),
      duration: toHrTime(endMs - startMs),
      status: toStatus(failure),
      attributes: failure === undefined ? span.attributes : { ...span.attributes, 'error.type': failure.code },
      links: [],
      events: [],
      ended: true,
      resource: this.#resource,
      instrumentationScope: this.#scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }
}

export function toSpanContext({ traceId, spanId, isSampled, state }: TraceContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(state !== undefined && { traceState: createTraceState(state) }),
  };
}

function toStatus(failure: EndedSpan['failure']): SpanStatus {
  if (failure === undefined) return { code: SpanStatusCode.UNSET };
  return { code: SpanStatusCode.ERROR, ...(failure.message !== undefined && { message: failure.message }) };
}

/** Seconds and nanoseconds. */
export function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

import { z } from 'zod';
import { LoopbackServer, type Reply, type SeenRequest } from './loopback-server.js';

const anyValue: z.ZodType = z.lazy(() =>
  z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ boolValue: z.boolean() }),
    z.strictObject({ intValue: z.union([z.int(), z.string().regex(/^-?\d+$/)]) }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ arrayValue: z.strictObject({ values: z.array(anyValue) }) }),
  ]),
);
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: anyValue }))
  .default([])
  .transform((pairs) =>
    Object.fromEntries(pairs.map(({ key, value }): [string, unknown] => [key, Object.values(Object(value))[0]])),
  );
const hex = (digits: number) => z.string().regex(new RegExp(`^[\\da-f]{${digits}}$`));
const nanos = z
  .string()
  .regex(/^\d{19}$/)
  .transform((text) => Number(BigInt(text) / 1000n) / 1000);
const count = z.number().optional();
const resource = z.looseObject({ attributes });
const scope = z.looseObject({ name: z.string(), version: z.string().optional() });

const span = z.strictObject({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: hex(16).optional(),
  traceState: z.string().optional(),
  flags: count,
  name: z.string(),
  kind: z.int(),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  status: z.strictObject({ code: z.int().default(0), message: z.string().optional() }),
  events: z.array(z.unknown()).optional(),
  links: z.array(z.unknown()).optional(),
  droppedAttributesCount: count,
  droppedEventsCount: count,
  droppedLinksCount: count,
});

const point = z.looseObject({
  attributes,
  asInt: z.union([z.number(), z.string()]).optional(),
  asDouble: count,
  count,
});
const points = z.looseObject({ dataPoints: z.array(point) });
const metric = z.looseObject({
  name: z.string(),
  sum: points.optional(),
  gauge: points.optional(),
  histogram: points.optional(),
});

const logRecord = z.looseObject({
  timeUnixNano: nanos,
  severityNumber: z.int(),
  severityText: z.string(),
  body: z.strictObject({ stringValue: z.string() }),
  attributes,
  traceId: hex(32).optional(),
  spanId: hex(16).optional(),
});

/** Messages of OTLP in JSON. In spans, a key that OTLP does not have is an error. */
const traces = z.strictObject({
  resourceSpans: z.array(
    z.looseObject({ resource, scopeSpans: z.array(z.looseObject({ scope, spans: z.array(span) })) }),
  ),
});
const metrics = z.strictObject({
  resourceMetrics: z.array(
    z.looseObject({ resource, scopeMetrics: z.array(z.looseObject({ scope, metrics: z.array(metric) })) }),
  ),
});
const logs = z.strictObject({
  resourceLogs: z.array(
    z.looseObject({ resource, scopeLogs: z.array(z.looseObject({ scope, logRecords: z.array(logRecord) })) }),
  ),
});

export type ReceivedSpan = z.output<typeof span>;

/** A collector on the loopback address that takes OTLP in JSON. What it is sent and that is no OTLP is an error of it. */
export class OtlpReceiver extends LoopbackServer {
  readonly resources: Readonly<Record<string, unknown>>[] = [];
  readonly spans: ReceivedSpan[] = [];
  readonly metrics: z.output<typeof metric>[] = [];
  readonly logs: z.output<typeof logRecord>[] = [];
  readonly refused: string[] = [];

  /** The spans of one trace by name; several of a name are in one list. */
  trace(traceId: string): Readonly<Record<string, readonly ReceivedSpan[]>> {
    const found: Record<string, ReceivedSpan[]> = {};
    for (const each of this.spans.filter((received) => received.traceId === traceId))
      (found[each.name] ??= []).push(each);
    return found;
  }

  protected reply({ path, body }: SeenRequest): Reply {
    try {
      this.#take(path, body);
      return { status: 200, body: {} };
    } catch (error) {
      this.refused.push(`${path}: ${String(error)}`);
      return { status: 400, body: { message: 'no OTLP' } };
    }
  }

  #take(path: string, body: unknown): void {
    if (path === '/v1/traces') {
      for (const { resource: from, scopeSpans } of traces.parse(body).resourceSpans) {
        this.resources.push(from.attributes);
        this.spans.push(...scopeSpans.flatMap(({ spans }) => spans));
      }
    } else if (path === '/v1/metrics') {
      for (const { resource: from, scopeMetrics } of metrics.parse(body).resourceMetrics) {
        this.resources.push(from.attributes);
        this.metrics.push(...scopeMetrics.flatMap((each) => each.metrics));
      }
    } else if (path === '/v1/logs') {
      for (const { resource: from, scopeLogs } of logs.parse(body).resourceLogs) {
        this.resources.push(from.attributes);
        this.logs.push(...scopeLogs.flatMap(({ logRecords }) => logRecords));
      }
    } else throw new Error('unknown path');
  }
}

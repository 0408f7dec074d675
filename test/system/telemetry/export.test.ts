import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createProject, pythonTool } from '../../kit/projects/temporary-project.js';

const span = z.looseObject({
  name: z.string(),
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
});
const received = z.object({
  path: z.string(),
  agent: z.string(),
  body: z.looseObject({
    resourceSpans: z.array(z.looseObject({ scopeSpans: z.array(z.looseObject({ spans: z.array(span) })) })).default([]),
    resourceMetrics: z
      .array(
        z.looseObject({
          scopeMetrics: z.array(z.looseObject({ metrics: z.array(z.looseObject({ name: z.string() })) })),
        }),
      )
      .default([]),
    resourceLogs: z
      .array(
        z.looseObject({
          scopeLogs: z.array(z.looseObject({ logRecords: z.array(z.looseObject({ severityText: z.string() })) })),
        }),
      )
      .default([]),
  }),
});

/** The collector in Python, which decodes what arrives with the messages that OpenTelemetry publishes. */
async function startReceiver() {
  const child: ChildProcess = spawn('python3', [join(import.meta.dirname, 'otlp_receiver.py')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  if (child.stdout === null) throw new Error('no output');
  const requests: z.output<typeof received>[] = [];
  let port: number | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const value: unknown = JSON.parse(line);
    if (port === undefined) port = z.object({ port: z.int() }).parse(value).port;
    else requests.push(received.parse(value));
  });
  await vi.waitFor(() => expect(port).toBeDefined(), 20_000);
  const spans = () =>
    requests.flatMap(({ body }) =>
      body.resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans)),
    );
  return { url: `http://127.0.0.1:${port}`, requests, spans };
}

it('a collector understands what is exported, and spans of Python code continue the trace of their call', async () => {
  const receiver = await startReceiver();
  const project = createProject({
    'python/code.py': [
      'from opentelemetry import trace',
      'from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter',
      'from opentelemetry.sdk.trace import TracerProvider',
      'from opentelemetry.sdk.trace.export import SimpleSpanProcessor',
      'trace.set_tracer_provider(TracerProvider())',
      'trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))',
      'tracer = trace.get_tracer("project")',
      'def work():',
      '    with tracer.start_as_current_span("work of a thread"): return "done"',
      'async def later():',
      '    with tracer.start_as_current_span("work of a task"): return "done"',
    ],
    'tools/work.yml': pythonTool('work', 'python/code.py', ['return: { type: string }']),
    'tools/later.yml': pythonTool('later', 'python/code.py', ['return: { type: string }']),
  });
  const env = {
    // Where the packages are, if not in the interpreter itself.
    ...(process.env['PYTHONPATH'] !== undefined && { PYTHONPATH: process.env['PYTHONPATH'] }),
    MXCP_TELEMETRY_ENABLED: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  const server = await ChildServer.start(project, { env });
  const client = await connectTo(server.url);
  expect(await callText(client, 'work')).toBe('done');
  expect(await callText(client, 'later')).toBe('done');
  await client.close();
  await server[Symbol.asyncDispose]();
  const spans = receiver.spans();
  for (const [tool, own] of [
    ['work', 'work of a thread'],
    ['later', 'work of a task'],
  ]) {
    const request = spans.find(({ name }) => name === `tools/call ${tool}`);
    const python = spans.find(({ name, traceId }) => name === 'mxcp.python.execute' && traceId === request?.traceId);
    expect(spans.find(({ name }) => name === own)).toMatchObject({
      traceId: request?.traceId,
      parentSpanId: python?.spanId,
    });
  }
  const paths = new Set(receiver.requests.filter(({ agent }) => agent.startsWith('mxcp ')).map(({ path }) => path));
  expect([...paths].toSorted()).toEqual(['/v1/logs', '/v1/metrics', '/v1/traces']);
  const metrics = receiver.requests.flatMap(({ body }) => body.resourceMetrics.flatMap((each) => each.scopeMetrics));
  expect(metrics.flatMap((scope) => scope.metrics.map(({ name }) => name))).toContain('mxcp.python.executions_total');
});

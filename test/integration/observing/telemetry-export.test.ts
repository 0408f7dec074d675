import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { OtlpReceiver, type ReceivedSpan } from '../../kit/otlp-receiver.js';
import { createProject, pythonTool, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { callOf, post } from '../mcp/http-fixture.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACEPARENT = { traceparent: `00-${TRACE}-${PARENT}-01` };
const SECRET = 'collector-token-7Qx';

/** Exports at once, in the encoding that the receiver reads. */
const VARIABLES = {
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_BSP_SCHEDULE_DELAY: '50',
  OTEL_BLRP_SCHEDULE_DELAY: '50',
  OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
};

const FILES = {
  'python/code.py': ['from mxcp.runtime import db', 'def twice(): return db.execute("SELECT 1 AS n") * 2'],
  'tools/add.yml': sqlTool('add', 'SELECT $a + 1 AS sum', ['parameters: [{ name: a, type: integer }]']),
  'tools/broken.yml': sqlTool('broken', "SELECT error('the value ' || $text) AS no", [
    'parameters: [{ name: text, type: string }]',
  ]),
  'tools/twice.yml': pythonTool('twice', 'python/code.py'),
};

function configOf(url: string, telemetry: readonly string[] = [], token = SECRET): readonly string[] {
  return [
    'mxcp: 1',
    'projects:',
    '  shop:',
    '    profiles:',
    '      dev:',
    '        telemetry:',
    '          enabled: true',
    `          endpoint: ${url}`,
    '          headers: { Authorization: "${COLLECTOR_TOKEN}" }',
    '          resource_attributes: { team: data, replicas: 3 }',
    ...telemetry.map((line) => `          ${line}`),
    `# ${token.length}`,
  ];
}

async function startReceiver(): Promise<OtlpReceiver> {
  const receiver = new OtlpReceiver();
  await receiver.listen();
  onTestFinished(() => receiver.stop());
  return receiver;
}

async function startExporting(
  receiver: OtlpReceiver,
  { telemetry = [], env = {} }: { telemetry?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<{ running: InProcessServer; project: TemporaryProject }> {
  const project = createProject({
    ...FILES,
    'config.yml': configOf(receiver.address, telemetry),
    'secrets.env': `COLLECTOR_TOKEN=${SECRET}\n`,
  });
  const running = await InProcessServer.start(project, {
    flags: { envFiles: project.path('secrets.env') },
    env: { ...VARIABLES, ...env },
  });
  onTestFinished(() => running.server.close());
  return { running, project };
}

/** One span of this name. */
function only(spans: Readonly<Record<string, readonly ReceivedSpan[]>>, name: string): ReceivedSpan {
  const [span, ...others] = spans[name] ?? [];
  if (span === undefined || others.length > 0) throw new Error(`${others.length + 1} spans ${name}`);
  return span;
}

async function callAdd(url: string): Promise<void> {
  await post(url, callOf('add', { a: 1 }));
}

describe('traces', () => {
  it('of a call lead from the client to the statements of Python code', async () => {
    const receiver = await startReceiver();
    const { running } = await startExporting(receiver);
    await post(running.url, callOf('twice', {}, 'req-1'), { headers: TRACEPARENT });
    await vi.waitFor(() => expect(receiver.trace(TRACE)['mxcp.response.write']).toHaveLength(1));
    const spans = receiver.trace(TRACE);
    const request = only(spans, 'tools/call twice');
    const endpoint = only(spans, 'mxcp.endpoint.execute');
    const python = only(spans, 'mxcp.python.execute');
    const statement = only(spans, 'mxcp.duckdb.execute');
    expect(request).toMatchObject({
      parentSpanId: PARENT,
      kind: 2,
      status: { code: 0 },
      attributes: {
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'twice',
        'jsonrpc.request.id': 'req-1',
        'network.transport': 'tcp',
        'client.address': '127.0.0.1',
      },
    });
    expect([endpoint.parentSpanId, python.parentSpanId, statement.parentSpanId]).toEqual([
      request.spanId,
      endpoint.spanId,
      python.spanId,
    ]);
    expect(statement.attributes).toMatchObject({
      'db.system.name': 'duckdb',
      'db.operation.name': 'SELECT',
      'db.statement.hash': expect.stringMatching(/^[\da-f]{16}$/),
    });
    expect(endpoint.attributes).toMatchObject({ 'mxcp.answer.count': 2, 'mxcp.answer.bytes': 14 });
    expect(python.attributes).toMatchObject({ 'code.file.path': 'python/code.py', 'mxcp.result.count': 2 });
    // On a busy machine, a call may wait a millisecond for its turn, and a wait of that length has a span.
    const names = Object.keys(spans).filter((name) => !name.endsWith('.wait'));
    expect(names.toSorted()).toEqual([
      'mxcp.duckdb.execute',
      'mxcp.endpoint.execute',
      'mxcp.python.execute',
      'mxcp.response.write',
      'mxcp.validation.input',
      'mxcp.validation.output',
      'tools/call twice',
    ]);
    for (const { startTimeUnixNano, endTimeUnixNano } of Object.values(spans).flat()) {
      expect(startTimeUnixNano).toBeGreaterThanOrEqual(request.startTimeUnixNano);
      expect(endTimeUnixNano).toBeGreaterThanOrEqual(startTimeUnixNano);
      expect(endTimeUnixNano).toBeLessThanOrEqual(request.endTimeUnixNano + 0.001);
    }
    expect(receiver.refused).toEqual([]);
    expect(receiver.resources[0]).toMatchObject({ 'service.name': 'mxcp', team: 'data', replicas: 3 });
  });

  it('of a failed call say why, without the values of arguments', async () => {
    const receiver = await startReceiver();
    const { running } = await startExporting(receiver);
    await post(running.url, callOf('broken', { text: 'hunter2-value' }), { headers: TRACEPARENT });
    await post(running.url, callOf('no-such-tool-hunter2-value'), { headers: TRACEPARENT });
    await vi.waitFor(() => expect(receiver.trace(TRACE)['tools/call']).toHaveLength(1));
    expect(only(receiver.trace(TRACE), 'tools/call broken')).toMatchObject({
      status: { code: 2, message: expect.stringContaining('the value [argument]') },
      attributes: { 'error.type': 'query_failed' },
    });
    expect(only(receiver.trace(TRACE), 'mxcp.duckdb.execute').attributes).toMatchObject({
      'error.type': 'query_failed',
    });
    expect(JSON.stringify(receiver.requests)).not.toMatch(/hunter2-value|error\('the/);
  });

  it('follow the sampler of the variables, and the decision of the client', async () => {
    const receiver = await startReceiver();
    const { running } = await startExporting(receiver, { env: { OTEL_TRACES_SAMPLER: 'parentbased_always_off' } });
    await callAdd(running.url);
    await post(running.url, callOf('add', { a: 1 }), { headers: { traceparent: `00-${TRACE}-${PARENT}-00` } });
    await post(running.url, callOf('add', { a: 1 }), { headers: { traceparent: `00-${'1'.repeat(32)}-${PARENT}-01` } });
    await vi.waitFor(() => expect(receiver.spans.length).toBeGreaterThan(0));
    expect(new Set(receiver.spans.map(({ traceId }) => traceId))).toEqual(new Set(['1'.repeat(32)]));
  });

  it('of a reload have its stages, and a rotated header is used from then on', async () => {
    const receiver = await startReceiver();
    const { running, project } = await startExporting(receiver);
    await callAdd(running.url);
    await vi.waitFor(() => expect(receiver.spans.length).toBeGreaterThan(0));
    expect(receiver.requests.at(-1)?.headers['authorization']).toBe(SECRET);
    project.write('secrets.env', 'COLLECTOR_TOKEN=the-next-token\n');
    const record = await running.admin.reload({ waitMs: 10_000 });
    expect(record).toMatchObject({ status: 'success', restart_required: [] });
    await vi.waitFor(() => expect(receiver.spans.some(({ name }) => name === 'mxcp.reload.dispose')).toBe(true));
    const reload = receiver.spans.find(({ name }) => name === 'mxcp.reload');
    const stages = receiver.spans.filter(({ parentSpanId }) => parentSpanId === reload?.spanId);
    expect(stages.map(({ name }) => name)).toEqual(
      ['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose'].map((stage) => `mxcp.reload.${stage}`),
    );
    expect(reload?.attributes).toMatchObject({ 'mxcp.reload.trigger': 'api', 'mxcp.references.changed': 1 });
    expect(receiver.requests.at(-1)?.headers['authorization']).toBe('the-next-token');
  });

  it('are written to the log where that is asked for', async () => {
    const receiver = await startReceiver();
    const { running } = await startExporting(receiver, { env: { MXCP_TELEMETRY_TRACING_CONSOLE: 'on' } });
    await callAdd(running.url);
    await vi.waitFor(() => expect(running.logLines.join('')).toContain('INFO telemetry: tools/call add trace_id='));
  });
});

describe('metrics', () => {
  it('count calls, statements and reloads, and are exported when the server ends', async () => {
    const receiver = await startReceiver();
    const { running } = await startExporting(receiver, { telemetry: ['tracing: { enabled: false }'] });
    await callAdd(running.url);
    await post(running.url, callOf('absent'));
    await running.admin.reload({ waitMs: 10_000 });
    await running.server.close();
    const values = Object.fromEntries(
      receiver.metrics.map(({ name, sum, gauge, histogram }) => [
        name,
        (sum ?? gauge ?? histogram)?.dataPoints.map((each) => [
          each.attributes,
          each.asInt ?? each.asDouble ?? each.count,
        ]),
      ]),
    );
    expect(values).toMatchObject({
      'mxcp.up': [[{}, 1]],
      'mxcp.endpoint.requests_total': [
        [{ type: 'tool', endpoint: 'add', status: 'success' }, 1],
        [{ type: 'tool', endpoint: 'unknown', status: 'error' }, 1],
      ],
      'mxcp.endpoint.errors_total': [[{ endpoint: 'unknown', 'error.type': 'endpoint_not_found' }, 1]],
      'mxcp.endpoint.concurrent_executions': [[{ type: 'tool' }, 0]],
      'mxcp.duckdb.queries_total': [[{ operation: 'SELECT', status: 'success' }, 1]],
      'mxcp.reloads_total': [[{ trigger: 'api', status: 'success' }, 1]],
    });
    expect(values['mcp.server.operation.duration']).toHaveLength(2);
    expect(receiver.spans).toEqual([]);
    expect(receiver.requests.at(-1)?.headers['authorization']).toBe(SECRET);
  });
});

describe('logs', () => {
  it('are exported as they are written, with the trace of their call', async () => {
    const receiver = await startReceiver();
    const telemetry = ['tracing: { enabled: false }', 'metrics: { enabled: false }', 'logs: { enabled: true }'];
    const { running } = await startExporting(receiver, { telemetry });
    await post(running.url, callOf('broken', { text: SECRET }), { headers: TRACEPARENT });
    await vi.waitFor(() => expect(receiver.logs.map(({ severityText }) => severityText)).toContain('WARN'));
    const failed = receiver.logs.find(({ severityText }) => severityText === 'WARN');
    expect(failed).toMatchObject({
      severityNumber: 13,
      traceId: TRACE,
      spanId: PARENT,
      body: { stringValue: expect.stringContaining('tool "broken" failed') },
      attributes: { 'mxcp.component': 'calls', code: 'query_failed' },
    });
    expect(receiver.logs.some(({ body }) => body.stringValue === 'ready')).toBe(true);
    expect(JSON.stringify(receiver.logs)).not.toContain(SECRET);
    expect(receiver.refused).toEqual([]);
  });
});

describe('a collector', () => {
  it.each([
    ['is gone', (receiver: OtlpReceiver) => receiver.stop(), /ECONNREFUSED/],
    ['answers 500', (receiver: OtlpReceiver) => receiver.fail({ kind: 'reply', reply: { status: 500 } }), /status 500/],
    ['never answers', (receiver: OtlpReceiver) => receiver.fail({ kind: 'silent' }), /timed out/],
  ])('that %s costs a line a minute, and no call', async (_, breakIt, reason) => {
    const receiver = await startReceiver();
    await breakIt(receiver);
    const { running } = await startExporting(receiver, { telemetry: ['metrics: { enabled: false }'] });
    const failures = () => running.logLines.filter((line) => line.includes('did not take traces'));
    for (let count = 0; count < 3; count += 1) {
      const { status, body } = await post(running.url, callOf('add', { a: 1 }));
      expect([status, body.result.structuredContent]).toEqual([200, { result: [{ sum: 2 }] }]);
    }
    await vi.waitFor(() => expect(failures()).toHaveLength(1), 10_000);
    expect(failures()[0]).toMatch(reason);
    await callAdd(running.url);
    const before = performance.now();
    await running.server.close();
    expect(performance.now() - before).toBeLessThan(4000);
    expect(failures()).toHaveLength(1);
    expect(running.logLines.join('')).not.toContain(SECRET);
  });
});

it('a value of a variable that cannot be used is logged, and its default applies', async () => {
  const receiver = await startReceiver();
  const { running } = await startExporting(receiver, { env: { OTEL_TRACES_SAMPLER: 'sometimes' } });
  expect(running.logLines.join('')).toContain(
    'WARN telemetry: OTEL_TRACES_SAMPLER must be one of parentbased_always_on',
  );
  await callAdd(running.url);
  await vi.waitFor(() => expect(receiver.spans.length).toBeGreaterThan(0));
});

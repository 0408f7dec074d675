import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { CallMetrics } from '../../../src/metrics/call-metrics.js';
import type { ObservedCall } from '../../../src/telemetry/index.js';

function create() {
  const registry = new Registry();
  const metrics = new CallMetrics(registry);
  const linesOf = async (name: string): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
  return { metrics, linesOf };
}

function ended(endpoint: string | undefined, options: Partial<ObservedCall> = {}): ObservedCall {
  return {
    kind: 'tool',
    endpoint,
    failure: undefined,
    durationMs: 4,
    caller: ANONYMOUS,
    requestId: undefined,
    client: undefined,
    ...options,
  };
}

function failed(code: NonNullable<ObservedCall['failure']>['code']): Partial<ObservedCall> {
  return { failure: { code, level: 'warn', message: () => 'not read' } };
}

test('a call is counted by kind, name and outcome', async () => {
  const { metrics, linesOf } = create();
  metrics.callEnded(ended('sales'));
  metrics.callEnded(ended('sales'));
  metrics.callEnded(ended('sales', failed('query_failed')));
  metrics.callEnded(ended('item://{id}', { kind: 'resource' }));
  expect(await linesOf('mxcp_calls_total')).toEqual([
    'mxcp_calls_total{kind="tool",name="sales",outcome="success"} 2',
    'mxcp_calls_total{kind="tool",name="sales",outcome="query_failed"} 1',
    'mxcp_calls_total{kind="resource",name="item://{id}",outcome="success"} 1',
  ]);
});

test('a duration has the labels of the OpenTelemetry conventions, with an error type only for a failure', async () => {
  const { metrics, linesOf } = create();
  metrics.callEnded(ended('sales', { durationMs: 1500 }));
  metrics.callEnded(ended('greet', { kind: 'prompt', ...failed('prompt_failed') }));
  metrics.callEnded(ended('item://{id}', { kind: 'resource' }));
  const name = 'mcp_server_operation_duration_seconds';
  expect(await linesOf(`${name}_sum`)).toEqual([
    `${name}_sum{mcp_method_name="tools/call",gen_ai_tool_name="sales"} 1.5`,
    `${name}_sum{mcp_method_name="prompts/get",gen_ai_prompt_name="greet",error_type="prompt_failed"} 0.004`,
    `${name}_sum{mcp_method_name="resources/read",mcp_resource_uri="item://{id}"} 0.004`,
  ]);
  const buckets = (await linesOf(`${name}_bucket`)).filter((line) => line.includes('"sales"'));
  expect(buckets.find((line) => line.includes('le="1",'))).toMatch(/ 0$/);
  expect(buckets.find((line) => line.includes('le="2",'))).toMatch(/ 1$/);
});

test('the size of an answer is measured, and what did not fit is counted, while the endpoint is served', async () => {
  const { metrics, linesOf } = create();
  const answer = (bytes: number, because?: 'rows' | 'bytes') => ({
    answer: { parts: 3, bytes, shortened: because && { because, total: undefined } },
  });
  metrics.callEnded(ended('sales', answer(500)));
  metrics.callEnded(ended('sales', answer(102_400, 'bytes')));
  metrics.callEnded(ended('sales', answer(900, 'rows')));
  metrics.callEnded(ended('sales', failed('query_failed')));
  expect(await linesOf('mxcp_answers_shortened_total')).toEqual([
    'mxcp_answers_shortened_total{kind="tool",name="sales",because="bytes"} 1',
    'mxcp_answers_shortened_total{kind="tool",name="sales",because="rows"} 1',
  ]);
  expect(await linesOf('mxcp_answer_bytes_sum')).toEqual(['mxcp_answer_bytes_sum{kind="tool",name="sales"} 103800']);
  const buckets = await linesOf('mxcp_answer_bytes_bucket');
  expect(buckets.map((line) => /le="([^"]+)".* (\d)$/.exec(line)?.slice(1).join(' '))).toEqual([
    '400 0',
    '2000 2',
    '10000 2',
    '40000 2',
    '102400 3',
    '1048576 3',
    '+Inf 3',
  ]);
  metrics.showOnly([]);
  for (const name of ['mxcp_answers_shortened_total', 'mxcp_answer_bytes_count'])
    expect(await linesOf(name)).toEqual([]);
});

test('names that do not exist share one series, however many a client tries', async () => {
  const { metrics, linesOf } = create();
  for (let call = 0; call < 1000; call += 1) metrics.callEnded(ended(undefined, failed('endpoint_not_found')));
  expect(await linesOf('mxcp_calls_total')).toEqual([
    'mxcp_calls_total{kind="tool",name="(unknown)",outcome="endpoint_not_found"} 1000',
  ]);
});

test('endpoints beyond the limit share one series', async () => {
  const { metrics, linesOf } = create();
  for (let index = 0; index < 250; index += 1) metrics.callEnded(ended(`tool_${index}`));
  const lines = await linesOf('mxcp_calls_total');
  expect(lines).toHaveLength(201);
  expect(lines.at(-1)).toBe('mxcp_calls_total{kind="tool",name="(other)",outcome="success"} 50');
});

test('an endpoint that is served shows before its first call, and one that is not served any more disappears', async () => {
  const { metrics, linesOf } = create();
  metrics.showOnly([{ kind: 'tool', name: 'old' }]);
  expect(await linesOf('mxcp_calls_total')).toEqual(['mxcp_calls_total{kind="tool",name="old",outcome="success"} 0']);
  metrics.callEnded(ended('old', failed('query_failed')));
  metrics.callEnded(ended(undefined, failed('endpoint_not_found')));
  metrics.showOnly([{ kind: 'tool', name: 'new' }]);
  expect(await linesOf('mxcp_calls_total')).toEqual([
    'mxcp_calls_total{kind="tool",name="(unknown)",outcome="endpoint_not_found"} 1',
    'mxcp_calls_total{kind="tool",name="new",outcome="success"} 0',
  ]);
  expect(await linesOf('mcp_server_operation_duration_seconds_count')).toEqual([
    'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="(unknown)",error_type="endpoint_not_found"} 1',
  ]);
});

test('endpoints that are removed make room for others', async () => {
  const { metrics, linesOf } = create();
  for (let index = 0; index < 200; index += 1) metrics.callEnded(ended(`old_${index}`));
  metrics.showOnly([{ kind: 'tool', name: 'old_7' }]);
  for (let index = 0; index < 199; index += 1) metrics.callEnded(ended(`new_${index}`));
  const names = (await linesOf('mxcp_calls_total')).map((line) => /name="([^"]+)"/.exec(line)?.[1]);
  expect(names).toHaveLength(200);
  expect(names).not.toContain('(other)');
});

test('decisions of policies are counted, and those of other protections are not', async () => {
  const { metrics, linesOf } = create();
  const decided = { id: 'x', decision: 'allow', reason: null, policies: ['input[0]', 'output[0]'] } as const;
  metrics.callEnded(ended('sales', { decision: decided }));
  metrics.callEnded(ended('sales', { decision: { ...decided, decision: 'deny' }, ...failed('policy_denied') }));
  metrics.callEnded(ended('sales', { decision: { ...decided, decision: 'warn', onlyLogged: ['input[0]'] } }));
  metrics.callEnded(ended('sales', { decision: { ...decided, decision: 'deny', policies: ['rate limit'] } }));
  expect(await linesOf('mxcp_policy_evaluations_total')).toEqual([
    'mxcp_policy_evaluations_total{decision="allow"} 2',
    'mxcp_policy_evaluations_total{decision="deny"} 2',
    'mxcp_policy_evaluations_total{decision="warn"} 2',
  ]);
  expect(await linesOf('mxcp_policy_denials_total')).toEqual([
    'mxcp_policy_denials_total{kind="tool",name="sales",enforce="on"} 1',
    'mxcp_policy_denials_total{kind="tool",name="sales",enforce="log"} 1',
  ]);
  metrics.showOnly([]);
  expect(await linesOf('mxcp_policy_denials_total')).toEqual([]);
});

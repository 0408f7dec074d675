import { expect, it, vi } from 'vitest';
import type { CallTiming } from '../../../src/telemetry/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { createProject, pythonTool, sqlTool } from '../../kit/projects/temporary-project.js';
import { callOf, post } from '../mcp/http-fixture.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const OTHER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const traceparent = (trace: string): string => `00-${trace}-00f067aa0ba902b7-01`;

const FILES = {
  'python/code.py': [
    'from mxcp.runtime import db, trace',
    'def twice(): return db.execute("SELECT 1 AS n") + db.execute("SELECT 2 AS n")',
    'def headers(): return trace.headers()',
    'async def later(): return trace.trace_id',
    'def fails(): raise ValueError("no")',
  ],
  'tools/add.yml': sqlTool('add', 'SELECT $a + 1 AS sum', ['parameters: [{ name: a, type: integer }]']),
  'tools/twice.yml': pythonTool('twice', 'python/code.py'),
  'tools/headers.yml': pythonTool('headers', 'python/code.py', ['return: { type: object }']),
  'tools/later.yml': pythonTool('later', 'python/code.py', ['return: { type: string }']),
  'tools/fails.yml': pythonTool('fails', 'python/code.py'),
  'prompts/hello.yml': [
    'mxcp: 1',
    'prompt:',
    '  name: hello',
    '  messages: [{ role: user, type: text, prompt: "Hello {{ who }}" }]',
    '  parameters: [{ name: who, type: string }]',
  ],
};

async function startTimed(flags: Readonly<Record<string, string>> = {}) {
  const answered: CallTiming[] = [];
  const observer = { callStarted: () => {}, callAnswered: (timing: CallTiming) => void answered.push(timing) };
  const running = await InProcessServer.start(createProject(FILES), { observers: [observer], flags });
  return { running, answered, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

it('every phase of a call is timed, from its arrival until the answer is written', async () => {
  await using server = await startTimed();
  const client = await connectTo(server.running.url);
  await client.callTool({ name: 'add', arguments: { a: 1 } });
  await client.callTool({ name: 'twice', arguments: {} });
  await client.callTool({ name: 'add', arguments: { a: 'x' } });
  await client.getPrompt({ name: 'hello', arguments: { who: 'you' } });
  await client.close();
  await vi.waitFor(() => expect(server.answered).toHaveLength(4));
  const phases = server.answered.map(({ start, intervals, ended }) => [
    start.name,
    intervals.map(({ phase, parent, rows }) =>
      [phase, parent?.phase, rows].filter((part) => part !== undefined).join(' '),
    ),
    ended?.failure?.code,
  ]);
  expect(phases).toEqual([
    ['add', ['hold', 'bind', 'queue', 'duckdb 1', 'check', 'encode'], undefined],
    ['twice', ['hold', 'bind', 'queue', 'python 2', 'duckdb python', 'duckdb python', 'check', 'encode'], undefined],
    ['add', ['hold', 'bind', 'encode'], 'params_invalid'],
    ['hello', ['hold', 'bind', 'render', 'encode'], undefined],
  ]);
  for (const { durationMs, intervals, totals: _totals } of server.answered) {
    expect(intervals.at(-1)?.endMs).toBeLessThanOrEqual(durationMs);
    expect(intervals.filter(({ startMs, endMs }) => !(startMs >= 0 && endMs >= startMs))).toEqual([]);
  }
});

it('the trace of a client reaches Python code; `_meta` wins over the header, and what is invalid is ignored', async () => {
  await using server = await startTimed();
  const { url } = server.running;
  const call = async (name: string, meta: object, headers: Record<string, string> = {}): Promise<unknown> => {
    const message = callOf(name);
    const { body } = await post(url, { ...message, params: { ...message.params, _meta: meta } }, { headers });
    return body.result.structuredContent;
  };
  const header = { traceparent: traceparent(OTHER), tracestate: 'a=1' };
  expect(await call('headers', {})).toEqual({});
  expect(await call('headers', {}, header)).toEqual(header);
  expect(await call('headers', { traceparent: traceparent(TRACE), tracestate: 'b=2' }, header)).toEqual({
    traceparent: traceparent(TRACE),
    tracestate: 'b=2',
  });
  expect(await call('headers', { traceparent: 'nonsense' }, header)).toEqual(header);
  expect(await call('headers', { traceparent: 1 }, { traceparent: '00-xyz' })).toEqual({});
  expect(await call('later', { traceparent: traceparent(TRACE) })).toEqual({ result: TRACE });
});

it('lines of the log about a call name its trace', async () => {
  await using server = await startTimed({ accessLog: 'on' });
  const { url, logLines } = server.running;
  await post(url, callOf('fails'), { headers: { traceparent: traceparent(TRACE) } });
  await vi.waitFor(() => expect(logLines.join('')).toMatch(/INFO access: POST tools\/call /));
  const about = logLines.filter((line) => line.includes(`trace_id=${TRACE}`)).map((line) => line.split(' ')[2]);
  expect(about.toSorted()).toEqual(['access:', 'calls:']);
});

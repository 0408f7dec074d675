import { expect, it, onTestFinished, vi } from 'vitest';
import type { CallTraceEntry } from '../../../src/admin/client/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { createProject, pythonTool, sqlTool } from '../../kit/projects/temporary-project.js';
import { callOf, post } from '../mcp/http-fixture.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

async function startServer(): Promise<InProcessServer> {
  const project = createProject({
    'python/code.py': ['from mxcp.runtime import db', 'def twice(): return db.execute("SELECT 1 AS n") * 2'],
    'tools/add.yml': sqlTool('add', 'SELECT $a + 1 AS sum', ['parameters: [{ name: a, type: integer }]']),
    'tools/twice.yml': pythonTool('twice', 'python/code.py'),
  });
  const running = await InProcessServer.start(project);
  onTestFinished(() => running.server.close());
  return running;
}

/** Reads calls until the test ends. Resolves once the server delivers them. */
async function follow(running: InProcessServer, selection: Parameters<InProcessServer['admin']['trace']>[0] = {}) {
  const calls: CallTraceEntry[] = [];
  const abort = new AbortController();
  const reading = (async () => {
    for await (const call of running.admin.trace({ ...selection, signal: abort.signal })) calls.push(call);
  })();
  const stop = async (): Promise<void> => {
    abort.abort();
    await reading;
  };
  onTestFinished(stop);
  return { calls, stop };
}

/** Calls until the reader has seen the first one, because nothing says when it is connected. */
async function untilSeen(
  running: InProcessServer,
  calls: readonly unknown[],
  name = 'add',
  values = {},
): Promise<void> {
  await vi.waitFor(async () => {
    await post(running.url, callOf(name, values));
    expect(calls.length).toBeGreaterThan(0);
  }, 10_000);
}

it('a reader gets each call with its phases, and without the values of arguments', async () => {
  const running = await startServer();
  const { calls } = await follow(running);
  await untilSeen(running, calls, 'add', { a: 1 });
  const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
  await post(running.url, callOf('twice', {}, 'seven'), { headers });
  await post(running.url, callOf('add', { a: 'hunter2-value' }));
  await post(running.url, callOf('hunter2-name'));
  await vi.waitFor(() => expect(calls.at(-1)?.code).toBe('endpoint_not_found'));
  const [twice, refused, unknown] = calls.slice(-3);
  expect(twice).toMatchObject({
    type: 'tool',
    name: 'twice',
    code: null,
    statements: 1,
    rows: 2,
    transport: 'http',
    request: 'seven',
    client: '127.0.0.1',
    trace_id: TRACE,
    phases: { python: expect.any(Number), duckdb: expect.any(Number), encode: expect.any(Number) },
  });
  const sum = Object.values(twice?.phases ?? {}).reduce<number>((total, ms) => total + (ms ?? 0), 0);
  expect(sum).toBeLessThanOrEqual((twice?.duration_ms ?? 0) + 0.01);
  expect(refused).toMatchObject({ name: 'add', code: 'params_invalid', statements: 0, rows: null, trace_id: null });
  expect(unknown).toMatchObject({ name: null, code: 'endpoint_not_found' });
  expect(JSON.stringify(calls)).not.toContain('hunter2');
});

it('a reader gets only the calls that it selects', async () => {
  const running = await startServer();
  const failed = await follow(running, { endpoint: 'add', errors: true });
  const slow = await follow(running, { slowerThan: '10m' });
  const all = await follow(running);
  await untilSeen(running, failed.calls, 'add', { a: 'x' });
  await untilSeen(running, all.calls, 'twice');
  await post(running.url, callOf('add', { a: 1 }));
  await vi.waitFor(() => expect(all.calls.at(-1)).toMatchObject({ name: 'add', code: null }));
  expect(new Set(failed.calls.map(({ name, code }) => `${name} ${code}`))).toEqual(new Set(['add params_invalid']));
  expect(slow.calls).toEqual([]);
});

it('what Python code prints names the request and the trace, as the line of a failed call does', async () => {
  const project = createProject({
    'python/code.py': ['def fail():', '    print("about to fail")', '    raise ValueError("failed")'],
    'tools/fail.yml': pythonTool('fail', 'python/code.py'),
  });
  const running = await InProcessServer.start(project);
  onTestFinished(() => running.server.close());
  const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
  await post(running.url, callOf('fail', {}, 'seven'), { headers });
  const lineOf = (text: string) => running.logLines.find((line) => line.includes(text)) ?? '';
  await vi.waitFor(() => expect(lineOf('about to fail')).not.toBe(''));
  const fields = ` request=seven client=127.0.0.1 trace_id=${TRACE} span_id=00f067aa0ba902b7\n`;
  expect(lineOf('tool "fail" failed')).toContain(fields);
  expect(lineOf('about to fail')).toContain(` endpoint="tool \\"fail\\""${fields}`);
});

it('calls are timed only while there is a reader', async () => {
  const running = await startServer();
  const timed = vi.spyOn(performance, 'now');
  const perCall = async (): Promise<number> => {
    const before = timed.mock.calls.length;
    await post(running.url, callOf('add', { a: 1 }));
    return timed.mock.calls.length - before;
  };
  await perCall();
  const without = await perCall();
  const { calls, stop } = await follow(running);
  await untilSeen(running, calls, 'add', { a: 1 });
  expect(await perCall()).toBeGreaterThan(without + 4);
  await stop();
  await vi.waitFor(async () => expect(await perCall()).toBeLessThanOrEqual(without + 1));
});

it('an option that the route does not understand is refused', async () => {
  const running = await startServer();
  const read = async (slowerThan: string): Promise<void> => {
    for await (const _ of running.admin.trace({ slowerThan })) throw new Error('a call');
  };
  await expect(read('soon')).rejects.toMatchObject({ code: 'bad_request', status: 400 });
});

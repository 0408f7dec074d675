import { expect, it, onTestFinished, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { TracePort } from '../../../src/admin/index.js';
import { run } from '../../../src/cli/commands/admin/trace.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { CallTracer, Observers } from '../../../src/telemetry/index.js';
import { createPorts, startTestServer } from './admin-fixture.js';
import { Printed } from './printed.js';

async function startServer() {
  const observers = new Observers(createSilentLogger());
  const trace: TracePort = { follow: (selection, deliver) => observers.add(new CallTracer(selection, deliver)) };
  const server = await startTestServer({ ports: createPorts({ trace }) });
  onTestFinished(() => server.close());
  /** Resolves when a call is timed, so that a reader is there. */
  const call = async (name: string, code?: 'query_failed'): Promise<void> => {
    const timing = await vi.waitFor(() => {
      const begun = observers.timeCall(() => ({ kind: 'tool', name, transport: 'http', requestId: 'a "b"' }));
      if (begun === undefined) throw new Error('there is no reader');
      return begun;
    });
    timing.begin('duckdb', { statement: 'SELECT 1' }).report(3);
    const failure = code && { code, level: 'warn' as const, message: () => '' };
    const rest = { caller: ANONYMOUS, durationMs: 1, requestId: undefined, client: undefined };
    timing.end({ kind: 'tool', endpoint: name, failure, ...rest });
    timing.answered();
  };
  return { server, call };
}

it('mxcp admin trace prints a line for each call, and as many as were asked for', async () => {
  const { server, call } = await startServer();
  const printed = new Printed();
  const ended = run([], { socket: server.socketPath, count: '2' }, printed.context(server.folder));
  await call('sales');
  await call('sales', 'query_failed');
  expect(await ended).toBe(0);
  const line = (outcome: string) =>
    new RegExp(`^\\d{4}-\\S+Z +[\\d.]+ms tool sales ${outcome}( \\w+=[\\d.]+ms)* rows=3 request="a \\\\"b\\\\""$`);
  expect(printed.lines).toEqual([expect.stringMatching(line('success')), expect.stringMatching(line('query_failed'))]);
});

it('mxcp admin trace --json prints one object a line, of the calls that were asked for', async () => {
  const { server, call } = await startServer();
  const printed = new Printed();
  const options = { socket: server.socketPath, json: true, count: '1', endpoint: 'sales', errors: true };
  const ended = run([], options, printed.context(server.folder));
  await call('other', 'query_failed');
  await call('sales');
  await call('sales', 'query_failed');
  expect(await ended).toBe(0);
  expect(printed.lines.map((line): unknown => JSON.parse(line))).toEqual([
    expect.objectContaining({ name: 'sales', code: 'query_failed', statements: 1, rows: 3, request: 'a "b"' }),
  ]);
});

it('mxcp admin trace says when the server ends it', async () => {
  const { server, call } = await startServer();
  const printed = new Printed();
  const ended = run([], { socket: server.socketPath }, printed.context(server.folder));
  await call('sales');
  await vi.waitFor(() => expect(printed.lines).toHaveLength(1));
  await server.close();
  expect(await ended).toBe(1);
  expect(printed.warnings).toEqual(['the server has ended the trace; it shuts down, or this reader was too slow']);
});

it.each(['0', 'x'])('mxcp admin trace --count %s is refused', async (count) => {
  const { server } = await startServer();
  const refused = run([], { socket: server.socketPath, count }, new Printed().context(server.folder));
  await expect(refused).rejects.toMatchObject({ code: 'usage' });
});

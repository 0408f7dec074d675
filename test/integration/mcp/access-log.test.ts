import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { createLogger, type Logger, Scrubber } from '../../../src/logging/index.js';
import { startStdio } from '../../../src/mcp/index.js';
import { callOf, INITIALIZE, post, postModern, request, startListener } from './http-fixture.js';
import { SampleCalls } from './sample-calls.js';

function record(level: 'info' | 'debug' = 'info'): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  const sinks = [(line: string) => lines.push(line.replace(/^\S+ /, '').replace(/duration_ms=\d+/, 'duration_ms=0'))];
  return { lines, logger: createLogger({ level, format: 'text', scrubber: new Scrubber(), sinks }) };
}

it('the access log has a line for each request over HTTP', async () => {
  const { lines, logger } = record();
  const { url } = await startListener({ logger, accessLog: true });
  const { headers } = await post(url, INITIALIZE);
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '' };
  await post(url, callOf('count', {}, 'x'), { headers: session });
  await postModern(url, callOf('absent'));
  await post(url, request('no/such/method'), { headers: session });
  await post(url, request('tools/list', { cursor: 'x' }), { headers: session });
  await post(url, '{bad');
  await fetch(url, { method: 'DELETE', headers: session });
  await fetch(new URL('/nothing', url));
  await vi.waitFor(() => expect(lines).toHaveLength(8));
  expect(lines.map((line) => line.replace(/bytes=[1-9]\d*/, 'bytes=1'))).toEqual([
    'INFO access: POST initialize client=127.0.0.1 outcome=success status=200 duration_ms=0 bytes=1 request=1\n',
    'INFO access: POST tools/call client=127.0.0.1 outcome=success status=200 duration_ms=0 bytes=1 request=x\n',
    expect.stringMatching(/^INFO access: POST tools\/call client=127.0.0.1 outcome=-32602 status=/),
    expect.stringMatching(/^INFO access: POST no\/such\/method client=127.0.0.1 status=200 outcome=refused /),
    expect.stringMatching(/^INFO access: POST tools\/list client=127.0.0.1 outcome=-32602 status=200/),
    'INFO access: POST client=127.0.0.1 status=400 outcome=refused duration_ms=0 bytes=1\n',
    'INFO access: DELETE client=127.0.0.1 status=200 outcome=success duration_ms=0 bytes=1\n',
    'INFO access: GET client=127.0.0.1 status=404 outcome=refused duration_ms=0 bytes=1\n',
  ]);
});

it('the access log has a line for each request over stdio', async () => {
  const { lines, logger } = record();
  const [input, output] = [new PassThrough(), new PassThrough()];
  const info = { name: 'sample', version: '1' };
  const scrubber = new Scrubber();
  const connection = startStdio({ calls: new SampleCalls(), info, logger, scrubber, accessLog: true, input, output });
  output.resume();
  for (const message of [INITIALIZE, callOf('large', {}, 2), request('no/such/method', {}, 3)])
    input.write(`${JSON.stringify(message)}\n`);
  await vi.waitFor(() => expect(lines).toHaveLength(3));
  await connection.close({ deadlineMs: 0 });
  lines.sort((a, b) => Number(a.at(-2)) - Number(b.at(-2)));
  expect(lines).toEqual([
    expect.stringMatching(/^INFO access: stdio initialize outcome=success duration_ms=0 bytes=\d{3} request=1\n$/),
    expect.stringMatching(/^INFO access: stdio tools\/call outcome=success duration_ms=0 bytes=\d{6} request=2\n$/),
    expect.stringMatching(/^INFO access: stdio no\/such\/method outcome=-32601 duration_ms=0 bytes=\d+ request=3\n$/),
  ]);
});

it('a client that leaves while its body is read is no error of the server', async () => {
  const { lines, logger } = record('debug');
  const { listener } = await startListener({ logger, accessLog: true });
  const head = [
    'POST /mcp HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Content-Length: 100',
    '',
    '{',
  ];
  const socket = connect(listener.port, '127.0.0.1', () => socket.write(head.join('\r\n'), () => socket.destroy()));
  await vi.waitFor(() => expect(lines).toHaveLength(2));
  expect(lines.toSorted()).toEqual([
    'DEBUG mcp: the client left before its request was answered client=127.0.0.1\n',
    expect.stringMatching(/^INFO access: POST client=127.0.0.1 status=200 outcome=client_gone/),
  ]);
});

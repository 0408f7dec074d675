import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import type { CallContext } from '../../../src/endpoints/index.js';
import { createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import { startStdio } from '../../../src/mcp/index.js';
import { callOf, INITIALIZE, openSession, request, startListener } from './http-fixture.js';
import { objectResult, SampleCalls } from './sample-calls.js';

/** Says something at every level, and how far it is. */
const talks = async (_: unknown, { notify }: CallContext) => {
  for (const level of ['debug', 'info', 'warning', 'error'] as const)
    notify?.({ kind: 'log', level, message: `${level} of hunter2` });
  notify?.({ kind: 'log', level: 'info', message: 'with data', data: { rows: 3 } });
  notify?.({ kind: 'progress', progress: 1, total: 2, message: 'half' });
  notify?.({ kind: 'progress', progress: 2 });
  return objectResult({ done: true });
};

const withTalker = () => new SampleCalls({ talks });
const BOTH = { accept: 'application/json, text/event-stream' };

interface Received {
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
}

/** Sends one message and returns the content type and every message of the answer. */
async function exchange(url: string, message: object, headers: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message),
  });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const messages: Received[] = type.startsWith('text/event-stream')
    ? [...text.matchAll(/^event: message\ndata: (.*)\n\n/gm)].map(([, data = '']) => JSON.parse(data))
    : [JSON.parse(text)];
  return { type, messages, headers: response.headers };
}

function asking(message: ReturnType<typeof request>, meta: object) {
  return { ...message, params: { ...message.params, _meta: meta } };
}

const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const OWN_ENVELOPE = { ...MODERN_META, 'io.modelcontextprotocol/protocolVersion': '2025-06-18' };
const MODERN_HEADERS = { ...BOTH, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' };

function levelsOf(messages: readonly Received[]): unknown[] {
  return messages.filter(({ method }) => method === 'notifications/message').map(({ params }) => params?.['level']);
}

function progressOf(messages: readonly Received[]) {
  return messages.filter(({ method }) => method === 'notifications/progress').map(({ params }) => params);
}

describe('notifications of a call, over HTTP with a 2025 protocol', () => {
  it('come as events before the answer, with the progress for the token that was sent', async () => {
    const scrubber = new Scrubber();
    scrubber.register(['hunter2']);
    const { url } = await startListener({ calls: withTalker(), scrubber });
    const session = await openSession(url);
    const message = asking(callOf('talks'), { progressToken: 'p1' });
    const { type, messages, headers } = await exchange(url, message, { ...BOTH, ...session });
    expect(type).toBe('text/event-stream');
    expect(headers.get('mcp-session-id')).toBe(session['mcp-session-id']);
    expect(levelsOf(messages)).toEqual(['debug', 'info', 'warning', 'error', 'info']);
    expect(messages[0]?.params).toEqual({ level: 'debug', logger: 'talks', data: 'debug of [secret]' });
    expect(messages[4]?.params).toEqual({
      level: 'info',
      logger: 'talks',
      data: { message: 'with data', data: { rows: 3 } },
    });
    expect(progressOf(messages)).toEqual([
      { progressToken: 'p1', progress: 1, total: 2, message: 'half' },
      { progressToken: 'p1', progress: 2 },
    ]);
    expect(messages.at(-1)).toMatchObject({ id: 1, result: { structuredContent: { done: true } } });
  });

  it.each<[string, object, Record<string, string>]>([
    ['the name of its client', { 'io.modelcontextprotocol/clientInfo': { name: 'stray', version: '1' } }, {}],
    ['a level', { 'io.modelcontextprotocol/logLevel': 'alert' }, { 'mcp-protocol-version': '2025-06-18' }],
    ['a whole envelope', MODERN_META, {}],
    ['the envelope of its own revision', OWN_ENVELOPE, { 'mcp-protocol-version': '2025-06-18' }],
  ])('come to a session whose request has %s of 2026-07-28 in `_meta`', async (_, meta, version) => {
    const { url } = await startListener({ calls: withTalker() });
    const headers = { ...BOTH, ...(await openSession(url)), ...version };
    const { messages } = await exchange(url, asking(callOf('talks'), meta), headers);
    expect(levelsOf(messages)).toHaveLength(5);
    expect(messages.at(-1)).toMatchObject({ result: { structuredContent: { done: true } } });
    const lists = await exchange(url, asking(request('tools/list'), meta), headers);
    expect(lists.messages[0]?.result).not.toHaveProperty('ttlMs');
  });

  it('leave out progress without a token, and levels below the one that was set', async () => {
    const { url } = await startListener({ calls: withTalker() });
    const headers = { ...BOTH, ...(await openSession(url)) };
    await exchange(url, request('logging/setLevel', { level: 'warning' }), headers);
    const { messages } = await exchange(url, callOf('talks'), headers);
    expect(levelsOf(messages)).toEqual(['warning', 'error']);
    expect(progressOf(messages)).toEqual([]);
    // Another session has its own level.
    const other = { ...BOTH, ...(await openSession(url)) };
    expect(levelsOf((await exchange(url, callOf('talks'), other)).messages)).toHaveLength(5);
  });

  it('are limited in their rate; the last progress and the number of those that were left out arrive all the same', async () => {
    const floods = async (_: unknown, { notify }: CallContext) => {
      for (let step = 1; step <= 1000; step += 1) {
        notify?.({ kind: 'log', level: 'info', message: `step ${step}` });
        notify?.({ kind: 'progress', progress: step });
      }
      return objectResult({ done: true });
    };
    const { url } = await startListener({ calls: new SampleCalls({ floods }), stateless: true });
    const { messages } = await exchange(url, asking(callOf('floods'), { progressToken: 'p1' }), BOTH);
    const logs = messages.filter(({ method }) => method === 'notifications/message').map(({ params }) => params);
    const progress = progressOf(messages);
    expect(progress[0]).toEqual({ progressToken: 'p1', progress: 1 });
    expect(progress.at(-1)).toEqual({ progressToken: 'p1', progress: 1000 });
    expect(logs.length + progress.length).toBeLessThan(1000);
    const left = 1000 - (logs.length - 1);
    const data = `${left} more messages were left out: a call may send 100 at once and 20 a second after that`;
    expect(logs.at(-1)).toEqual({ level: 'warning', logger: 'floods', data });
    expect(messages.at(-1)).toMatchObject({ result: { structuredContent: { done: true } } });
  });

  it('leave out progress that does not increase', async () => {
    const wanders = async (_: unknown, { notify }: CallContext) => {
      for (const progress of [-2, 0.5, 0.5, 0.25, 0.75, 0, 3]) notify?.({ kind: 'progress', progress });
      return objectResult({ done: true });
    };
    const { url } = await startListener({ calls: new SampleCalls({ wanders }), stateless: true });
    const { messages } = await exchange(url, asking(callOf('wanders'), { progressToken: 'p1' }), BOTH);
    expect(progressOf(messages).map((params) => params?.['progress'])).toEqual([-2, 0.5, 0.75, 3]);
  });

  it('also come without a session', async () => {
    const { url } = await startListener({ calls: withTalker(), stateless: true });
    const { messages } = await exchange(url, callOf('talks'), BOTH);
    expect(levelsOf(messages)).toHaveLength(5);
    expect(messages.at(-1)).toMatchObject({ result: { structuredContent: { done: true } } });
  });

  it('are not sent to a client that takes only JSON, and a call without them is answered with JSON', async () => {
    const { url } = await startListener({ calls: withTalker() });
    for (const accept of ['application/json', '*/*']) {
      const { type, messages } = await exchange(url, callOf('talks'), { accept });
      expect(type).toBe('application/json');
      expect(messages).toMatchObject([{ result: { structuredContent: { done: true } } }]);
    }
    expect((await exchange(url, callOf('count'), BOTH)).type).toBe('application/json');
  });

  it('can precede a large result and an error', async () => {
    const calls = withTalker();
    calls.addTool('large_after', async (parameters, context) => {
      context.notify?.({ kind: 'log', level: 'info', message: 'soon' });
      return calls.callTool('large', parameters, context);
    });
    calls.addTool('broken_after', async (parameters, context) => {
      context.notify?.({ kind: 'log', level: 'info', message: 'soon' });
      return calls.callTool('rejected', parameters, context);
    });
    const { url } = await startListener({ calls });
    const large = await exchange(url, callOf('large_after', { rows: 5000 }), BOTH);
    expect(large.messages).toHaveLength(2);
    expect(large.messages[1]).toMatchObject({ result: { structuredContent: { result: { length: 5000 } } } });
    const broken = await exchange(url, callOf('broken_after'), BOTH);
    expect(broken.messages[1]).toMatchObject({ result: { isError: true } });
  });

  it('do not accumulate for a client that does not read', async () => {
    const calls = withTalker();
    let sent = 0;
    calls.addTool('chatter', async (_, { notify }) => {
      for (; sent < 200_000; sent += 1)
        notify?.({ kind: 'log', level: 'info', message: `message ${sent} ${'x'.repeat(200)}` });
      return objectResult({ done: true });
    });
    const { listener } = await startListener({ calls });
    const socket = connect(listener.port, '127.0.0.1');
    const body = JSON.stringify(callOf('chatter'));
    socket.pause();
    socket.write(
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: ${BOTH.accept}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitFor(() => expect(sent).toBe(200_000), { timeout: 20_000 });
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.resume();
    await vi.waitFor(() => expect(received).toContain('"structuredContent":{"done":true}'));
    // Of more than 50 MB: what was left out of the middle stays out.
    expect(received.length).toBeLessThan(8 * 1024 * 1024);
    socket.destroy();
    await once(socket, 'close');
  });
});

describe('notifications of a call, over HTTP with protocol 2026-07-28', () => {
  const headers = { ...MODERN_HEADERS, 'mcp-name': 'talks' };

  it('come from the level on that the request asks for', async () => {
    const { url } = await startListener({ calls: withTalker() });
    const meta = { ...MODERN_META, 'io.modelcontextprotocol/logLevel': 'warning', progressToken: 7 };
    const stray = { 'mcp-session-id': 'of-another-time' };
    const { type, messages, ...answer } = await exchange(url, asking(callOf('talks'), meta), { ...headers, ...stray });
    expect(type).toBe('text/event-stream');
    expect(answer.headers.has('mcp-session-id')).toBe(false);
    expect(levelsOf(messages)).toEqual(['warning', 'error']);
    expect(progressOf(messages)).toHaveLength(2);
    expect(messages.at(-1)).toMatchObject({ result: { structuredContent: { done: true } } });
  });

  it('are not sent when the request asks for none', async () => {
    const { url } = await startListener({ calls: withTalker() });
    const { type } = await exchange(url, asking(callOf('talks'), MODERN_META), headers);
    expect(type).toBe('application/json');
  });
});

describe.each(['auto', 'legacy'] as const)('notifications of a call to the official client, mode %s', (mode) => {
  it('arrive', async () => {
    const { url } = await startListener({ calls: withTalker() });
    const client = new Client({ name: 'official', version: '1' }, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    const logged: unknown[] = [];
    const progress: unknown[] = [];
    client.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params.level));
    const onprogress = (each: unknown) => void progress.push(each);
    const params = { name: 'talks', ...(mode === 'auto' && { _meta: { 'io.modelcontextprotocol/logLevel': 'info' } }) };
    const result = await client.callTool(params, { onprogress });
    expect(result.structuredContent).toEqual({ done: true });
    expect(progress).toEqual([{ progress: 1, total: 2, message: 'half' }, { progress: 2 }]);
    expect(logged).toContain('error');
    await client.close();
  });
});

describe.each([
  ['2025', [INITIALIZE, { jsonrpc: '2.0', method: 'notifications/initialized' }], {}],
  [
    '2026-07-28',
    [asking(request('server/discover', {}, 'd'), MODERN_META)],
    { ...MODERN_META, 'io.modelcontextprotocol/logLevel': 'debug' },
  ],
] as const)('notifications of a call over stdio, protocol %s', (_, opening, meta) => {
  it('come before the answer', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const connection = startStdio({
      calls: withTalker(),
      info: { name: 'sample', version: '1' },
      logger: createSilentLogger(),
      scrubber: new Scrubber(),
      input,
      output,
    });
    let text = '';
    output.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    for (const message of [...opening, asking(callOf('talks', {}, 7), { ...meta, progressToken: 'p' })])
      input.write(`${JSON.stringify(message)}\n`);
    await vi.waitFor(() => expect(text).toMatch(/"id":7/));
    const messages: Received[] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(levelsOf(messages)).toEqual(['debug', 'info', 'warning', 'error', 'info']);
    expect(progressOf(messages)).toHaveLength(2);
    expect(messages.at(-1)).toMatchObject({ id: 7, result: { structuredContent: { done: true } } });
    await connection.close({ deadlineMs: 0 });
  });
});

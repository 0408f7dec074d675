import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it, vi } from 'vitest';
import type { CallContext } from '../../../src/endpoints/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { createProject, sqlTool } from '../../kit/projects/temporary-project.js';
import { KEPT_STREAM_LIMITS } from '../../../src/mcp/http/kept-streams.js';
import { callOf, INITIALIZE, post, postModern, request, startListener } from './http-fixture.js';
import { SampleCalls } from './sample-calls.js';

/** On a machine with much to do, too. */
const waitFor = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

type Headers = Record<string, string>;

async function openSession(url: string, protocolVersion = '2025-11-25', capabilities = {}): Promise<Headers> {
  const params = { ...INITIALIZE.params, protocolVersion, capabilities };
  const { headers } = await post(url, request('initialize', params));
  return { 'mcp-session-id': headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': protocolVersion };
}

/** A stream of events as a client reads it, until one of them cuts the connection. */
class Stream {
  text = '';
  isOpen = true;
  readonly response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (part: string) => (this.text += part));
    response.on('error', () => {}).on('close', () => (this.isOpen = false));
  }

  static async open(url: string, headers: Headers, message?: object): Promise<Stream> {
    const accept = 'application/json, text/event-stream';
    const sent = httpRequest(url, {
      method: message === undefined ? 'GET' : 'POST',
      headers: { accept, 'content-type': 'application/json', ...headers },
      agent: false,
    });
    sent.on('error', () => {});
    const answered = once(sent, 'response');
    sent.end(message === undefined ? undefined : JSON.stringify(message));
    const [response] = await answered;
    return new Stream(response);
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }

  get ids(): readonly string[] {
    return [...this.text.matchAll(/^id: (\S+)$/gm)].map(([, id = '']) => id);
  }

  get messages(): readonly { readonly id?: unknown; readonly method?: string; readonly params?: object }[] {
    return [...this.text.matchAll(/^data: (.+)\n\n/gm)].map(([, data = '']) => JSON.parse(data));
  }

  /** What a call said of its progress, or `answer`. */
  get said(): readonly unknown[] {
    return this.messages.map(({ params }) => (params === undefined ? 'answer' : Reflect.get(params, 'data')));
  }

  async hasSaid(...said: readonly unknown[]): Promise<void> {
    await waitFor(() => expect(this.said).toEqual(said));
  }

  async cut(): Promise<void> {
    const closed = once(this.response, 'close');
    this.response.destroy();
    await closed;
  }
}

/** A tool that says what the test passes to `say`, and answers when the test wants. */
function startTalker() {
  const calls = new SampleCalls();
  let notify: CallContext['notify'];
  const say = (data: string): void => notify?.({ kind: 'log', level: 'info', message: data });
  // Counts as two running calls, because it calls another tool.
  calls.addTool('talks', (parameters, context) => {
    ({ notify } = context);
    say('begun');
    return calls.callTool('wait', parameters, context);
  });
  return { calls, say };
}

async function startCall(options: Parameters<typeof startListener>[0] = {}, version?: string) {
  const { calls, say } = startTalker();
  const { url, listener } = await startListener({ calls, ...options });
  const session = await openSession(url, version);
  const stream = await Stream.open(url, session, callOf('talks', {}, 'c1'));
  await stream.hasSaid('begun');
  const resume = (lastId = stream.ids.at(-1) ?? '', headers = session) =>
    Stream.open(url, { ...headers, 'last-event-id': lastId });
  return { calls, say, url, listener, session, stream, resume };
}

describe('a call whose connection breaks, in a session', () => {
  it('continues, and its client gets the rest with the id of the last event', async () => {
    const { calls, say, stream, resume } = await startCall();
    expect(stream.text).toMatch(/^id: call-[\w-]{22}\.0\ndata: \n\nid: call-[\w-]{22}\.1\nevent: message\ndata: \{/);
    await stream.cut();
    say('while away');
    const back = await resume();
    await back.hasSaid('while away');
    say('live again');
    calls.release();
    await back.hasSaid('while away', 'live again', 'answer');
    expect(back.messages.at(-1)).toMatchObject({ id: 'c1', result: { structuredContent: { result: 'released' } } });
    expect(calls.cancelled).toBe(0);
    await waitFor(() => expect(back.isOpen).toBe(false));
    expect(back.response.complete).toBe(true);
  });

  it.each(['2025-03-26', '2025-06-18'])('gets no event without a message in %s', async (version) => {
    const { calls, stream, resume } = await startCall({}, version);
    expect(stream.text).toMatch(/^id: \S+\.1\nevent: message\ndata: \{/);
    await stream.cut();
    calls.release();
    const back = await resume();
    await back.hasSaid('answer');
    expect(back.text).not.toContain('data: \n');
  });

  it('gives its answer to the client that asks after it ended, as often as it asks', async () => {
    const { calls, stream, resume } = await startCall();
    await stream.cut();
    calls.release();
    await waitFor(() => expect(calls.running).toBe(0));
    for (let time = 0; time < 2; time += 1) {
      const back = await resume();
      await back.hasSaid('answer');
    }
    const fromStart = await resume(stream.ids[0]);
    await fromStart.hasSaid('begun', 'answer');
  });

  it('can have a large answer', async () => {
    const { calls } = startTalker();
    calls.addTool('late', async (parameters, context) => {
      context.notify?.({ kind: 'log', level: 'info', message: 'begun' });
      await calls.callTool('wait', parameters, context);
      return calls.callTool('large', { rows: 20_000 }, context);
    });
    const { url } = await startListener({ calls });
    const session = await openSession(url);
    const stream = await Stream.open(url, session, callOf('late'));
    await stream.hasSaid('begun');
    await stream.cut();
    calls.release();
    const back = await Stream.open(url, { ...session, 'last-event-id': stream.ids.at(-1) ?? '' });
    await waitFor(() => expect(back.isOpen).toBe(false));
    expect(back.messages).toHaveLength(1);
    expect(back.messages[0]).toHaveProperty('result.structuredContent.result.length', 20_000);
  });

  it('can be cancelled meanwhile', async () => {
    const { calls, url, session, stream, resume } = await startCall();
    await stream.cut();
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c1' } };
    expect((await post(url, cancel, { headers: session })).status).toBe(202);
    expect(calls.cancelled).toBe(1);
    const back = await resume();
    await waitFor(() => expect(back.isOpen).toBe(false));
    expect(back.messages).toMatchObject([{ id: 'c1', error: { message: 'The request was cancelled' } }]);
  });

  it('continues through a reload, also while it waits for a person', async () => {
    const tool = sqlTool('shout', "SELECT upper('tea') AS said", ['confirm: Shout?', 'return: { type: object }']);
    await using server = await InProcessServer.start(createProject({ 'tools/shout.yml': tool }));
    const { url, admin } = server;
    const session = await openSession(url, '2025-11-25', { elicitation: {} });
    const stream = await Stream.open(url, session, callOf('shout', {}, 'c1'));
    await waitFor(() => expect(stream.messages).toMatchObject([{ method: 'elicitation/create' }]));
    await stream.cut();
    await admin.reload({ definitions: true, waitMs: 20_000 });
    const accepted = { jsonrpc: '2.0', id: stream.messages[0]?.id, result: { action: 'accept', content: {} } };
    expect((await post(url, accepted, { headers: session })).status).toBe(202);
    const back = await Stream.open(url, { ...session, 'last-event-id': stream.ids.at(-1) ?? '' });
    await waitFor(() => expect(back.isOpen).toBe(false));
    expect(back.messages).toMatchObject([{ id: 'c1', result: { structuredContent: { said: 'TEA' } } }]);
  });

  it('moves to the new connection while the server takes the old one for open', async () => {
    const { calls, say, stream, resume } = await startCall();
    const back = await resume();
    say('to the new one');
    await back.hasSaid('to the new one');
    await waitFor(() => expect(stream.isOpen).toBe(false));
    calls.release();
    await back.hasSaid('to the new one', 'answer');
    expect(stream.said).toEqual(['begun']);
  });

  it('is cancelled when its client does not come back in time', async () => {
    const { calls, stream, resume } = await startCall({ keptStreams: { ...KEPT_STREAM_LIMITS, lifetimeMs: 30 } });
    await stream.cut();
    await waitFor(() => expect(calls.cancelled).toBe(1));
    const back = await resume();
    expect(back.status).toBe(400);
    await waitFor(() => expect(back.text).toContain('are not kept any more'));
  });

  it('is cancelled when too many others are without a connection', async () => {
    const { calls, url, session, stream } = await startCall({ keptStreams: { ...KEPT_STREAM_LIMITS, sessionAway: 1 } });
    const other = await Stream.open(url, session, callOf('talks', {}, 'c2'));
    await other.hasSaid('begun');
    await stream.cut();
    await other.cut();
    await waitFor(() => expect([calls.cancelled, calls.running]).toEqual([1, 2]));
  });

  it('ends with its session', async () => {
    const { calls, url, session, stream } = await startCall();
    await stream.cut();
    expect((await fetch(url, { method: 'DELETE', headers: session })).status).toBe(200);
    expect(calls.cancelled).toBe(1);
    expect((await Stream.open(url, { ...session, 'last-event-id': stream.ids.at(-1) ?? '' })).status).toBe(404);
  });

  it('keeps its session in use', async () => {
    const { calls, stream, resume, url } = await startCall({ maxSessions: 1 });
    await stream.cut();
    expect((await post(url, INITIALIZE)).status).toBe(503);
    calls.release();
    await (await resume()).hasSaid('answer');
    await waitFor(async () => expect((await post(url, INITIALIZE)).status).toBe(200));
  });

  it('is awaited by a shutdown, and its client still gets the answer then', async () => {
    const { calls, listener, stream, resume, url } = await startCall();
    await stream.cut();
    const closed = listener.close({ deadlineMs: 20_000 });
    expect((await post(url, INITIALIZE)).status).toBe(503);
    const back = await resume();
    calls.release();
    await back.hasSaid('answer');
    await closed;
    expect(back.response.complete).toBe(true);
  });

  it('is cancelled at the deadline of a shutdown', async () => {
    const { calls, listener, stream } = await startCall();
    await stream.cut();
    await listener.close({ deadlineMs: 0 });
    expect(calls.cancelled).toBe(1);
  });

  it('is still found by a server that is out of rotation', async () => {
    const rotation = { drainingSince: undefined as Date | undefined };
    const { calls, session, stream, resume, url } = await startCall({ rotation });
    rotation.drainingSince = new Date();
    await stream.cut();
    const back = await resume();
    calls.release();
    await back.hasSaid('answer');
    expect((await Stream.open(url, session)).status).toBe(503);
  });
});

describe('the id of an event', () => {
  it('is of no use in another session', async () => {
    const { url, stream, resume } = await startCall();
    await stream.cut();
    const foreign = await resume(undefined, await openSession(url));
    expect(foreign.status).toBe(400);
    expect((await resume()).status).toBe(200);
  });

  it.each(['x', 'call-aaaaaaaaaaaaaaaaaaaaaa.1', 'notices-aaaaaaaaaaaaaaaaaaaaaa.0', '1', '_GET_stream'])(
    'that the server never gave out is refused: %s',
    async (lastId) => {
      const { resume } = await startCall();
      const refused = await resume(lastId);
      expect(refused.status).toBe(400);
      await waitFor(() => expect(refused.text).toContain('"code":-32000'));
    },
  );
});

describe('a call whose connection breaks is cancelled', () => {
  it.each<[string, (url: string) => Promise<Headers>]>([
    ['without a session', async () => ({})],
    [
      'in a session, when it takes only JSON',
      async (url) => ({ ...(await openSession(url)), accept: 'application/json' }),
    ],
  ])('%s', async (_, open) => {
    const { calls } = startTalker();
    const { url } = await startListener({ calls });
    const leave = new AbortController();
    const running = post(url, callOf('talks'), {
      headers: { accept: 'application/json, text/event-stream', ...(await open(url)) },
      signal: leave.signal,
    });
    await waitFor(() => expect(calls.running).toBe(2));
    leave.abort();
    await expect(running).rejects.toThrow();
    await waitFor(() => expect(calls.cancelled).toBe(1));
  });

  it('in 2026-07-28, where that is how a client cancels', async () => {
    const { calls } = startTalker();
    const { url } = await startListener({ calls, keepAliveMs: 10 });
    const leave = new AbortController();
    const headers = { accept: 'application/json, text/event-stream', ...(await openSession(url)) };
    const modern = { ...headers, 'mcp-protocol-version': '2026-07-28' };
    const running = postModern(url, callOf('talks'), { headers: modern, signal: leave.signal });
    await waitFor(() => expect(calls.running).toBe(2));
    leave.abort();
    await expect(running).rejects.toThrow();
    await waitFor(() => expect(calls.cancelled).toBe(1));
  });
});

describe('the stream of notices of a session', () => {
  const methods = (stream: Stream) => stream.messages.map(({ method }) => method);

  it('gives its client what it missed, in order and once', async () => {
    const { url, listener } = await startListener();
    const session = await openSession(url);
    const first = await Stream.open(url, session);
    await waitFor(() => expect(first.ids).toHaveLength(1));
    await first.cut();
    await listener.notifyListChanged({ tools: true });
    await listener.notifyListChanged({ prompts: true });
    const back = await Stream.open(url, { ...session, 'last-event-id': first.ids[0] ?? '' });
    const missed = ['notifications/tools/list_changed', 'notifications/prompts/list_changed'];
    await waitFor(() => expect(methods(back)).toEqual(missed));
    await listener.notifyListChanged({ resources: true });
    await waitFor(() => expect(methods(back)).toEqual([...missed, 'notifications/resources/list_changed']));
    await back.cut();
    const again = await Stream.open(url, { ...session, 'last-event-id': back.ids[1] ?? '' });
    await waitFor(() => expect(methods(again)).toEqual([missed[1], 'notifications/resources/list_changed']));
  });

  it('begins anew without an id, and only one is open at a time', async () => {
    const { url, listener } = await startListener();
    const session = await openSession(url);
    const first = await Stream.open(url, session);
    expect((await Stream.open(url, session)).status).toBe(409);
    await waitFor(() => expect(first.ids).toHaveLength(1));
    await first.cut();
    await listener.notifyListChanged({ tools: true });
    const second = await waitFor(async () => {
      const opened = await Stream.open(url, session);
      expect(opened.status).toBe(200);
      return opened;
    });
    await listener.notifyListChanged({ prompts: true });
    await waitFor(() => expect(methods(second)).toEqual(['notifications/prompts/list_changed']));
    expect((await Stream.open(url, { ...session, 'last-event-id': first.ids[0] ?? '' })).status).toBe(400);
  });

  it('sends comments while there is no news', async () => {
    const { url } = await startListener({ keepAliveMs: 10 });
    const stream = await Stream.open(url, await openSession(url));
    await waitFor(() => expect(stream.text.match(/^: /gm)?.length).toBeGreaterThan(2));
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
  });

  it('ends whole when the server closes', async () => {
    const { url, listener } = await startListener();
    const stream = await Stream.open(url, await openSession(url));
    await listener.close({ deadlineMs: 1000 });
    await waitFor(() => expect(stream.isOpen).toBe(false));
    expect(stream.response.complete).toBe(true);
  });

  it('is refused to a client that takes no events, or names another revision', async () => {
    const { url } = await startListener();
    const session = await openSession(url);
    expect((await Stream.open(url, { ...session, accept: 'application/json' })).status).toBe(406);
    expect((await Stream.open(url, { ...session, 'mcp-protocol-version': '1999-01-01' })).status).toBe(400);
  });
});

it('the official client gets the answer of a call whose connection was cut, once', async () => {
  const { calls, say } = startTalker();
  const { url } = await startListener({ calls });
  const cuts: (() => void)[] = [];
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    reconnectionOptions: {
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 10,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 5,
    },
    fetch: async (address, options) => {
      const response = await fetch(address, options);
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
      if (!isStream || options?.method !== 'POST' || response.body === null) return response;
      const broken = new TransformStream<Uint8Array, Uint8Array>();
      const leave = new AbortController();
      response.body.pipeTo(broken.writable, { signal: leave.signal }).catch(() => {});
      cuts.push(() => leave.abort(new Error('the network is down')));
      return new Response(broken.readable, { headers: response.headers, status: response.status });
    },
  });
  const client = new Client({ name: 'official', version: '1' }, { versionNegotiation: { mode: 'legacy' } });
  const logged: unknown[] = [];
  client.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params.data));
  await client.connect(transport);
  const answered = vi.fn();
  const answer = client.callTool({ name: 'talks' }).then(answered);
  await waitFor(() => expect(logged).toEqual(['begun']));
  for (const cut of cuts) cut();
  say('while away');
  await waitFor(() => expect(logged).toEqual(['begun', 'while away']));
  say('live again');
  calls.release();
  await answer;
  expect(answered).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ structuredContent: { result: 'released' } }),
  );
  expect(logged).toEqual(['begun', 'while away', 'live again']);
  expect(calls.cancelled).toBe(0);
  await client.close();
});

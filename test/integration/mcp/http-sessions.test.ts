import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { callOf, INITIALIZE, openSession, post, postModern, request, startListener } from './http-fixture.js';

describe('sessions of the 2025 protocols', () => {
  it.each(['2025-03-26', '2025-06-18', '2025-11-25'])('negotiates %s', async (protocolVersion) => {
    const { url } = await startListener();
    const { params } = INITIALIZE;
    const { body, headers } = await post(url, request('initialize', { ...params, protocolVersion }));
    expect(body.result).toMatchObject({
      protocolVersion,
      serverInfo: { name: 'sample', version: '9.8.7' },
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true },
        prompts: { listChanged: true },
        logging: {},
      },
    });
    expect(headers.get('mcp-session-id')).toMatch(/^[\w-]{36}$/);
  });

  it('answers 404 to a session that is not known, so that the client initializes again', async () => {
    const { url } = await startListener();
    const headers = { 'mcp-session-id': 'gone' };
    expect((await post(url, callOf('count'), { headers })).status).toBe(404);
    const stream = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' } });
    expect(stream.status).toBe(404);
  });

  it('ends a session on DELETE', async () => {
    const { url } = await startListener();
    const headers = await openSession(url);
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(200);
    expect((await post(url, callOf('count'), { headers })).status).toBe(404);
  });

  it.each([
    ['GET', 'DELETE'],
    ['DELETE', 'GET'],
  ])('leaves no stream open when %s and %s come at once', async (...methods) => {
    const { url, listener } = await startListener();
    const { 'mcp-session-id': session } = await openSession(url);
    const { port, hostname, host } = new URL(url);
    const client = connect(Number(port), hostname);
    let text = '';
    client.on('data', (part) => (text += part.toString()));
    const lines = `HTTP/1.1\r\nhost: ${host}\r\naccept: text/event-stream\r\nmcp-session-id: ${session}\r\n\r\n`;
    client.write(methods.map((method) => `${method} /mcp ${lines}`).join(''));
    await vi.waitFor(() => expect(text.match(/HTTP\/1.1 \d+/g)).toHaveLength(2));
    const started = performance.now();
    await listener.close({ deadlineMs: 3000 });
    expect(performance.now() - started).toBeLessThan(2000);
    client.destroy();
  });

  it('answers a running call at once when its session ends', async () => {
    const { url, calls } = await startListener();
    const headers = await openSession(url);
    const running = post(url, callOf('wait', {}, 'slow'), { headers });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(200);
    const { body } = await running;
    expect(body).toEqual({ jsonrpc: '2.0', id: 'slow', error: { code: -32_000, message: 'The session has ended' } });
    expect(calls.cancelled).toBe(1);
  });

  it.each<[string, object, string]>([
    ['clientInfo', { protocolVersion: '2025-06-18', capabilities: {} }, 'clientInfo: '],
    ['capabilities', { protocolVersion: '2025-06-18', clientInfo: { name: 'raw', version: '1' } }, 'capabilities: '],
    ['sound roots', { ...INITIALIZE.params, capabilities: { roots: null } }, 'capabilities.roots: '],
  ])('says what an `initialize` without %s lacks', async (_name, params, problem) => {
    const { url } = await startListener();
    const { status, body } = await post(url, request('initialize', params, 'init'));
    expect(status).toBe(400);
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: 'init',
      error: { code: -32_602, message: expect.stringMatching(`^Invalid params: ${problem}`) },
    });
  });

  it('says that an `initialize` lacks its parameters', async () => {
    const { url } = await startListener();
    const { body } = await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize' });
    expect(body).toMatchObject({
      id: 1,
      error: { code: -32_602, message: expect.stringMatching('^Invalid params: params: ') },
    });
  });

  it('opens no session for an `initialize` that is a notification', async () => {
    const { url } = await startListener({ maxSessions: 1 });
    const { id: _, ...notification } = INITIALIZE;
    for (const message of [notification, [notification]]) {
      const { status, body } = await post(url, message);
      expect([status, body.error.code]).toEqual([400, -32_600]);
    }
  });

  it('refuses a request whose id has a request that runs, and answers that one', async () => {
    const { url, calls } = await startListener();
    const headers = await openSession(url);
    const running = post(url, callOf('wait', {}, 5), { headers });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    const second = await post(url, callOf('count', {}, 5), { headers });
    expect(second.status).toBe(400);
    expect(second.body).toMatchObject({
      id: 5,
      error: { code: -32_600, message: expect.stringMatching('still runs') },
    });
    const twice = await post(url, [callOf('count', {}, 6), callOf('count', {}, 6)], { headers });
    expect([twice.status, twice.body.error.code]).toEqual([400, -32_600]);
    await post(url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } }, { headers });
    expect((await running).body.error.message).toBe('The request was cancelled');
    expect((await post(url, callOf('count', {}, 5), { headers })).status).toBe(200);
  });

  it('refuses with the id of the request, or without one where there is none', async () => {
    const { url } = await startListener();
    const headers = await openSession(url);
    const again = await post(url, { ...INITIALIZE, id: 'again' }, { headers });
    expect([again.status, again.body.id]).toEqual([400, 'again']);
    const version = await post(url, callOf('count', {}, 5), {
      headers: { ...headers, 'mcp-protocol-version': '1999-01-01' },
    });
    expect([version.status, version.body.id]).toEqual([400, 5]);
    const unknown = await post(url, callOf('count', {}, 6), { headers: { 'mcp-session-id': 'gone' } });
    expect([unknown.status, unknown.body.id]).toEqual([404, 6]);
    const batch = await post(url, [callOf('count', {}, 7), INITIALIZE], { headers });
    expect(batch.status).toBe(400);
    expect(batch.body).not.toHaveProperty('id');
  });

  /** Asking keeps a session alive, so the pause between two questions is longer than the idle time. */
  async function expectExpired(url: string, headers: Record<string, string>, idleMs: number): Promise<void> {
    await vi.waitFor(
      async () => {
        const probe = await fetch(url, { headers: { ...headers, accept: 'application/json' } });
        expect(probe.status).toBe(404);
      },
      { timeout: 10_000, interval: 2 * idleMs },
    );
  }

  it('ends a session that is not used', async () => {
    const { url } = await startListener({ sessionIdleMs: 30 });
    await expectExpired(url, await openSession(url), 30);
  });

  it('keeps a session whose call runs longer than the idle time', async () => {
    const { url, calls } = await startListener({ sessionIdleMs: 500 });
    const headers = await openSession(url);
    const running = post(url, callOf('wait'), { headers });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    await expectExpired(url, await openSession(url), 500);
    calls.release();
    expect((await running).body.result.structuredContent).toEqual({ result: 'released' });
    expect((await post(url, callOf('count'), { headers })).status).toBe(200);
  });

  it('lets the longest unused session give way to a new one', async () => {
    const { url } = await startListener({ maxSessions: 2 });
    const first = await openSession(url);
    const second = await openSession(url);
    await post(url, callOf('count'), { headers: first });
    await openSession(url);
    expect((await post(url, callOf('count'), { headers: second })).status).toBe(404);
    expect((await post(url, callOf('count'), { headers: first })).status).toBe(200);
  });

  it('refuses a new session while all are in use', async () => {
    const { url, calls } = await startListener({ maxSessions: 1 });
    const headers = await openSession(url);
    const running = post(url, callOf('wait'), { headers });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    const refused = await post(url, INITIALIZE);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    calls.release();
    await running;
    expect((await post(url, INITIALIZE)).status).toBe(200);
  });

  it('has no sessions when it is stateless', async () => {
    const { url } = await startListener({ stateless: true });
    const { status, headers } = await post(url, INITIALIZE);
    expect(status).toBe(200);
    expect(headers.get('mcp-session-id')).toBeNull();
    const session = { 'mcp-session-id': 'whatever' };
    expect((await post(url, callOf('count'), { headers: session })).status).toBe(200);
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(url, { method, headers: { accept: 'text/event-stream' } });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });

  it('answers a list of messages', async () => {
    const { url } = await startListener();
    const headers = await openSession(url);
    const batch = [callOf('large', {}, 'a'), callOf('count', {}, 'b')];
    const { body } = await post(url, batch, { headers });
    expect(body).toMatchObject([
      { id: 'a', result: { structuredContent: { result: { length: 2000 } } } },
      { id: 'b', result: { structuredContent: { result: 42 } } },
    ]);
    const alone = await post(url, [callOf('count', {}, 'c')], { headers });
    expect(alone.body).toMatchObject([{ id: 'c', result: { structuredContent: { result: 42 } } }]);
  });
});

describe('cancelling over HTTP', () => {
  const eras = [
    ['2026-07-28', postModern, async () => ({})],
    ['2025 without a session', post, async () => ({})],
    ['2025 in a session', post, openSession],
  ] as const;

  it.each(eras)('cancels a call when the client goes away (%s)', async (_, send, open) => {
    const { url, calls } = await startListener();
    const headers = await open(url);
    const client = new AbortController();
    const running = send(url, callOf('wait'), { headers, signal: client.signal });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    client.abort();
    await expect(running).rejects.toThrow();
    await vi.waitFor(() => expect(calls.cancelled).toBe(1));
    expect((await post(url, callOf('count', {}, 2), { headers })).status).toBe(200);
  });

  it('cancels a call of a session when the client says so, and ends its request', async () => {
    const { url, calls } = await startListener();
    const headers = await openSession(url);
    const running = post(url, callOf('wait', {}, 'w'), { headers });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'w' } };
    expect((await post(url, cancel, { headers })).status).toBe(202);
    expect(calls.cancelled).toBe(1);
    expect((await running).body).toMatchObject({ id: 'w', error: { message: 'The request was cancelled' } });
  });

  it('ignores a cancellation that comes too late', async () => {
    const { url } = await startListener();
    const headers = await openSession(url);
    await post(url, callOf('count', {}, 'c'), { headers });
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } };
    expect((await post(url, cancel, { headers })).status).toBe(202);
    expect((await post(url, callOf('count', {}, 'd'), { headers })).body.id).toBe('d');
  });
});

import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { callOf, openSession, post, postModern, request, startListener } from './http-fixture.js';
import { objectResult, SampleCalls } from './sample-calls.js';

async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

/** What `fetch` does not let one set. */
async function withHeaders(url: string, headers: Record<string, string>, method = 'POST') {
  const outgoing = httpRequest(url, { method, headers: { 'content-type': 'application/json', ...headers } });
  outgoing.end(method === 'POST' ? JSON.stringify(callOf('count')) : undefined);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe('paths, methods and headers', () => {
  it.each(['/mcp', '/mcp/', '/mcp?x=1'])('answers at %s without a redirect', async (path) => {
    const { listener } = await startListener();
    const { body } = await post(`http://127.0.0.1:${listener.port}${path}`, callOf('count'));
    expect(body.result.structuredContent).toEqual({ result: 42 });
  });

  it.each(['/', '/health', '/mcpx', '/mcp/x', '/../mcp'])('knows nothing at %s', async (path) => {
    const { listener } = await startListener();
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    const answer = await raw(listener.port, head);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/\r\n\r\n\{"error":"not found"\}$/);
  });

  it('refuses other methods', async () => {
    const { url } = await startListener();
    const answer = await fetch(url, { method: 'PUT', body: '{}' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE']);
  });

  it('takes the target of a proxy, whose host wins over the header', async () => {
    const { listener } = await startListener();
    const body = JSON.stringify(callOf('count'));
    const send = (target: string, hosts: readonly string[]): Promise<string> => {
      const head = ['content-type: application/json', `content-length: ${body.length}`, 'connection: close'];
      const lines = [`POST ${target} HTTP/1.1`, ...hosts.map((host) => `host: ${host}`), ...head];
      return raw(listener.port, `${lines.join('\r\n')}\r\n\r\n${body}`);
    };
    expect(await send('http://localhost/mcp?x=1', ['evil.example'])).toMatch(/^HTTP\/1\.1 200 /);
    expect(await send('http://evil.example/mcp', ['localhost'])).toMatch(/^HTTP\/1\.1 403 /);
    expect(await send('http://localhost/other', ['localhost'])).toMatch(/^HTTP\/1\.1 404 /);
    expect(await send('/mcp', ['localhost', 'localhost'])).toMatch(/^HTTP\/1\.1 400 .*more than one Host header/s);
  });

  it('refuses a foreign Host and a foreign Origin', async () => {
    const { url } = await startListener();
    expect((await withHeaders(url, { host: 'evil.example' })).status).toBe(403);
    expect((await withHeaders(url, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await withHeaders(url, { host: 'localhost:1' })).status).toBe(200);
  });

  it('lets a page with an allowed Origin read answers', async () => {
    const origin = 'https://app.example';
    const { url } = await startListener({ allowedOrigins: [origin] });
    const answer = await withHeaders(url, { origin });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    const wanted = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'Mcp-Param-Region,x-any',
    };
    const asked = await withHeaders(url, { origin, ...wanted }, 'OPTIONS');
    expect(asked.status).toBe(204);
    expect(asked.headers['access-control-allow-headers']).toMatch(/mcp-protocol-version.*, mcp-param-region$/);
  });

  it.each(['*/*', 'application/json', 'application/json, text/event-stream', undefined])(
    'answers JSON to Accept: %s',
    async (accept) => {
      const { url } = await startListener();
      const answer = await withHeaders(url, accept === undefined ? {} : { accept });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
    },
  );

  it('refuses a body that is not JSON by its type or by its text', async () => {
    const { url } = await startListener();
    const form = await fetch(url, { method: 'POST', body: new URLSearchParams({ a: '1' }) });
    expect(form.status).toBe(415);
    const packed = await post(url, callOf('count'), { headers: { 'content-encoding': 'gzip' } });
    expect(packed.status).toBe(415);
    const broken = await post(url, '{"jsonrpc": "2.0", secret');
    expect(broken.status).toBe(400);
    expect(broken.body).toEqual({
      jsonrpc: '2.0',
      error: { code: -32700, message: 'Parse error: the body is not valid JSON' },
    });
  });

  it.each([
    ['mcp-name', 'rätsel', 'rätsel'],
    ['mcp-name', 'echo\u0080', 'echo'],
    ['mcp-param-region', 'Zürich', 'echo'],
  ])('refuses the header %s: %s, whose bytes are no ASCII, in 2026-07-28', async (name, value, tool) => {
    const calls = new SampleCalls({ rätsel: async () => objectResult({ done: true }) });
    const { url } = await startListener({ calls });
    const { status, body: refused } = await postModern(url, callOf(tool, {}, 5), { headers: { [name]: value } });
    expect(status).toBe(400);
    expect(refused).toEqual({
      jsonrpc: '2.0',
      id: 5,
      error: {
        code: -32020,
        message: expect.stringContaining(`the header \`${name}\` has characters other than ASCII`),
      },
    });
    const encoded = `=?base64?${Buffer.from('rätsel').toString('base64')}?=`;
    const { body } = await postModern(url, callOf('rätsel'), { headers: { 'mcp-name': encoded } });
    expect(body.result.structuredContent).toEqual({ done: true });
  });

  it('refuses a body that is not UTF-8, whose bytes could mean anything', async () => {
    const { url } = await startListener();
    const [before, after] = JSON.stringify(callOf('echo', { text: 'caf|' })).split('|');
    const body = Buffer.concat([Buffer.from(`${before}`), Buffer.from([0xe9]), Buffer.from(`${after}`)]);
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      jsonrpc: '2.0',
      error: { code: -32700, message: 'Parse error: the body is not valid UTF-8' },
    });
  });

  it.each(['null', '42', '"x"', '[]', '{}', '[null]', '{"jsonrpc":"2.0","id":{},"method":"ping"}'])(
    'refuses %s, which is JSON but no message',
    async (message) => {
      const { url } = await startListener();
      const { status, body } = await post(url, message);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(body.error.code).toBeLessThan(0);
    },
  );
});

describe('limits', () => {
  it.each(['1e400', '12345678901234567890', 'null', '{}'])('answers the unusable id %s without an id', async (id) => {
    const { url } = await startListener();
    const { status, body } = await post(url, `{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
    expect([status, body.error.code]).toEqual([400, -32_600]);
    expect(body).not.toHaveProperty('id');
  });

  it.each([
    ['a list', Array.from({ length: 10_000 }, () => request('ping')), undefined],
    ['metadata', request('ping', { _meta: Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [i, i])) }), 1],
    ['nested items', request('ping', { x: Array.from({ length: 5_001 }, () => [1]) }), 1],
  ])('refuses %s of more parts than may be read at once', async (_, message, id) => {
    const { url } = await startListener();
    const { status, body } = await post(url, message);
    expect([status, body.error.code, body.id]).toEqual([400, -32_600, id]);
  });

  it('leaves the arguments of a call to the limits of its endpoint', async () => {
    const { url } = await startListener();
    const { body } = await post(url, callOf('echo', { text: Array.from({ length: 20_000 }, () => 'x') }));
    expect(body.result).toBeDefined();
  });

  it('refuses an argument that would change the prototype of an object', async () => {
    const { url } = await startListener();
    const message =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"__proto__":{"x":1}}}}';
    expect((await post(url, message)).body.error).toMatchObject({
      code: -32_602,
      message: expect.stringMatching('__proto__'),
    });
  });

  it('takes a `null` in the metadata for what was left out', async () => {
    const { url } = await startListener();
    const { body } = await post(url, request('ping', { _meta: { progressToken: null }, x: null }));
    expect(body.result).toEqual({});
  });

  it('refuses a body over 4 MiB, announced or not', async () => {
    const { url, calls } = await startListener();
    const huge = JSON.stringify(callOf('echo', { text: 'x'.repeat(4 * 1024 * 1024) }));
    expect((await post(url, huge)).status).toBe(413);
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(huge));
        controller.close();
      },
    });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: pieces, duplex: 'half' };
    expect((await fetch(url, init as RequestInit)).status).toBe(413);
    expect(calls.running).toBe(0);
  });

  it('refuses headers over 16 KiB', async () => {
    const { listener } = await startListener();
    const head = `GET /mcp HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(listener.port, head)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('answers what is not HTTP with one line', async () => {
    const { listener } = await startListener();
    expect(await raw(listener.port, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close/);
  });

  it('cancels every pipelined call when the client goes away, not only the one whose turn it is', async () => {
    const { listener, calls } = await startListener();
    const body = JSON.stringify(callOf('wait'));
    const head = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(`${head}\r\n\r\n${body}`.repeat(3));
    await vi.waitFor(() => expect(calls.running).toBe(3));
    socket.destroy();
    await vi.waitFor(() => expect([calls.cancelled, calls.running]).toEqual([3, 0]));
  });

  it('drops connections over the limit', async () => {
    const { listener } = await startListener({ maxConnections: 2 });
    const sockets: Socket[] = [];
    for (let n = 0; n < 2; n += 1) {
      const socket = connect(listener.port, '127.0.0.1');
      await once(socket, 'connect');
      sockets.push(socket);
    }
    expect(await raw(listener.port, '').catch(() => '')).toBe('');
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect((await post(listener.url, callOf('count'))).status).toBe(200));
  });
});

describe('the address', () => {
  it('is reached by name and by number when bound to localhost', async () => {
    const { listener } = await startListener({ host: 'localhost' });
    expect(listener.url).toBe(`http://localhost:${listener.port}/mcp`);
    for (const host of ['localhost', '127.0.0.1']) {
      const { status } = await post(`http://${host}:${listener.port}/mcp`, callOf('count'));
      expect(status).toBe(200);
    }
  });

  it('is refused in one line when the port is taken', async () => {
    const { listener } = await startListener();
    await expect(startListener({ port: listener.port })).rejects.toMatchObject({
      code: 'port_in_use',
      exitCode: 3,
      message: expect.stringMatching(/^port \d+ is taken: [^\n]+--port$/),
    });
    await expect(startListener({ host: 'localhost', port: listener.port })).rejects.toMatchObject({
      code: 'port_in_use',
    });
  });

  it('is refused when this machine does not have it', async () => {
    await expect(startListener({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('closing', () => {
  it('lets running calls end and answers new ones with 503', async () => {
    const { url, listener, calls } = await startListener();
    const session = await openSession(url);
    const running = [postModern(url, callOf('wait')), post(url, callOf('wait'), { headers: session })];
    await vi.waitFor(() => expect(calls.running).toBe(2));
    const closing = listener.close({ deadlineMs: 10_000 });
    const refused = await post(url, callOf('count', {}, 'new'));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('connection')).toBe('close');
    expect(refused.body).toMatchObject({ id: 'new', error: { message: 'The server is shutting down' } });
    calls.release();
    for (const answer of await Promise.all(running)) {
      expect(answer.body.result.structuredContent).toEqual({ result: 'released' });
    }
    await closing;
    await expect(post(url, callOf('count'))).rejects.toThrow();
  });

  it('cancels what still runs at the deadline, and says so', async () => {
    const { url, listener, calls } = await startListener();
    const session = await openSession(url);
    const running = [
      postModern(url, callOf('wait')),
      post(url, callOf('wait'), { headers: session }),
      post(url, callOf('wait')),
    ];
    await vi.waitFor(() => expect(calls.running).toBe(3));
    await listener.close({ deadlineMs: 10 });
    for (const answer of await Promise.all(running)) {
      expect(answer.status).toBe(503);
      expect(answer.body.id).toBe(1);
    }
    expect(calls.cancelled).toBe(3);
  });

  it('does not wait for streams of notifications and idle connections', async () => {
    const { url, listener } = await startListener();
    const session = await openSession(url);
    const stream = await fetch(url, { headers: { ...session, accept: 'text/event-stream' } });
    expect(stream.status).toBe(200);
    const idle = connect(listener.port, '127.0.0.1');
    await once(idle, 'connect');
    await Promise.all([listener.close({ deadlineMs: 20_000 }), stream.text(), text(idle)]);
  });

  it('is done once, however often it is asked', async () => {
    const { listener, url, calls } = await startListener();
    const running = post(url, callOf('wait'));
    await vi.waitFor(() => expect(calls.running).toBe(1));
    const first = listener.close({ deadlineMs: 20_000 });
    const second = listener.close({ deadlineMs: 0 });
    // A deadline of its own would be over before this answer.
    expect((await post(url, callOf('count'))).status).toBe(503);
    expect(calls.cancelled).toBe(0);
    calls.release();
    expect((await running).body.result.structuredContent).toEqual({ result: 'released' });
    await Promise.all([first, second]);
  });
});

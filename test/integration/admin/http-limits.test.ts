import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { RunRecord } from '../../../src/contract/index.js';
import {
  connect,
  createPorts,
  exchangeBytes,
  parseAnswer,
  readToEnd,
  RELOAD_ID,
  sendRaw,
  startTestServer,
  succeededReload,
} from './admin-fixture.js';

function errorOf(text: string): unknown {
  return (JSON.parse(text) as { error: unknown }).error;
}

const pendingReload = {
  ...createPorts().reloads,
  request: () => ({ id: RELOAD_ID, ended: new Promise<never>(() => undefined) }),
};

const soonEndedReload = {
  ...createPorts().reloads,
  request: () => ({
    id: RELOAD_ID,
    ended: new Promise<RunRecord>((resolve) => setImmediate(resolve, succeededReload)),
  }),
};

describe('limits of a request', () => {
  it('a body over 64 KiB is 413, announced or not, also while the caller is still sending', async () => {
    await using server = await startTestServer();
    const announced = await sendRaw(
      server.socketPath,
      'POST /reload HTTP/1.1\nContent-Length: 1000000',
      'x'.repeat(1_000_000),
    );
    expect([announced.status, errorOf(announced.text)]).toEqual([413, 'body_too_large']);
    const chunk = `2000\r\n${' '.repeat(0x2000)}\r\n`;
    const chunked = await sendRaw(
      server.socketPath,
      'POST /reload HTTP/1.1\nTransfer-Encoding: chunked',
      `${chunk.repeat(20)}0\r\n\r\n`,
    );
    expect([chunked.status, errorOf(chunked.text)]).toEqual([413, 'body_too_large']);
    const exactly = await sendRaw(
      server.socketPath,
      'POST /reload HTTP/1.1\nContent-Length: 65536',
      ' '.repeat(65_536),
    );
    expect(exactly.status).toBe(202);
  });

  it('headers over the limit are 431', async () => {
    await using server = await startTestServer();
    const answer = await sendRaw(server.socketPath, `GET /health HTTP/1.1\nX-Large: ${'x'.repeat(20_000)}`);
    expect([answer.status, errorOf(answer.text)]).toEqual([431, 'headers_too_large']);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', connection: 'close' });
  });

  it('an Origin behind thousands of headers is still seen', async () => {
    await using server = await startTestServer();
    const answer = await sendRaw(
      server.socketPath,
      `GET /health HTTP/1.1\n${'a:b\n'.repeat(2500)}Origin: http://evil.example`,
    );
    expect([answer.status, errorOf(answer.text)]).toEqual([403, 'forbidden_origin']);
  });

  it.each([
    ['nothing', ''],
    ['half a line', 'GET /hea'],
    ['half of the headers', 'GET /health HTTP/1.1\r\nHost: localhost\r\n'],
    ['half of the body', 'POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{'],
  ])('a caller that sends %s and stops gets 408', async (_what, bytes) => {
    await using server = await startTestServer({
      limits: { headersTimeoutMs: 100, requestTimeoutMs: 100, timeoutCheckMs: 100 },
    });
    const answer = parseAnswer(await exchangeBytes(server.socketPath, bytes));
    expect([answer.status, errorOf(answer.text)]).toEqual([408, 'request_timeout']);
  });

  it.each(['\x16\x03\x01\x02\x00', 'hello\r\n\r\n', 'GET  /  x\r\n\r\n', '\0'.repeat(100)])(
    'garbage (%j) gets 400 in the form of the contract',
    async (bytes) => {
      await using server = await startTestServer();
      const answer = parseAnswer(await exchangeBytes(server.socketPath, bytes));
      expect([answer.status, errorOf(answer.text)]).toEqual([400, 'bad_request']);
    },
  );

  it('HTTP/1.0 and absolute URLs are served', async () => {
    await using server = await startTestServer();
    const old = parseAnswer(await exchangeBytes(server.socketPath, 'GET /health HTTP/1.0\r\n\r\n'));
    expect([old.status, old.headers['connection']]).toEqual([200, 'close']);
    expect((await sendRaw(server.socketPath, 'GET http://localhost/health HTTP/1.1')).status).toBe(200);
    const foreign = await sendRaw(server.socketPath, 'GET http://evil.example/health HTTP/1.1');
    expect(foreign.status).toBe(403);
    expect((await sendRaw(server.socketPath, 'OPTIONS * HTTP/1.1')).status).toBe(400);
  });

  it.each([
    ['Host: evil.example', 403],
    ['Origin: http://localhost', 200],
    ['Origin: http://evil.example', 403],
    ['Origin: null', 403],
    ['Referer: http://evil.example/', 403],
    ['Host: a\nHost: b', 400],
  ])('%s → %i', async (header, status) => {
    await using server = await startTestServer();
    expect((await sendRaw(server.socketPath, `GET /health HTTP/1.1\n${header}`)).status).toBe(status);
  });
});

describe('what is unusual', () => {
  it.each([
    ['CONNECT localhost:80 HTTP/1.1', 'CONNECT is not a method of this server'],
    ['FOO /health HTTP/1.1', 'HTTP does not have this method, or this is not an HTTP request'],
    ['GET /health HTTP/1.1\nExpect: miracles', 'the only expectation that this server knows is 100-continue'],
  ])('%j gets 400 with its reason', async (head, reason) => {
    await using server = await startTestServer();
    const answer = await sendRaw(server.socketPath, head);
    expect([answer.status, errorOf(answer.text)]).toEqual([400, 'bad_request']);
    expect(answer.text).toContain(reason);
  });
});

it('a caller that asks for a tunnel and is gone does no harm', async () => {
  await using server = await startTestServer();
  for (let times = 0; times < 20; times += 1) {
    const socket = await connect(server.probePath);
    socket.write('CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    socket.destroy();
  }
  expect((await sendRaw(server.socketPath, 'GET /health HTTP/1.1')).status).toBe(200);
});

describe('a caller that has sent all it wants to send', () => {
  it.each([
    ['GET', '/status'],
    ['GET', '/readyz'],
    ['GET', '/config'],
    ['POST', '/reload?wait=10s'],
  ])('and ends its side of %s %s gets the answer', async (method, path) => {
    await using server = await startTestServer({ ports: createPorts({ reloads: soonEndedReload }) });
    for (let times = 0; times < 20; times += 1) {
      const socket = await connect(server.socketPath);
      socket.end(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      expect(parseAnswer(await readToEnd(socket)).status).toBe(200);
    }
  });

  it('keeps no place from others: it may have gone while it waits', async () => {
    const limits = { connections: 4 };
    const ports = createPorts({ reloads: pendingReload });
    await using server = await startTestServer({ limits, ports });
    const gone: Socket[] = [];
    for (let count = 0; count < 4; count += 1) {
      const socket = await connect(server.socketPath);
      socket.end('POST /reload?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n');
      gone.push(socket);
    }
    await vi.waitFor(async () => {
      expect((await sendRaw(server.socketPath, 'GET /health HTTP/1.1')).status).toBe(200);
    });
    for (const socket of gone) socket.destroy();
  });
});

describe('connections', () => {
  const GET = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

  it('pipelined requests are answered in order', async () => {
    await using server = await startTestServer();
    const last = 'GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const text = await exchangeBytes(server.socketPath, GET + GET + last);
    expect([...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)).toEqual(['200', '200', '404']);
  });

  it('garbage after a request does not overtake its answer', async () => {
    await using server = await startTestServer();
    const text = await exchangeBytes(
      server.socketPath,
      'GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\ngarbage\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 200/);
  });

  it('more waiting requests on one connection than allowed get 503', async () => {
    await using server = await startTestServer({ ports: createPorts({ reloads: pendingReload }) });
    const wait = 'POST /reload?wait=1s HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const socket = await connect(server.socketPath);
    const received = readToEnd(socket);
    socket.write(wait.repeat(16) + wait.replace('Host', 'Connection: close\r\nHost'));
    const statuses = [...(await received).matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
    expect(statuses).toEqual([...Array.from({ length: 16 }, () => '504'), '503']);
  });

  it('at most 64 are open; one that idles makes room for the next', async () => {
    await using server = await startTestServer({ limits: { keepAliveTimeoutMs: 60_000 } });
    const idle: Socket[] = [];
    for (let index = 0; index < 64; index += 1) {
      const socket = await connect(server.socketPath);
      socket.on('error', () => socket.destroy());
      const answered = new Promise((resolve) => socket.once('data', resolve));
      socket.write(GET);
      await answered;
      idle.push(socket);
    }
    await vi.waitFor(async () => expect((await server.client.health()).status).toBe('ok'));
    for (const socket of idle) socket.destroy();
  });

  it('close ends waits with 503, cuts idle connections and removes the paths', async () => {
    // What is not ended at once is cut only after this time.
    const limits = { closeGraceMs: 60_000 };
    const server = await startTestServer({ ports: createPorts({ reloads: pendingReload }), limits });
    const idle = await connect(server.socketPath);
    const idleEnd = readToEnd(idle);
    const waiting = await connect(server.socketPath);
    const answer = readToEnd(waiting);
    waiting.write('POST /reload?wait=10m HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await server.client.health();
    await server.server.close();
    const { status, headers, text } = parseAnswer(await answer);
    expect([status, errorOf(text)]).toEqual([503, 'server_closing']);
    expect(headers).toMatchObject({ connection: 'close', location: `/reloads/${RELOAD_ID}` });
    expect(await idleEnd).toBe('');
    expect(readdirSync(server.folder)).toEqual([]);
    await server.close();
  });

  it('a caller that goes away in the middle of a wait leaves nothing behind', async () => {
    await using server = await startTestServer({ ports: createPorts({ reloads: pendingReload }) });
    const socket = await connect(server.socketPath);
    socket.write('POST /reload?wait=10m HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await server.client.health();
    socket.destroy();
    expect((await server.client.health()).status).toBe('ok');
  });
});

describe('any bytes', () => {
  it('get an answer or a closed connection, and the server lives on', async () => {
    await using server = await startTestServer({
      limits: { headersTimeoutMs: 50, requestTimeoutMs: 50, timeoutCheckMs: 50, keepAliveTimeoutMs: 20 },
    });
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'GET ',
        'POST ',
        '/health',
        '/reload',
        '?wait=1',
        ' HTTP/1.1',
        '\r\n',
        '\r\n\r\n',
        'Host: localhost\r\n',
        'Content-Length: 5\r\n',
        'Transfer-Encoding: chunked\r\n',
        '5\r\n',
        '{}',
      ),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
      fc.array(piece, { maxLength: 15 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { minLength: 8, maxLength: 8 }), async (inputs) => {
        const answers = await Promise.all(inputs.map((input) => exchangeBytes(server.socketPath, input)));
        for (const answer of answers) expect(answer).toMatch(/^$|^HTTP\/1\.1 [2-5]\d\d /);
      }),
      { numRuns: 15 },
    );
    expect((await server.client.health()).status).toBe('ok');
  });
});

describe('leaks', () => {
  it('descriptors are back to the start after servers and callers have come and gone', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const round = async (): Promise<void> => {
      await using server = await startTestServer();
      await Promise.all([server.client.health(), server.client.reload(), server.client.ready()]);
      await exchangeBytes(server.socketPath, 'garbage\r\n\r\n');
    };
    await round();
    const before = descriptors();
    for (let index = 0; index < 10; index += 1) await round();
    await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before));
  });
});

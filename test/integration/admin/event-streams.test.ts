import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { AdminClient } from '../../../src/admin/client/index.js';
import { readEvents } from '../../../src/admin/client/event-reader.js';
import type { AdminServerOptions } from '../../../src/admin/admin-server.js';
import { formatEvent } from '../../../src/contract/index.js';
import { EventJournal } from '../../../src/telemetry/index.js';
import {
  connect,
  createFolder,
  createPorts,
  parseAnswer,
  readToEnd,
  sendRaw,
  startTestServer,
  type TestServer,
} from './admin-fixture.js';

interface StreamingServer {
  readonly server: TestServer;
  readonly journal: EventJournal;
  readonly readers: () => number;
  readonly say: (message: string) => void;
}

async function startStreaming(limits: AdminServerOptions['limits'] = {}): Promise<StreamingServer> {
  const journal = new EventJournal((text) => text);
  let readers = 0;
  const events = {
    select: (selection: Parameters<EventJournal['select']>[0]) => {
      const begin = journal.select(selection);
      return (deliver: (text: string) => void) => {
        const stop = begin(deliver);
        readers += 1;
        return () => {
          readers -= 1;
          stop();
        };
      };
    },
  };
  const server = await startTestServer({ ports: createPorts({ events }), limits });
  const say = (message: string): void =>
    journal.add('log', { at: new Date(), level: 'warn', component: null, message, fields: {} });
  return { server, journal, say, readers: () => readers };
}

const REQUEST = 'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe('GET /events', () => {
  it('sends events as they happen, in the format of the standard', async () => {
    const { server, say, readers } = await startStreaming();
    await using _ = server;
    const socket = await connect(server.socketPath);
    const text = readToEnd(socket);
    socket.write(REQUEST);
    await vi.waitFor(() => expect(readers()).toBe(1));
    say('a');
    await server.server.close();
    const answer = parseAnswer(await text);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      connection: 'close',
    });
    expect(answer.text.split('\n').filter((line) => /^(?:retry|id|event|data):/.test(line))).toEqual([
      'retry: 1000',
      expect.stringMatching(/^id: [0-9a-f]{12}-0$/),
      'event: stream.begin',
      expect.stringMatching(/^data: \{"at":"[^"]+Z"\}$/),
      expect.stringMatching(/^id: [0-9a-f]{12}-1$/),
      'event: log',
      expect.stringMatching(/^data: \{"at":"[^"]+Z","level":"warn","component":null,"message":"a","fields":\{\}\}$/),
      'event: stream.end',
      expect.stringMatching(/^data: \{"at":"[^"]+Z","reason":"server_closing"\}$/),
    ]);
    expect(readers()).toBe(0);
  });

  it('gives the client an iterator, which continues where another one has ended', async () => {
    const { server, say, readers } = await startStreaming();
    await using _ = server;
    const messages: unknown[] = [];
    let since: string | undefined;
    for (const expected of ['a', 'b']) {
      for await (const { id, event, data } of server.client.events({ since })) {
        since = id;
        if (event === 'stream.begin') say(expected);
        if (event !== 'log') continue;
        messages.push(data.message);
        break;
      }
      await vi.waitFor(() => expect(readers()).toBe(0));
      say('between');
    }
    expect(messages).toEqual(['a', 'between']);
  });

  it('sends only the types that were asked for, and refuses others', async () => {
    const { server, journal, say } = await startStreaming();
    await using _ = server;
    for await (const { event } of server.client.events({ types: ['phase', 'reload'] })) {
      if (event === 'stream.begin') {
        say('not asked for');
        journal.add('phase', { at: new Date(), phase: 'closing', activity: '' });
        continue;
      }
      expect(event).toBe('phase');
      break;
    }
    const refused = await sendRaw(server.socketPath, 'GET /events?types=phase,relaod HTTP/1.1');
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.text)).toMatchObject({
      error: 'bad_request',
      message:
        'query option "types" has no event "relaod"; there are reload.queued, reload.stage, reload.ended, call.error, readiness, phase, rotation, loglevel, log',
    });
    await expect(server.client.events({ since: 'yesterday' }).next()).rejects.toMatchObject({
      code: 'bad_request',
      status: 400,
    });
  });

  it('ends for the client when its signal aborts', async () => {
    const { server, readers } = await startStreaming();
    await using _ = server;
    const abort = new AbortController();
    const events: string[] = [];
    for await (const { event } of server.client.events({ signal: abort.signal })) {
      events.push(event);
      abort.abort();
    }
    expect(events).toEqual(['stream.begin']);
    await vi.waitFor(() => expect(readers()).toBe(0));
    for await (const { event } of server.client.events({ signal: abort.signal })) events.push(event);
    expect(events).toHaveLength(1);
  });

  it('answers HEAD without a stream, and is not on the probe socket', async () => {
    const { server, readers } = await startStreaming();
    await using _ = server;
    const head = await sendRaw(server.socketPath, 'HEAD /events HTTP/1.1');
    expect([head.status, head.headers['content-type'], head.text]).toEqual([200, 'text/event-stream', '']);
    expect((await sendRaw(server.probePath, 'GET /events HTTP/1.1')).status).toBe(403);
    expect(readers()).toBe(0);
  });

  it('sends comments while nothing happens', async () => {
    const { server } = await startStreaming({ heartbeatMs: 10 });
    await using _ = server;
    const socket = await connect(server.socketPath);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.write(REQUEST);
    await vi.waitFor(() => expect(text.split(': still here\n\n').length).toBeGreaterThan(3));
    socket.destroy();
  });
});

describe('a reader', () => {
  it('beyond the eighth is refused with its own code, until another one goes', async () => {
    const { server, readers } = await startStreaming();
    await using _ = server;
    const sockets = await Promise.all(Array.from({ length: 8 }, () => connect(server.socketPath)));
    for (const socket of sockets) socket.write(REQUEST);
    await vi.waitFor(() => expect(readers()).toBe(8));
    const refused = await sendRaw(server.socketPath, 'GET /events HTTP/1.1');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '5']);
    expect(JSON.parse(refused.text)).toEqual({
      error: 'too_many_streams',
      message: '8 clients read events already; end one of them, or try again',
    });
    expect((await server.client.health()).status).toBe('ok');
    sockets[0]?.destroy();
    await vi.waitFor(() => expect(readers()).toBe(7));
    for await (const { event } of server.client.events()) {
      expect(event).toBe('stream.begin');
      break;
    }
    for (const socket of sockets) socket.destroy();
  });

  it('that pipelines its requests leaves none of its streams open when it goes away', async () => {
    const { server, readers } = await startStreaming();
    await using _ = server;
    const socket = await connect(server.socketPath);
    socket.write(REQUEST.repeat(3));
    await vi.waitFor(() => expect(readers()).toBe(3));
    socket.destroy();
    await vi.waitFor(() => expect(readers()).toBe(0));
  });

  it('that does not read is dropped, holds up no other, and finds out why when it reads on', async () => {
    const { server, say, readers } = await startStreaming({ streamBufferBytes: 64 * 1024, lastEventMs: 60_000 });
    await using _ = server;
    const slow = await connect(server.socketPath);
    slow.write(REQUEST);
    await vi.waitFor(() => expect(readers()).toBe(1));
    const quick = server.client.events();
    await quick.next();
    let said = 0;
    // The kernel holds some hundred KiB besides.
    for (; said < 2_000; said += 1) {
      say(`${said} ${'x'.repeat(1000)}`);
      if (said % 20 === 0) await new Promise(setImmediate);
      const { value } = await quick.next();
      expect(value?.event === 'log' && value.data.message.startsWith(`${said} `)).toBe(true);
    }
    await quick.return(undefined);
    const text = await readToEnd(slow);
    expect(text).toContain('event: stream.end\n');
    expect(text).toContain('"reason":"too_slow"');
    expect(text).not.toContain('"message":"1999 ');
    await vi.waitFor(() => expect(readers()).toBe(0));
  });

  it('that never reads again is cut off', async () => {
    const { server, say, readers } = await startStreaming({ streamBufferBytes: 64 * 1024, lastEventMs: 20 });
    await using _ = server;
    const slow = await connect(server.socketPath);
    slow.write(REQUEST);
    await vi.waitFor(() => expect(readers()).toBe(1));
    for (let said = 0; said < 1_000; said += 1) say('x'.repeat(1000));
    await vi.waitFor(() => expect(readers()).toBe(0));
    slow.destroy();
  });

  it('that does not read does not hold up the end of the server', async () => {
    const { server, say, readers } = await startStreaming({ closeGraceMs: 60_000 });
    const slow = await connect(server.socketPath);
    slow.write(REQUEST);
    await vi.waitFor(() => expect(readers()).toBe(1));
    for (let said = 0; said < 600; said += 1) say('x'.repeat(1000));
    await server.close();
    expect(readers()).toBe(0);
    slow.destroy();
  });
});

describe('a client of a server that misbehaves', () => {
  async function withServer(
    answer: Parameters<typeof createServer>[1],
    use: (client: AdminClient, socketPath: string) => Promise<void>,
  ): Promise<void> {
    const folder = await createFolder();
    const socketPath = join(folder, 'other.sock');
    const server: Server = createServer(answer ?? (() => undefined));
    await once(server.listen(socketPath), 'listening');
    try {
      await use(new AdminClient({ socketPath, timeoutMs: 100 }), socketPath);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it('learns that the connection broke', async () => {
    await withServer(
      (_, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write(formatEvent('phase', '{}', 'x-1'), () => response.destroy());
      },
      async (client) => {
        const events = client.events();
        expect((await events.next()).value).toMatchObject({ id: 'x-1', event: 'phase' });
        await expect(events.next()).rejects.toMatchObject({ code: 'connection_failed' });
      },
    );
  });

  it('learns that there is no answer', async () => {
    await withServer(
      () => undefined,
      async (client) => {
        await expect(client.events().next()).rejects.toMatchObject({
          code: 'wait_timeout',
          message: expect.stringContaining('no answer to GET /events within 0.1 s'),
        });
      },
    );
  });

  it('learns that the server fell silent', async () => {
    await withServer(
      (_, response) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': hello\n\n'),
      async (_, socketPath) => {
        const request = { socketPath, target: '/events', userAgent: 'test', timeoutMs: 10_000, silenceMs: 20 };
        await expect(readEvents(request).next()).rejects.toMatchObject({
          code: 'wait_timeout',
          message: `the server at ${socketPath} has sent nothing for 0.02 s, although it sends a comment every 15 s; it may hang`,
        });
      },
    );
  });
});

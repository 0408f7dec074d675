import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import { type ClientTransport, startStdio } from '../../../src/mcp/index.js';

import { callOf, INITIALIZE, request, type RpcBody } from './http-fixture.js';
import { SampleCalls } from './sample-calls.js';

const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

function modern(message: ReturnType<typeof request>) {
  return { ...message, params: { ...message.params, _meta: MODERN_META } };
}

type Line = RpcBody & { readonly method?: string };

class StdioClient {
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  readonly calls = new SampleCalls();
  readonly connection: ClientTransport;
  readonly lines: Line[] = [];
  #rest = '';

  constructor() {
    this.connection = startStdio({
      calls: this.calls,
      info: { name: 'sample', version: '9.8.7' },
      logger: createSilentLogger(),
      scrubber: new Scrubber(),
      input: this.input,
      output: this.output,
    });
    this.output.setEncoding('utf8');
    this.output.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      // The cast is what makes this a test: what comes back is compared, not trusted.
      this.lines.push(...lines.map((line) => JSON.parse(line) as Line));
    });
  }

  send(...messages: readonly object[]): void {
    this.input.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
  }

  answer(id: string | number): Promise<Line> {
    return this.#find((line) => line.id === id);
  }

  notification(method: string): Promise<Line> {
    return this.#find((line) => line.method === method);
  }

  hasAnswer(id: string | number): boolean {
    return this.lines.some((line) => line.id === id);
  }

  #find(wanted: (line: Line) => boolean): Promise<Line> {
    return vi.waitFor(
      () => {
        const line = this.lines.find(wanted);
        if (line === undefined) throw new Error('not yet');
        return line;
      },
      { timeout: 5_000, interval: 5 },
    );
  }
}

const clients: StdioClient[] = [];
function connect(): StdioClient {
  const client = new StdioClient();
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map(({ connection }) => connection.close({ deadlineMs: 0 })));
});

const ERAS = [
  { era: '2025', open: [INITIALIZE, { jsonrpc: '2.0', method: 'notifications/initialized' }], stamp: (m: object) => m },
  { era: '2026-07-28', open: [modern(request('server/discover', {}, 'd'))], stamp: modern },
] as const;

describe.each(ERAS)('over stdio, protocol $era', ({ open, stamp }) => {
  it('answers calls', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('echo', { a: 1 }, 7)));
    const { result } = await client.answer(7);
    expect(result.structuredContent).toEqual({ given: '{"a":1}' });
  });

  it('writes large results whole and one after the other', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('large', { rows: 20_000 }, 7)), stamp(callOf('large_object', {}, 8)));
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ n, text: `row ${n} "quoted" ä😀\n` }));
    expect((await client.answer(7)).result.structuredContent).toEqual({ result: rows });
    expect((await client.answer(8)).result.structuredContent).toEqual({ text: '😀"\\'.repeat(25_000) });
  });

  it('cancels a call when the client asks', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('wait', {}, 7)));
    await vi.waitFor(() => expect(client.calls.running).toBe(1));
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    await vi.waitFor(() => expect(client.calls.cancelled).toBe(1));
  });

  it('refuses a request whose id is in use, but not once the first one is cancelled', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('wait', {}, 7)), stamp(callOf('echo', {}, 7)));
    const message = 'Invalid request: the id of a request is in use';
    expect((await client.answer(7)).error).toEqual({ code: -32_600, message });
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    client.send(stamp(callOf('echo', { a: 1 }, 7)));
    const result = expect.objectContaining({ structuredContent: { given: '{"a":1}' } });
    await vi.waitFor(() => expect(client.lines).toContainEqual({ jsonrpc: '2.0', id: 7, result }));
  });

  it('answers what was asked before the input ended, then ends', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('wait', {}, 7)));
    client.input.end();
    await vi.waitFor(() => expect(client.calls.running).toBe(1));
    client.calls.release();
    expect((await client.answer(7)).result.structuredContent).toEqual({ result: 'released' });
    await client.connection.clientGone;
  });

  it('cancels what runs when the output breaks', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('wait', {}, 7)));
    await vi.waitFor(() => expect(client.calls.running).toBe(1));
    client.output.destroy(new Error('EPIPE'));
    await client.connection.clientGone;
    await vi.waitFor(() => expect(client.calls.cancelled).toBe(1));
  });

  it('ends although the client no longer reads', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('echo', { a: 1 }, 7)));
    await client.answer(7);
    client.output.pause();
    client.send(stamp(callOf('large', { rows: 20_000 }, 8)));
    await vi.waitFor(() => expect(client.output.writableNeedDrain).toBe(true));
    await client.connection.close({ deadlineMs: 1 });
    expect(client.output.destroyed).toBe(true);
  });

  it('lets running calls end when it is closed, and cancels them at the deadline', async () => {
    const client = connect();
    client.send(...open, stamp(callOf('wait', {}, 7)));
    await vi.waitFor(() => expect(client.calls.running).toBe(1));
    const closing = client.connection.close({ deadlineMs: 5_000 });
    client.calls.release();
    await closing;
    expect((await client.answer(7)).result.structuredContent).toEqual({ result: 'released' });

    const late = connect();
    late.send(...open, stamp(callOf('wait', {}, 7)));
    await vi.waitFor(() => expect(late.calls.running).toBe(1));
    await late.connection.close({ deadlineMs: 1 });
    await vi.waitFor(() => expect(late.calls.cancelled).toBe(1));
  });
});

describe('over stdio', () => {
  it('answers lines that are no messages, and continues', async () => {
    const client = connect();
    const unreadable = [
      '{bad',
      '{"jsonrpc":"2.0","id":5,"method":',
      '{"id":8,"method":"ping"}',
      '{"jsonrpc":"2.0","id":"a","method":"ping","params":null}',
      '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
      '{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
      '[]',
      '{"jsonrpc":"1.0","id":9,"result":{}}',
      '',
      ' \r',
    ];
    client.input.write(unreadable.map((line) => `${line}\n`).join(''));
    client.send(INITIALIZE);
    await client.answer(1);
    const parseError = { code: -32_700, message: 'Parse error: a line of the input is not valid JSON' };
    const invalid = { code: -32_600, message: 'Invalid request: a line of the input is not a JSON-RPC message' };
    expect(client.lines.slice(0, -1)).toEqual([
      { jsonrpc: '2.0', error: parseError },
      { jsonrpc: '2.0', error: parseError },
      { jsonrpc: '2.0', id: 8, error: invalid },
      { jsonrpc: '2.0', id: 'a', error: invalid },
      { jsonrpc: '2.0', id: 1.5, error: invalid },
      { jsonrpc: '2.0', error: invalid },
      { jsonrpc: '2.0', error: invalid },
    ]);
  });

  describe('with 2025-03-26, whose messages may come as a list', () => {
    const connectWithLists = async () => {
      const client = connect();
      client.send({ ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: '2025-03-26' } });
      await client.answer(1);
      client.lines.length = 0;
      return client;
    };
    const firstLine = (client: StdioClient) =>
      vi.waitFor(() => {
        const [line] = client.lines;
        if (line === undefined) throw new Error('not yet');
        return line;
      });
    const pong = (id: string) => ({ jsonrpc: '2.0', id, result: {} });
    const refusal = (id: unknown, message: string) => ({ jsonrpc: '2.0', id, error: { code: -32_600, message } });

    it('answers a list by one list, with everything in it that is no message', async () => {
      const client = await connectWithLists();
      const note = { jsonrpc: '2.0', method: 'notifications/initialized' };
      client.send([
        request('ping', {}, 'a'),
        1,
        note,
        callOf('large', { rows: 9_000 }, 'b'),
        { id: 'c', method: 'ping' },
      ]);
      const answers = await firstLine(client);
      const invalid = 'Invalid request: a line of the input is not a JSON-RPC message';
      expect(answers).toHaveLength(4);
      expect(answers).toEqual(
        expect.arrayContaining([
          pong('a'),
          expect.objectContaining({
            id: 'b',
            result: expect.objectContaining({ structuredContent: expect.anything() }),
          }),
          { jsonrpc: '2.0', error: { code: -32_600, message: invalid } },
          refusal('c', invalid),
        ]),
      );
    });

    it('answers a list that follows `initialize` at once, and refuses one that is too long', async () => {
      const client = connect();
      const initialize = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: '2025-03-26' } };
      const many = Array.from({ length: 101 }, (_, id) => request('ping', {}, id));
      client.send(initialize, [request('ping', {}, 'a')], many, request('ping', {}, 'z'));
      await client.answer('z');
      await vi.waitFor(() => expect(client.lines).toContainEqual([pong('a')]));
      const message = 'Invalid Request: a list may have at most 100 messages';
      expect(client.lines).toContainEqual({ jsonrpc: '2.0', error: { code: -32_600, message } });
    });

    it('leaves out what was cancelled, and does not answer a list without requests', async () => {
      const client = await connectWithLists();
      const cancel = (requestId: string) => ({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId },
      });
      client.send([cancel('z'), { jsonrpc: '2.0', id: 1, result: {} }]);
      client.send([callOf('wait', {}, 'a'), callOf('wait', {}, 'b'), request('ping', {}, 'c')]);
      await vi.waitFor(() => expect(client.calls.running).toBe(2));
      client.send(cancel('a'), [cancel('b')]);
      expect(await firstLine(client)).toEqual([pong('c')]);
      client.send([callOf('wait', {}, 'd')], cancel('d'), request('ping', {}, 'e'));
      await client.answer('e');
      expect(client.lines).toEqual([[pong('c')], pong('e')]);
    });

    it('refuses `initialize` and an id that is in use within a list', async () => {
      const client = await connectWithLists();
      client.send([{ ...INITIALIZE, id: 'a' }, request('ping', {}, 'b'), request('ping', {}, 'b')], []);
      expect(await firstLine(client)).toEqual({ jsonrpc: '2.0', error: expect.objectContaining({ code: -32_600 }) });
      await vi.waitFor(() => expect(client.lines).toHaveLength(2));
      expect(client.lines[1]).toEqual([
        refusal('a', 'Invalid request: `initialize` must not be in a list'),
        refusal('b', 'Invalid request: the id of a request in a list is in use'),
        pong('b'),
      ]);
    });

    it('answers a list in which a subscription is refused, and keeps a list open whose id comes again', async () => {
      const client = await connectWithLists();
      client.send([request('ping', {}, 'a'), request('subscriptions/listen', { notifications: {} }, 'b')]);
      const refused = expect.objectContaining({ id: 'b', error: expect.objectContaining({ code: -32_601 }) });
      expect(await firstLine(client)).toEqual(expect.arrayContaining([pong('a'), refused]));
      client.send([callOf('wait', {}, 'c')], request('ping', {}, 'c'));
      await vi.waitFor(() => expect(client.calls.running).toBe(1));
      client.calls.release();
      await vi.waitFor(() => expect(client.lines).toHaveLength(3));
      expect(client.lines[1]).toEqual(refusal('c', 'Invalid request: the id of a request is in use'));
      expect(client.lines[2]).toMatchObject([{ id: 'c', result: { structuredContent: { result: 'released' } } }]);
    });

    it('writes what is complete before it ends', async () => {
      const client = await connectWithLists();
      client.send([request('ping', {}, 'a'), callOf('echo', {}, 'b')]);
      client.input.end();
      await client.connection.clientGone;
      expect(client.lines).toMatchObject([[{ id: 'a' }, { id: 'b' }]]);
    });
  });

  it.each(['2024-11-05', '2025-06-18', '2025-11-25'])('refuses lists in %s', async (protocolVersion) => {
    const client = connect();
    client.send({ ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion } });
    await client.answer(1);
    client.send([request('ping', {}, 2)], request('ping', {}, 3));
    await client.answer(3);
    expect(client.lines.slice(1)).toMatchObject([{ error: { code: -32_600 } }, { id: 3, result: {} }]);
  });

  it('refuses a line that is not UTF-8, and one with too many values', async () => {
    const client = connect();
    client.send(INITIALIZE);
    await client.answer(1);
    client.input.write(Buffer.from('{"jsonrpc":"2.0","id":2,"method":"ping","params":{"x":"\u00e9"}}\n', 'latin1'));
    client.send(request('ping', { x: Array.from({ length: 10_001 }, () => 1) }, 3), request('ping', {}, 4));
    await client.answer(4);
    expect(client.lines.slice(1)).toMatchObject([
      { error: { code: -32_700, message: 'Parse error: a line of the input is not valid UTF-8' } },
      { id: 3, error: { code: -32_600, message: 'Invalid Request: more than 10000 values besides arguments' } },
      { id: 4, result: {} },
    ]);
  });

  it('reads over a byte order mark, in any pieces', async () => {
    const client = connect();
    const bytes = Buffer.from(`\u{feff}${JSON.stringify({ ...INITIALIZE, id: 'ä' })}\r\n`);
    for (const byte of bytes) client.input.write(Buffer.of(byte));
    expect((await client.answer('ä')).result.serverInfo).toEqual({ name: 'sample', version: '9.8.7' });
  });

  it('ends when a message is longer than it may be', async () => {
    const client = connect();
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let written = 0; written < 11; written += 1) client.input.write(piece);
    await client.connection.clientGone;
  });

  it.each(['2030-01-01', '2025-11-25'])('refuses revision %s within a connection of 2026-07-28', async (revision) => {
    const client = connect();
    client.send(modern(request('server/discover', {}, 'd')), modern(request('tools/list', {}, 1)));
    await client.answer(1);
    const meta = { ...MODERN_META, 'io.modelcontextprotocol/protocolVersion': revision };
    client.send(request('tools/list', { _meta: meta }, 2));
    expect((await client.answer(2)).error).toMatchObject({
      code: -32_022,
      data: { supported: ['2026-07-28'], requested: revision },
    });
  });

  it('notifies a 2025 client that lists changed', async () => {
    const client = connect();
    client.send(INITIALIZE, { jsonrpc: '2.0', method: 'notifications/initialized' });
    await client.answer(1);
    await client.connection.notifyListChanged({ tools: true, prompts: true });
    await client.notification('notifications/tools/list_changed');
    await client.notification('notifications/prompts/list_changed');
  });

  it('takes a client of 2025 for one, whatever is in `_meta`', async () => {
    const client = connect();
    client.send(...ERAS[0].open, modern(request('tools/list', {}, 'l')), modern(callOf('missing', {}, 'm')));
    expect((await client.answer('l')).result).not.toHaveProperty('ttlMs');
    expect((await client.answer('m')).result.isError).toBe(true);
  });

  it('notifies a subscribed 2026-07-28 client that lists changed', async () => {
    const client = connect();
    client.send(modern(request('subscriptions/listen', { notifications: { toolsListChanged: true } }, 's')));
    await client.notification('notifications/subscriptions/acknowledged');
    await client.connection.notifyListChanged({ tools: true });
    await client.notification('notifications/tools/list_changed');
  });

  it('ends at once when the input ends and nothing runs', async () => {
    const client = connect();
    client.send(INITIALIZE);
    await client.answer(1);
    client.input.end();
    await once(client.input, 'end');
    await client.connection.clientGone;
  });
});

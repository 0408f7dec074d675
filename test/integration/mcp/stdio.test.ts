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
  readonly #lines: Line[] = [];
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
      this.#lines.push(...lines.map((line) => JSON.parse(line) as Line));
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
    return this.#lines.some((line) => line.id === id);
  }

  #find(wanted: (line: Line) => boolean): Promise<Line> {
    return vi.waitFor(
      () => {
        const line = this.#lines.find(wanted);
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
  it('continues after a line that is not a message', async () => {
    const client = connect();
    client.input.write('this is not JSON\n{"jsonrpc":"1.0"}\n');
    client.send(INITIALIZE);
    expect((await client.answer(1)).result.serverInfo).toEqual({ name: 'sample', version: '9.8.7' });
  });

  it('notifies a 2025 client that lists changed', async () => {
    const client = connect();
    client.send(INITIALIZE, { jsonrpc: '2.0', method: 'notifications/initialized' });
    await client.answer(1);
    await client.connection.notifyListChanged({ tools: true, prompts: true });
    await client.notification('notifications/tools/list_changed');
    await client.notification('notifications/prompts/list_changed');
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

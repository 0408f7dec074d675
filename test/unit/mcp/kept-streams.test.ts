import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { type EventConnection, EventStream, sendEventsOf } from '../../../src/mcp/http/event-stream.js';
import { KEPT_STREAM_LIMITS, KeptStreams, SessionStreams } from '../../../src/mcp/http/kept-streams.js';
import { ResultSplices } from '../../../src/mcp/results.js';
import { seededRandom } from '../../kit/random.js';

/** On a machine with much to do, too. */
const waitFor = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

/** The client's end of a connection: takes what is written, up to a number of bytes, and then breaks. */
class Connection extends Writable implements EventConnection {
  text = '';
  readonly #breaksAfter: number;
  readonly #isSlow: boolean;

  constructor(breaksAfter = Infinity, isSlow = false) {
    super({ decodeStrings: false, highWaterMark: isSlow ? 1 : 16_384 });
    this.#breaksAfter = breaksAfter;
    this.#isSlow = isSlow;
  }

  setTimeout(): never {
    return this as never;
  }

  override _write(chunk: string, _encoding: string, onWritten: () => void): void {
    const left = this.#breaksAfter - this.text.length;
    this.text += chunk.slice(0, Math.max(0, left));
    if (chunk.length > left) this.destroy();
    else if (this.#isSlow) setImmediate(onWritten);
    else onWritten();
  }

  /** The complete events. */
  get events(): readonly { readonly id: string | undefined; readonly data: string }[] {
    const blocks = this.text.split('\n\n').slice(0, -1);
    const field = (block: string, name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    return blocks.map((block) => ({ id: field(block, 'id'), data: field(block, 'data') ?? '' }));
  }

  get messages(): readonly number[] {
    return this.events.flatMap(({ data }) => (data === '' ? [] : [JSON.parse(data).n]));
  }

  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }
}

function createSession(limits: Partial<typeof KEPT_STREAM_LIMITS> = {}) {
  const shared = new KeptStreams({ ...KEPT_STREAM_LIMITS, ...limits });
  return { shared, session: new SessionStreams(shared) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function openCall(session: SessionStreams, onLost = (): void => undefined) {
  return session.open({ kind: 'call', primes: true, onLost });
}

/** A call whose connection has broken after one event, and the id of that event. */
async function openAway(session: SessionStreams, onLost?: () => void) {
  const stream = openCall(session, onLost);
  const connection = new Connection();
  void stream.connect(connection);
  stream.send({ n: 1 });
  await waitFor(() => expect(connection.messages).toEqual([1]));
  connection.destroy();
  await once(connection, 'close');
  return { stream, id: connection.lastId ?? '' };
}

describe('a stream of events', () => {
  test('whose connection breaks at any byte continues on the next one, without a gap or an event twice', async () => {
    const random = seededRandom();
    const upTo = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 100; round += 1) {
      const { session, shared } = createSession();
      const stream = session.open({ kind: random() < 0.5 ? 'call' : 'notices', primes: true, onLost: () => {} });
      const newConnection = () => new Connection(random() < 0.8 ? upTo(600) : Infinity, random() < 0.3);
      const connections: Connection[] = [];
      let known: { stream: EventStream; after: number } | undefined = { stream, after: 0 };
      let firstId: string | undefined;
      const reconnect = (): void => {
        const lastId = connections.findLast((each) => each.lastId !== undefined)?.lastId;
        // Without an id, a client has got nothing and knows nothing.
        if (connections.length > 0 && lastId !== undefined) known = session.find(lastId);
        firstId ??= lastId;
        if (known === undefined) throw new Error(`the events after ${lastId} are gone`);
        const connection = newConnection();
        connections.push(connection);
        void stream.connect(connection, known.after);
      };
      reconnect();
      const sent = 1 + upTo(30);
      for (let n = 1; n <= sent; n += 1) {
        const text = 'x'.repeat(upTo(200));
        if (n < sent) expect(stream.send({ n, text })).toBe(true);
        else void stream.end([() => ['{"n":', `${n}`, ',"text":"', text, '"}']]);
        if (random() < 0.5) await settled();
        if (random() < 0.3) connections.at(-1)?.destroy();
        if (random() < 0.1 || !stream.isConnected) reconnect();
      }
      for (let tries = 0; connections.at(-1)?.writableFinished !== true; tries += 1) {
        await settled();
        if (!stream.isConnected && connections.at(-1)?.writableFinished !== true) reconnect();
        if (tries > 2000) throw new Error('the stream never ends');
      }
      const received = connections.flatMap(({ messages }) => messages);
      expect(received).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
      session.close();
      expect([shared.bytes, shared.away]).toEqual([0, 0]);
    }
  });

  test('without a keeper ends with its connection', async () => {
    const stream = new EventStream();
    const connection = new Connection();
    const followed = stream.connect(connection);
    expect(stream.send({ n: 1 })).toBe(true);
    await waitFor(() => expect(connection.messages).toEqual([1]));
    expect(stream.bytes).toBe(0);
    connection.destroy();
    await followed;
    expect([stream.canResume, stream.send({ n: 2 })]).toEqual([false, false]);
  });

  test('reports what prevented its last message from being written', async () => {
    const stream = new EventStream();
    void stream.connect(new Connection());
    const broken = () => {
      throw new Error('row 7 cannot be written');
    };
    await expect(stream.end([broken])).rejects.toThrow('row 7 cannot be written');
  });

  test('leaves out what its client does not read, but keeps the last message', async () => {
    const { session, shared } = createSession();
    const { stream, id } = await openAway(session);
    let taken = 1;
    while (stream.send({ n: taken + 1, text: 'x'.repeat(1000) })) taken += 1;
    expect(shared.bytes).toBeLessThan(2 * 1024 * 1024);
    void stream.end(['{"n":-1}']);
    const connection = new Connection();
    await stream.connect(connection, session.find(id)?.after);
    expect(connection.messages).toHaveLength(taken + 1);
    expect(connection.messages.at(-1)).toBe(-1);
    expect(connection.events.at(-2)?.data).toContain('"1 more messages were left out: they were not read in time"');
  });

  test('forgets what its client has read long ago', async () => {
    const { session } = createSession();
    const stream = openCall(session);
    const connection = new Connection();
    void stream.connect(connection);
    for (let n = 1; n <= 1000; n += 1) {
      stream.send({ n, text: 'x'.repeat(1000) });
      if (n % 100 === 0) await waitFor(() => expect(connection.messages.at(-1)).toBe(n));
    }
    expect(stream.bytes).toBeLessThan(300 * 1024);
    const [first, last] = [connection.events[1]?.id ?? '', connection.lastId ?? ''];
    expect(session.find(first)).toBeUndefined();
    expect(session.find(last)).toMatchObject({ after: 1000 });
  });
});

describe('a stream of events that the SDK makes', () => {
  test('is cut when its client reads nothing for long, and stays open while there is nothing to read', async () => {
    const closed: string[] = [];
    const say = new Map<string, () => void>();
    const server = createServer((request, response) => {
      const leave = new AbortController();
      response.on('close', () => {
        closed.push(request.url ?? '');
        leave.abort();
      });
      const event = new TextEncoder().encode(`data: ${'x'.repeat(4_000_000)}\n\n`);
      const body = new ReadableStream<Uint8Array>({
        start: (events) => void say.set(request.url ?? '', () => events.enqueue(event)),
      });
      sendEventsOf(body, { response, splices: new ResultSplices(), signal: leave.signal }, 300).catch(() => {});
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const clients = ['/reads', '/stalls'].map((path) => {
      const client = connect(port, '127.0.0.1').on('error', () => {});
      client.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      return client;
    });
    let received = 0;
    clients[0]?.on('data', ({ length }) => (received += length));
    await waitFor(() => expect(say.size).toBe(2));
    for (let each = 0; each < 4; each += 1) for (const next of say.values()) next();
    await waitFor(() => expect(closed).toEqual(['/stalls']));
    await new Promise((resolve) => setTimeout(resolve, 700));
    const before = received;
    say.get('/reads')?.();
    await waitFor(() => expect(received - before).toBeGreaterThan(3_000_000));
    expect(closed).toEqual(['/stalls']);
    for (const client of clients) client.destroy();
    server.close();
  });
});

describe('the streams of a session', () => {
  test('are found by the ids of their own events only', async () => {
    const { session, shared } = createSession();
    const other = new SessionStreams(shared);
    const { stream, id } = await openAway(session);
    expect(session.find(id)).toEqual({ stream, after: 1 });
    expect(other.find(id)).toBeUndefined();
    const [name] = id.split('.');
    for (const wrong of [
      '',
      'x',
      `${name}`,
      `${name}.`,
      `${name}.2`,
      `${name}.-1`,
      `${name}.1e0`,
      `${name}.1 `,
      'call-x.1',
    ])
      expect(session.find(wrong), wrong).toBeUndefined();
  });

  test('are given up when no client comes back in time, which ends a call that is still running', async () => {
    const { session, shared } = createSession({ lifetimeMs: 20 });
    const onLost = vi.fn();
    const { id } = await openAway(session, onLost);
    expect(shared.away).toBe(1);
    await waitFor(() => expect(onLost).toHaveBeenCalledOnce());
    expect(session.find(id)).toBeUndefined();
    expect([shared.bytes, shared.away]).toEqual([0, 0]);
  });

  test('are not given up while a client is connected', async () => {
    const { session } = createSession({ lifetimeMs: 20 });
    const onLost = vi.fn();
    const { stream, id } = await openAway(session, onLost);
    const back = new Connection();
    void stream.connect(back, 1);
    // A stream of the same age without a client.
    const lost = vi.fn();
    await openAway(session, lost);
    await waitFor(() => expect(lost).toHaveBeenCalled());
    expect(onLost).not.toHaveBeenCalled();
    expect(session.find(id)).toBeDefined();
  });

  test('whose client has no id to come back with are given up at once', async () => {
    const { session, shared } = createSession();
    const onLost = vi.fn();
    const stream = session.open({ kind: 'call', primes: false, onLost });
    const connection = new Connection();
    void stream.connect(connection);
    connection.destroy();
    await once(connection, 'close');
    expect(onLost).toHaveBeenCalledOnce();
    expect([stream.canResume, shared.bytes, shared.away]).toEqual([false, 0, 0]);
  });

  test('may be so many without a client: the oldest gives way', async () => {
    const { session } = createSession({ sessionAway: 2 });
    const lost: string[] = [];
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) ids.push((await openAway(session, () => lost.push(name))).id);
    expect(lost).toEqual(['a']);
    expect(ids.map((id) => session.find(id) !== undefined)).toEqual([false, true, true]);
  });

  test('may be so many without a client: the one that has been away for longest gives way, not the first', async () => {
    const { session } = createSession({ sessionAway: 2 });
    const lost: string[] = [];
    const connections = ['first', 'second', 'third'].map((name) => {
      const connection = new Connection();
      void openCall(session, () => lost.push(name)).connect(connection);
      return connection;
    });
    const [first, second, third] = connections;
    for (const connection of [second, third, first]) {
      connection?.destroy();
      await settled();
    }
    expect(lost).toEqual(['second']);
  });

  test('may be so many on a server: the session with most gives way', async () => {
    const { session: many, shared } = createSession({ totalAway: 3 });
    const few = new SessionStreams(shared);
    const lost: string[] = [];
    await openAway(few, () => lost.push('few'));
    for (const name of ['a', 'b', 'c']) await openAway(many, () => lost.push(name));
    expect(lost).toEqual(['a']);
    expect([few.away, many.away]).toEqual([1, 2]);
  });

  test('may keep so much: ended streams give way before running calls, and the session with most before others', async () => {
    const { session: large, shared } = createSession({ totalBytes: 100_000 });
    const small = new SessionStreams(shared);
    const running = await openAway(small);
    const kept = await openAway(large);
    const ended = await openAway(large);
    await ended.stream.end([() => [`{"n":2,"text":"${'x'.repeat(60_000)}"}`]]);
    expect(large.find(ended.id)).toBeDefined();
    await kept.stream.end([() => [`{"n":2,"text":"${'x'.repeat(60_000)}"}`]]);
    expect([running, kept, ended].map(({ stream }) => stream.canResume)).toEqual([true, false, true]);
    expect(shared.bytes).toBe(small.bytes + large.bytes);
    expect(shared.bytes).toBeLessThan(100_000);
  });

  test('may keep so much, also when the session with most has nothing to give up', async () => {
    const { session: large, shared } = createSession({ totalBytes: 200_000 });
    // Reads nothing, so all of it is still to be written.
    class Stalled extends Connection {
      override _write(): void {}
    }
    const unread = openCall(large);
    void unread.connect(new Stalled(Infinity, true));
    for (let n = 1; n <= 100; n += 1) unread.send({ n, text: 'x'.repeat(1000) });
    await settled();
    for (let call = 0; call < 10; call += 1) {
      const { stream } = await openAway(new SessionStreams(shared));
      await stream.end([() => [`{"n":2,"text":"${'x'.repeat(30_000)}"}`]]);
    }
    expect(large.bytes).toBeGreaterThan(100_000);
    expect(shared.bytes).toBeLessThanOrEqual(200_000);
  });

  test('count even when they are short, so a client cannot leave any number of them behind', async () => {
    const { session, shared } = createSession({ sessionBytes: 50_000 });
    for (let call = 0; call < 60; call += 1) {
      const { stream } = await openAway(session);
      await stream.end(['{"n":2}']);
    }
    expect(shared.bytes).toBeGreaterThan(40_000);
    expect(shared.bytes).toBeLessThanOrEqual(50_000);
  });

  test('a stream that alone is too much is given up', async () => {
    const { session, shared } = createSession({ sessionBytes: 50_000 });
    const { stream, id } = await openAway(session);
    await stream.end([() => [`{"n":2,"text":"${'x'.repeat(60_000)}"}`]]);
    expect(session.find(id)).toBeUndefined();
    expect(shared.bytes).toBe(0);
  });

  test('end with the session, but connections that are open get the rest', async () => {
    const { session, shared } = createSession();
    const away = await openAway(session);
    const stream = openCall(session);
    const connection = new Connection();
    void stream.connect(connection);
    stream.send({ n: 1 });
    session.close();
    await stream.end(['{"n":2}']);
    expect(connection.messages).toEqual([1, 2]);
    expect([away.stream.isRunning, shared.bytes, shared.away]).toEqual([false, 0, 0]);
  });

  test('go to the newest connection', async () => {
    const { session } = createSession();
    const stream = openCall(session);
    const [first, second] = [new Connection(), new Connection()];
    void stream.connect(first);
    stream.send({ n: 1 });
    await waitFor(() => expect(first.messages).toEqual([1]));
    void stream.connect(second, 1);
    stream.send({ n: 2 });
    await stream.end(['{"n":3}']);
    expect(first.destroyed).toBe(true);
    expect([first.messages, second.messages]).toEqual([[1], [2, 3]]);
  });
});

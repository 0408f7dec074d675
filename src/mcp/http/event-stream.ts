import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { ClientGone } from '../../http/index.js';
import { type MessagePart, type ResultSplices, writeMessage } from '../results.js';

/** An event of a stream holds one message, between these two. */
const EVENT_START = 'event: message\ndata: ';
const EVENT_END = '\n\n';
const KEEP_ALIVE = `: nothing to send yet${EVENT_END}`;

export const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Asks a proxy not to collect the events.
  'x-accel-buffering': 'no',
};

/** Bytes of events that may wait for a client that does not read them; further events are left out. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Bytes of events that are kept after they were written. */
const MAX_KEPT_BYTES = 256 * 1024;

/** What an event takes besides its text. */
const EVENT_OVERHEAD_BYTES = 200;

/** A client that reads nothing of a large result for this long is cut off: the result is kept in memory until it is written. */
export const STALLED_MS = 60_000;

/** The response that events are written to. */
export type EventConnection = Writable & Pick<ServerResponse, 'setTimeout'>;

interface StreamEvent {
  readonly number: number;
  readonly parts: readonly MessagePart[];
  bytes: number;
}

/** Keeps the events of a stream for a client that comes back. */
export interface StreamKeeper {
  /** Names the stream in the ids of its events. */
  readonly id: string;
  /** Whether the client understands an event that has an id and no message. */
  readonly primes: boolean;
  /** A connection came or went, or the events take another number of bytes. */
  changed(): void;
}

/**
 * The events of one answer, or of one stream of notifications, and the connection that they are written to. Each connection gets the events in
 * order and once. Without a keeper, an event is forgotten once it is written, and the stream ends with its connection; with one, the stream waits for
 * the next connection until it is dropped.
 */
export class EventStream {
  #keeper: StreamKeeper | undefined;
  /** Without gaps; the last one has the number `#last`. */
  readonly #events: StreamEvent[] = [];
  #last = 0;
  #bytes = 0;
  #unreadBytes = 0;
  /** Messages that are not among the events. */
  #leftOut = 0;
  /** The number of the last event that the current connection, or the one before, was sent. */
  #written = 0;
  #response: EventConnection | undefined;
  /** Settles when everything is written to the current connection, or that has ended. */
  #writing: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  #failure: unknown;
  #isDropped = false;
  #isComplete = false;
  #onEnd: (() => void)[] = [];

  constructor(keeper?: StreamKeeper) {
    this.#keeper = keeper;
  }

  /** Bytes of the events in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  get isConnected(): boolean {
    return this.#response !== undefined;
  }

  /** Whether more events may come. */
  get isRunning(): boolean {
    return !this.#isComplete && !this.#isDropped;
  }

  /** Whether a client may have an id to come back with. */
  get canResume(): boolean {
    return this.#keeper !== undefined && !this.#isDropped && (this.#written > 0 || this.#keeper.primes);
  }

  /** Calls the listener once no more events will come. */
  whenEnded(listener: () => void): void {
    if (this.isRunning) this.#onEnd.push(listener);
    else listener();
  }

  /** Whether the events after this one are still here. */
  hasAfter(number: number): boolean {
    return !this.#isDropped && number <= this.#last && number >= this.#last - this.#events.length;
  }

  /** False when the message was left out, because the client reads too little or the stream has ended. */
  send(message: object): boolean {
    if (!this.isRunning) return false;
    if (this.#unreadBytes > MAX_UNREAD_BYTES) {
      this.#leftOut += 1;
      return false;
    }
    this.#push([JSON.stringify({ jsonrpc: '2.0', ...message })]);
    return true;
  }

  /** Writes a comment between two events. Clients ignore it; proxies cut connections that are silent. */
  keepAlive(): void {
    if (this.#wake !== undefined) this.#response?.write(KEEP_ALIVE);
  }

  /**
   * Ends the stream, with this message if there is one. Settles when the current connection has got everything. Throws what prevented the message from
   * being written, except that the client left.
   */
  async end(message: readonly MessagePart[] = []): Promise<void> {
    if (!this.isRunning) return;
    if (this.#keeper !== undefined && this.#leftOut > 0) this.#push([JSON.stringify(toGap(this.#leftOut))]);
    if (message.length > 0) this.#push(message);
    this.#isComplete = true;
    if (this.#response !== undefined) cutWhenStalled(this.#response);
    this.#wake?.();
    this.#ended();
    await this.#writing;
    await this.#measure();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Writes the events after this one to the connection, and those to come, in place of the connection before. Settles when the stream or the
   * connection has ended.
   */
  async connect(response: EventConnection, after = 0): Promise<void> {
    if (!this.hasAfter(after)) response.destroy();
    if (response.destroyed) return;
    const previous = this.#response;
    this.#response = response;
    this.#written = after;
    this.#unreadBytes = this.#events.reduce((sum, { number, bytes }) => sum + (number > after ? bytes : 0), 0);
    this.#wake?.();
    previous?.destroy();
    response.once('close', () => this.#disconnect(response));
    if (this.#isComplete) cutWhenStalled(response);
    const { id, primes = false } = this.#keeper ?? {};
    // A client whose connection breaks before the next event still knows what it has.
    if (primes) response.write(`id: ${id}.${after}\ndata: ${EVENT_END}`);
    this.#writing = this.#write(response);
    this.#keeper?.changed();
    await this.#writing;
  }

  /** Ends the connection of the server's own accord; the stream may continue on another one. */
  disconnect(response: EventConnection): void {
    if (this.#response !== response || this.#wake === undefined) response.destroy();
    else response.end();
    this.#disconnect(response);
  }

  /** Gives up the events, and the connection if there is one. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#forgetWhile(() => true);
    const response = this.#response;
    this.#response = undefined;
    response?.destroy();
    this.#wake?.();
    this.#ended();
    this.#keeper?.changed();
  }

  /** Gives up the events that were written. */
  dropWritten(): void {
    this.#forgetWhile(({ number }) => number <= this.#written);
  }

  /** Nothing is kept any more, but the current connection still gets the rest. */
  release(): void {
    this.#keeper = undefined;
    if (this.#response === undefined) this.drop();
    else this.dropWritten();
  }

  #push(message: readonly MessagePart[]): void {
    this.#last += 1;
    const id = this.#keeper === undefined ? '' : `id: ${this.#keeper.id}.${this.#last}\n`;
    const parts = [`${id}${EVENT_START}`, ...message, EVENT_END];
    const bytes = parts.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 0), EVENT_OVERHEAD_BYTES);
    this.#events.push({ number: this.#last, parts, bytes });
    this.#bytes += bytes;
    this.#unreadBytes += bytes;
    this.#wake?.();
    this.#keeper?.changed();
  }

  async #write(response: EventConnection): Promise<void> {
    try {
      while (this.#response === response) {
        const event = this.#events[this.#events.length - (this.#last - this.#written)];
        if (event !== undefined) await this.#writeEvent(event, response);
        else if (this.#isComplete) return void response.end();
        else await this.#nextEvent();
      }
    } catch (error) {
      if (error instanceof ClientGone) return;
      this.#failure = error;
      response.destroy();
    }
  }

  async #writeEvent(event: StreamEvent, response: EventConnection): Promise<void> {
    const bytes = await writeMessage(event.parts, response);
    if (this.#response !== response) return;
    this.#count(event, bytes);
    this.#written = event.number;
    this.#unreadBytes -= event.bytes;
    if (this.#keeper === undefined) this.dropWritten();
    else if (!this.#isComplete) this.#forgetWhile(() => this.#bytes - this.#unreadBytes > MAX_KEPT_BYTES);
    this.#keeper?.changed();
  }

  #count(event: StreamEvent, written: number): void {
    const more = written + EVENT_OVERHEAD_BYTES - event.bytes;
    event.bytes += more;
    this.#bytes += more;
    if (event.number > this.#written) this.#unreadBytes += more;
  }

  #forgetWhile(isForgotten: (event: StreamEvent) => boolean): void {
    for (let [event] = this.#events; event !== undefined && isForgotten(event); [event] = this.#events) {
      this.#events.shift();
      this.#bytes -= event.bytes;
      if (event.number > this.#written) this.#unreadBytes -= event.bytes;
    }
  }

  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** A large result that no connection has got yet was not counted. */
  async #measure(): Promise<void> {
    for (const event of this.#events) {
      if (event.number <= this.#written || event.parts.every((part) => typeof part === 'string')) continue;
      const bytes = await writeMessage(event.parts, new Nowhere());
      if (this.#events.includes(event)) this.#count(event, bytes);
    }
    this.#keeper?.changed();
  }

  #disconnect(response: EventConnection): void {
    if (this.#response !== response) return;
    this.#response = undefined;
    this.#wake?.();
    if (this.#keeper === undefined) this.drop();
    else this.#keeper.changed();
  }

  #ended(): void {
    for (const listener of this.#onEnd.splice(0)) listener();
  }
}

/** What a client of 2025 learns of messages that it will not get: the numbers of the events have no gap. */
function toGap(count: number): object {
  const data = `${count} more messages were left out: they were not read in time`;
  return { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'warning', logger: 'mxcp', data } };
}

function cutWhenStalled(response: EventConnection): void {
  response.setTimeout(STALLED_MS, () => response.destroy());
}

class Nowhere extends Writable {
  override _write(_chunk: unknown, _encoding: string, onWritten: () => void): void {
    onWritten();
  }
}

interface EventTarget {
  readonly response: ServerResponse;
  readonly splices: ResultSplices;
  readonly signal: AbortSignal;
}

/** Writes a stream of events that the SDK has made, until the signal aborts. The SDK holds what is not written yet, so a client must read. */
export async function sendEventsOf(
  body: ReadableStream<Uint8Array>,
  { response, splices, signal }: EventTarget,
  stalledMs = STALLED_MS,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const cancel = () => {
    reader.cancel().catch(() => {
      // The stream has failed already; the loop below throws its error.
    });
  };
  signal.addEventListener('abort', cancel);
  // A stream that has nothing to write stays open.
  response.setTimeout(stalledMs, () => {
    if (response.writableLength > 0) response.destroy();
  });
  response.flushHeaders();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const parts = splices.partsOf(decoder.decode(next.value));
    await writeMessage(parts, response);
  }
  response.end();
}

/** The answer to a request for a stream. */
export class StreamResponse extends Response {
  readonly stream: EventStream;
  /** The number of the last event that the client has. */
  readonly after: number;

  constructor(stream: EventStream, after = 0) {
    super(null);
    this.stream = stream;
    this.after = after;
  }
}

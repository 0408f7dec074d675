import type { ServerResponse } from 'node:http';
import { formatEvent, STREAM_EVENTS, toWire } from '../contract/index.js';
import { MxcpError } from '../errors/index.js';
import { UNFRAMED_HEADERS } from '../http/index.js';

export interface StreamLimits {
  /** Streams that are open at the same time, on both sockets together. */
  readonly streams: number;
  /** What a reader may leave unread. One that leaves more is dropped. */
  readonly streamBufferBytes: number;
  /** How long a reader that was dropped has to read its last event. */
  readonly lastEventMs: number;
  /** How often a comment shows both sides that the other is still there. */
  readonly heartbeatMs: number;
}

/** The answer of a route that streams: `open` begins to send and returns what ends that. */
export interface StreamReply {
  readonly status: 200;
  readonly open: (stream: EventStream) => () => void;
}

/** How long clients of the standard (`EventSource`) wait before they connect again. */
const RETRY_MS = 1_000;

const COMMENT = ': still here\n\n';

const HEAD = {
  'Content-Type': 'text/event-stream',
  ...UNFRAMED_HEADERS,
  // The end of the stream is the end of the connection.
  Connection: 'close',
} as const;

/** The streams of both sockets. The admin server owns it; a stream ends with its connection, or when the server closes. */
export class EventStreams {
  readonly #limits: StreamLimits;
  readonly #streams = new Set<EventStream>();
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  /** Throws `too_many_streams` before anything is written. `gone` aborts when the client goes away or the server closes. */
  open(reply: StreamReply, response: ServerResponse, gone: AbortSignal): void {
    if (response.req.method === 'HEAD') return void response.writeHead(reply.status, HEAD).end();
    const { streams } = this.#limits;
    if (this.#streams.size >= streams) {
      const advice = `${streams} clients read events already; end one of them, or try again`;
      throw new MxcpError('too_many_streams', advice, { retryAfterSeconds: 5 });
    }
    if (response.destroyed) return;
    // It would abort no more.
    if (gone.aborted) throw new MxcpError('server_closing', 'the server is shutting down');
    response.writeHead(reply.status, HEAD);
    const stream = new EventStream(response, this.#limits);
    this.#streams.add(stream);
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#limits.heartbeatMs).unref();
    stream.send(`retry: ${RETRY_MS}\n\n`);
    const stop = reply.open(stream);
    // The client may only have nothing more to send, or may be gone: a write shows which.
    response.req.socket.once('end', () => stream.send(COMMENT));
    gone.addEventListener('abort', () => stream.end('server_closing'), { once: true });
    response.once('close', () => {
      stop();
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      clearInterval(this.#heartbeat);
      this.#heartbeat = undefined;
    });
  }

  #beat(): void {
    for (const stream of this.#streams) stream.send(COMMENT);
  }
}

/** What one client reads. A client that does not keep up is dropped, so that its unread events never pile up. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #limits: StreamLimits;

  constructor(response: ServerResponse, limits: StreamLimits) {
    this.#response = response;
    this.#limits = limits;
  }

  /** Never waits and never throws. Does nothing once the stream has ended. */
  send(text: string): void {
    const response = this.#response;
    if (response.writableEnded || response.destroyed) return;
    if (response.writableLength + Buffer.byteLength(text) > this.#limits.streamBufferBytes) this.end('too_slow');
    else response.write(text);
  }

  /** A reader that has left nothing unread gets a last event; any other gets it if it reads on in time. */
  end(reason: 'server_closing' | 'too_slow'): void {
    const response = this.#response;
    if (response.writableEnded || response.destroyed) return;
    // A shutdown does not wait for a reader that does not read.
    if (reason === 'server_closing' && response.writableNeedDrain) return void response.destroy();
    const last = toWire(STREAM_EVENTS['stream.end'], { at: new Date(), reason });
    response.end(formatEvent('stream.end', JSON.stringify(last)));
    const cut = setTimeout(() => response.destroy(), this.#limits.lastEventMs).unref();
    response.once('close', () => clearTimeout(cut));
  }
}

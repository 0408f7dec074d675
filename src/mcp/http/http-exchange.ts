import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NotificationMessage, Notify } from '../call-notifications.js';
import { ResultSplices, writeMessage } from '../results.js';
import { type Refusal, refusal } from './messages.js';

/** The headers that the SDK reads. Tools read all of them through `requestHeaders`. */
const SDK_HEADERS = [
  'accept',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
];

/** An event of a stream holds one message, which stands between these two. */
export const EVENT_START = 'event: message\ndata: ';
export const EVENT_END = '\n\n';

/** Bytes of events that may wait for a client that does not read them; what comes then is left out. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/**
 * One HTTP request and its response. Aborted when the client goes away before the response is complete, or when the
 * server may wait no longer.
 */
export class HttpExchange {
  readonly response: ServerResponse;
  readonly splices = new ResultSplices();
  readonly #incoming: IncomingMessage;
  readonly #abort = new AbortController();
  #requestHeaders: Readonly<Record<string, string>> | undefined;
  #isStreaming = false;

  constructor(incoming: IncomingMessage, response: ServerResponse) {
    this.#incoming = incoming;
    this.response = response;
    response.once('close', () => {
      if (!response.writableFinished) this.#abort.abort();
    });
  }

  get method(): string {
    return this.#incoming.method ?? 'GET';
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Lower-case names; a header that came several times is joined with commas. */
  get requestHeaders(): Readonly<Record<string, string>> {
    this.#requestHeaders ??= joinedHeaders(this.#incoming);
    return this.#requestHeaders;
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Whether events were sent: the answer is then the last of them. */
  get isStreaming(): boolean {
    return this.#isStreaming;
  }

  /**
   * How a call tells the client something before its answer, which from then on is a stream of events; a call that tells
   * nothing is answered with plain JSON. Undefined when the client does not name event streams among what it takes.
   */
  get notify(): Notify | undefined {
    const takesEvents = /text\/event-stream/i.test(this.header('accept') ?? '');
    return takesEvents && this.method === 'POST' ? this.#sendEvent : undefined;
  }

  readonly #sendEvent = (message: NotificationMessage): void => {
    const { response } = this;
    if (response.writableEnded || response.destroyed || response.writableLength > MAX_UNREAD_BYTES) return;
    if (!this.#isStreaming) this.#startStream();
    response.write(`${EVENT_START}${JSON.stringify({ jsonrpc: '2.0', ...message })}${EVENT_END}`);
  };

  #startStream(): void {
    this.#isStreaming = true;
    const session = this.header('mcp-session-id');
    this.response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      // Asks a proxy not to collect the events.
      'x-accel-buffering': 'no',
      ...(session !== undefined && { 'mcp-session-id': session }),
    });
  }

  abort(): void {
    this.#abort.abort();
  }

  toWebRequest(): ExchangeRequest {
    return new ExchangeRequest(this);
  }
}

function joinedHeaders(incoming: IncomingMessage): Readonly<Record<string, string>> {
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return joined;
}

/**
 * What the SDK is given as the request. It carries its exchange, so that a call finds its way back to the headers and the
 * response it belongs to. It has no body: bodies are read and parsed once, by us, and handed over beside it.
 */
export class ExchangeRequest extends Request {
  readonly exchange: HttpExchange;

  constructor(exchange: HttpExchange) {
    super('http://localhost/mcp', {
      method: exchange.method,
      headers: sdkHeaders(exchange),
      signal: exchange.signal,
    });
    this.exchange = exchange;
  }
}

function sdkHeaders(exchange: HttpExchange): [string, string][] {
  const headers: [string, string][] = [];
  for (const name of SDK_HEADERS) {
    const value = exchange.header(name);
    if (value !== undefined && name !== 'accept') headers.push([name, value]);
  }
  headers.push(['accept', acceptedTypes(exchange)]);
  return headers;
}

/**
 * The SDK wants both media types spelled out. A client that takes JSON, by name or by a wildcard, gets JSON, and one that
 * opens a stream needs only the stream.
 */
function acceptedTypes(exchange: HttpExchange): string {
  const accept = exchange.header('accept') ?? '*/*';
  const takesJson = /\*\/\*|application\/(\*|json)/i.test(accept);
  return takesJson && exchange.method === 'POST' ? 'application/json, text/event-stream' : accept;
}

/** A client that takes nothing of a large result for this long is cut off: the result is held until it is written. */
const STALLED_MS = 60_000;

/**
 * Writes what the SDK answered. A message is serialised in one piece: a JSON body is one message, and each chunk of an
 * event stream is one event with one, so a placeholder is never cut in two.
 */
export async function sendResponse(response: Response, exchange: HttpExchange): Promise<void> {
  const { response: outgoing } = exchange;
  if (exchange.isStreaming) {
    await sendLastEvent(await response.text(), exchange);
    return;
  }
  for (const [name, value] of response.headers) {
    // Whether the connection stays open is for Node to say, which knows whether the server is closing.
    if (name !== 'connection' || value === 'close') outgoing.setHeader(name, value);
  }
  outgoing.statusCode = response.status;
  if (response.body === null) {
    outgoing.end();
  } else if (response.headers.get('content-type') === 'text/event-stream') {
    await sendEvents(response.body, exchange);
  } else {
    await sendMessage(await response.text(), exchange);
  }
}

async function sendMessage(message: string, { response, splices }: HttpExchange): Promise<void> {
  const parts = splices.partsOf(message);
  if (parts.length === 1) {
    response.end(message);
    return;
  }
  response.setTimeout(STALLED_MS, () => response.destroy());
  await writeMessage(parts, response);
  response.end();
}

/** The answer of a call that has told its client something already. */
async function sendLastEvent(message: string, { response, splices }: HttpExchange): Promise<void> {
  response.setTimeout(STALLED_MS, () => response.destroy());
  if (message !== '') await writeMessage([EVENT_START, ...splices.partsOf(message), EVENT_END], response);
  response.end();
}

async function sendEvents(body: ReadableStream<Uint8Array>, exchange: HttpExchange): Promise<void> {
  const { response, splices, signal } = exchange;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const cancel = () => {
    reader.cancel().catch(() => {
      // The stream has failed already, and the loop below says so.
    });
  };
  signal.addEventListener('abort', cancel);
  response.flushHeaders();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const parts = splices.partsOf(decoder.decode(next.value));
    await writeMessage(parts, response);
  }
  response.end();
}

export async function refuse(exchange: HttpExchange, reason: Refusal): Promise<void> {
  await sendResponse(refusal(reason), exchange);
}

export function sendNotFound(response: ServerResponse): void {
  response.statusCode = 404;
  response.setHeader('content-type', 'application/json');
  response.end('{"error":"not found"}');
}

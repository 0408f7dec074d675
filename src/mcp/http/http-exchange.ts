import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJsonContentType, type JSONRPCMessage, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { Caller } from '../../caller/index.js';
import { headerValues, readBody } from '../../http/index.js';
import type { AccessLog, AccessRecord } from '../access-log.js';
import { isMessageId, MODERN_VERSION, parseMessageText } from '../mcp-server.js';
import type { NotificationMessage, Notify } from '../call-notifications.js';
import { OversizedMessage } from '../refused-parameters.js';
import { ResultSplices, writeMessage } from '../results.js';
import { EVENT_STREAM_HEADERS, EventStream, sendEventsOf, STALLED_MS, StreamResponse } from './event-stream.js';
import { MALFORMED, type MessageId, NOT_JSON, NOT_UTF8, type Refusal, TOO_LARGE, toResponse } from './refusals.js';

/** The headers of the protocol, which the SDK reads besides `accept`. Tools read all headers through `requestHeaders`. */
export const MCP_HEADERS = [
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
];

/**
 * One HTTP request and its response. Its signal aborts when the client goes away too early and cannot come back for its answer, or the server may wait
 * no longer.
 */
export class HttpExchange {
  readonly response: ServerResponse;
  readonly splices = new ResultSplices();
  /** The address that the request came from; known here even after the connection has closed. */
  readonly client: string | undefined;
  /** The address of the connection: a proxy in front of the server, where there is one. */
  readonly peer: string | undefined;
  readonly access: AccessRecord | undefined;
  readonly #incoming: IncomingMessage;
  readonly #abort = new AbortController();
  #requestHeaders: Readonly<Record<string, string>> | undefined;
  /** What the answer is written to once there are events before it. */
  #stream: EventStream | undefined;
  /** By the clock of the process; undefined while no answer is awaited. */
  #silentSince: number | undefined;
  /** Of the path, which may name one that does not exist; undefined for all endpoints. */
  group: string | undefined;
  /** Who sends the request; undefined while everybody may. */
  caller: Caller | undefined;
  /** When the credentials of the request end, in milliseconds since 1970. */
  accessEndsAt: number | undefined;
  /** What the caller lacks, if that is why the request was refused. */
  missingScopes: readonly string[] | undefined;
  /** Headers that no endpoint sees. */
  secretHeaders: ReadonlySet<string> | undefined;
  /** Opens a stream that its client may come back to; undefined where streams end with their connection. */
  openKeptStream: (() => EventStream) | undefined;

  constructor(
    incoming: IncomingMessage,
    response: ServerResponse,
    { accessLog, client }: { readonly accessLog: AccessLog | undefined; readonly client: string | undefined },
  ) {
    this.#incoming = incoming;
    this.response = response;
    this.peer = incoming.socket.remoteAddress;
    this.client = client;
    this.access = accessLog && this.#recordAccess(accessLog);
    response.once('close', () => {
      if (!response.writableFinished && this.isGone) this.#abort.abort();
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
    this.#requestHeaders ??= joinedHeaders(this.#incoming, this.secretHeaders);
    return this.#requestHeaders;
  }

  /** The values of a header as they were sent. The name is lower-case. */
  valuesOf(header: string): readonly string[] {
    return headerValues(this.#incoming, header);
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** A header of the protocol that has other characters than visible ASCII, spaces and tabs; others must be encoded. */
  get unreadableHeader(): string | undefined {
    const { headers } = this.#incoming;
    return Object.keys(headers).find((name) => name.startsWith('mcp-') && /[^\t -~]/.test(String(headers[name])));
  }

  /** Whether events were sent: the answer is then the last event. */
  get isStreaming(): boolean {
    return this.#stream !== undefined;
  }

  /**
   * Sends a notification to the client before the answer, which from then on is a stream of events; a call without
   * notifications is answered with plain JSON. Undefined when the client does not accept event streams.
   */
  get notify(): Notify | undefined {
    const takesEvents = /text\/event-stream/i.test(this.header('accept') ?? '');
    return takesEvents && this.method === 'POST' ? this.#sendEvent : undefined;
  }

  /** Sends a request to the client, or a notification that belongs to one, in the same way. */
  sendMessage(message: JSONRPCMessage): void {
    if (this.notify === undefined) throw new Error('the client takes no event stream');
    this.#sendEvent(message);
  }

  /** The server works on the answer from now on. */
  awaitAnswer(): void {
    this.#silentSince = performance.now();
  }

  /** Nothing may come between the bytes of the answer. */
  beginAnswer(): void {
    this.#silentSince = undefined;
  }

  /** Writes a comment, which clients ignore, if the client has got nothing for so long: proxies cut connections that are silent. */
  breakSilence(afterMs: number): void {
    const { response, notify } = this;
    if (this.#silentSince === undefined || performance.now() - this.#silentSince < afterMs) return;
    if (response.destroyed || response.writableLength > 0) return;
    if (notify === undefined && this.#stream === undefined) return;
    this.#startedStream().keepAlive();
    this.#silentSince = performance.now();
  }

  readonly #sendEvent = (message: NotificationMessage | JSONRPCMessage): void => {
    if (this.#stream === undefined && (this.response.writableEnded || this.response.destroyed)) return;
    this.#startedStream().send(message);
    if (this.#silentSince !== undefined) this.awaitAnswer();
  };

  #startedStream(): EventStream {
    if (this.#stream !== undefined) return this.#stream;
    const stream = this.openKeptStream?.() ?? new EventStream();
    void this.follow(stream);
    return stream;
  }

  /** Makes the answer a stream of events, from the event after this one on. Settles when the stream or the connection has ended. */
  follow(stream: EventStream, after?: number): Promise<void> {
    this.#stream = stream;
    const isModern = this.header('mcp-protocol-version') === MODERN_VERSION;
    const session = isModern ? undefined : this.header('mcp-session-id');
    const { response } = this;
    response.writeHead(200, { ...EVENT_STREAM_HEADERS, ...(session !== undefined && { 'mcp-session-id': session }) });
    return stream.connect(response, after);
  }

  /** The last event: the answer of a call that has sent others before. */
  async endStream(message: string): Promise<void> {
    await this.#stream?.end(message === '' ? [] : this.splices.partsOf(message));
  }

  /** Calls the listener once the answer is written, or kept for a client that may come back, or cannot be. */
  readonly whenAnswered = (listener: () => void): void => {
    const onClose = (): void => {
      if (this.#stream?.canResume === true && this.method === 'POST') this.#stream.whenEnded(listener);
      else listener();
    };
    if (this.response.destroyed) onClose();
    else this.response.once('close', onClose);
  };

  /** Whether no client can get the answer any more. */
  get isGone(): boolean {
    return this.response.destroyed && this.#stream?.canResume !== true;
  }

  abort(): void {
    this.#abort.abort();
  }

  /** There will be no answer. */
  destroy(): void {
    this.#stream?.drop();
    this.response.destroy();
  }

  /** The bytes are those of the connection in the meantime: head and body. */
  #recordAccess(accessLog: AccessLog): AccessRecord {
    const { response } = this;
    const { socket } = this.#incoming;
    const record: AccessRecord = { client: this.client };
    const end = accessLog.begin(record, this.method);
    const bytesBefore = socket.bytesWritten;
    response.once('close', () => {
      record.status = response.statusCode;
      if (!response.writableFinished) record.outcome = 'client_gone';
      record.outcome ??= outcomeOf(response, record);
      end(socket.bytesWritten - bytesBefore);
    });
    return record;
  }

  toWebRequest(): ExchangeRequest {
    return new ExchangeRequest(this);
  }
}

/** A request that no handler answered was refused, with an error of HTTP or only of the protocol. */
function outcomeOf(response: ServerResponse, { request }: AccessRecord): string {
  if (response.statusCode >= 400) return 'refused';
  const isStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
  return request === undefined || isStream ? 'success' : 'refused';
}

function joinedHeaders(
  incoming: IncomingMessage,
  hidden: ReadonlySet<string> | undefined,
): Readonly<Record<string, string>> {
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && hidden?.has(name) !== true)
      joined[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return joined;
}

/**
 * The request as the SDK gets it. It carries its exchange, so that a call finds the headers and the response it belongs to.
 * It has no body: the listener reads and parses bodies once, and passes them beside it.
 */
export class ExchangeRequest extends Request {
  readonly exchange: HttpExchange;

  constructor(exchange: HttpExchange) {
    super('http://localhost/mcp', { method: exchange.method, headers: sdkHeaders(exchange), signal: exchange.signal });
    this.exchange = exchange;
  }
}

function sdkHeaders(exchange: HttpExchange): [string, string][] {
  const headers: [string, string][] = [['accept', acceptedTypes(exchange)]];
  for (const name of MCP_HEADERS) {
    const value = exchange.header(name);
    if (value !== undefined) headers.push([name, value]);
  }
  return headers;
}

/**
 * The SDK requires both media types by name. A client that accepts JSON, by name or by a wildcard, gets JSON; one that opens
 * a stream needs to accept only the stream.
 */
function acceptedTypes(exchange: HttpExchange): string {
  const accept = exchange.header('accept') ?? '*/*';
  const takesJson = /\*\/\*|application\/(\*|json)/i.test(accept);
  return takesJson && exchange.method === 'POST' ? 'application/json, text/event-stream' : accept;
}

/**
 * Writes the answer of the SDK. Each message is serialised in one piece: a JSON body is one message, and each chunk of an
 * event stream is one event with one message, so no placeholder is cut in two.
 */
export async function sendResponse(response: Response, exchange: HttpExchange): Promise<void> {
  const { response: outgoing } = exchange;
  exchange.beginAnswer();
  if (exchange.isStreaming) return exchange.endStream(await response.text());
  if (response instanceof StreamResponse) return sendStream(response, exchange);
  for (const [name, value] of response.headers) {
    // Node decides whether the connection stays open: it knows whether the server is closing.
    if (name !== 'connection' || value === 'close') outgoing.setHeader(name, value);
  }
  outgoing.statusCode = response.status;
  if (response.body === null) {
    outgoing.end();
  } else if (response.headers.get('content-type') === 'text/event-stream') {
    await sendEventsOf(response.body, exchange);
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

/** A stream of the session, which may have begun on another connection. */
async function sendStream({ stream, after }: StreamResponse, exchange: HttpExchange): Promise<void> {
  const { response, signal } = exchange;
  if (response.destroyed) return;
  const followed = exchange.follow(stream, after);
  response.flushHeaders();
  exchange.awaitAnswer();
  signal.addEventListener('abort', () => stream.disconnect(response));
  await followed;
}

export async function refuse(exchange: HttpExchange, reason: Refusal): Promise<void> {
  await sendResponse(toResponse(reason), exchange);
}

/** Gives a refusal that names no message the id of its message. The SDK has `id: null`, or a number that has been rounded (2.4.0). */
export async function withRequestId(response: Response, id: MessageId | undefined): Promise<Response> {
  const { status, headers, body } = response;
  if (status < 400 || body === null || !isJsonContentType(headers.get('content-type'))) return response;
  const refusal: unknown = await response.json();
  const isNamed = typeof refusal !== 'object' || refusal === null || ('id' in refusal && isMessageId(refusal.id));
  return Response.json(isNamed ? refusal : { ...refusal, id }, { status, headers });
}

/** A parsed body: one message or, in the older protocols, a list of them. The SDK checks what it contains. */
type MessageBody = { readonly parsed: unknown } | { readonly refused: Refusal };

/** Larger bodies are refused: 4 MiB is what the SDK allows too. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** How much of a larger body is read and thrown away, so that its sender gets to see the answer. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

/** Reads and parses the body once. Rejects only when the client goes away. */
export async function readMessageBody(incoming: IncomingMessage): Promise<MessageBody> {
  if (!isJsonContentType(incoming.headers['content-type'] ?? null) || incoming.headers['content-encoding']) {
    return { refused: NOT_JSON };
  }
  const bytes = await readBody(incoming, { bytes: MAX_BODY_BYTES, discardedBytes: MAX_DISCARDED_BYTES });
  return bytes === undefined ? { refused: TOO_LARGE } : parseMessage(bytes);
}

function parseMessage(bytes: Buffer): MessageBody {
  if (!isUtf8(bytes)) return { refused: NOT_UTF8 };
  try {
    return { parsed: parseMessageText(bytes.toString('utf8')) };
  } catch (error) {
    return { refused: error instanceof OversizedMessage ? oversized(error) : MALFORMED };
  }
}

function oversized({ message, parsed }: OversizedMessage): Refusal {
  return { status: 400, code: ProtocolErrorCode.InvalidRequest, message, id: refusedIdOf(parsed) };
}

interface Message {
  readonly method?: unknown;
  readonly id?: unknown;
  readonly params?: unknown;
}

function messagesOf(parsed: unknown): readonly Message[] {
  const list: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return list.filter((item): item is Message => typeof item === 'object' && item !== null);
}

/** The ids of the requests in a body. */
export function requestIdsOf(parsed: unknown): readonly MessageId[] {
  return messagesOf(parsed).flatMap(({ method, id }) => (typeof method === 'string' && isMessageId(id) ? [id] : []));
}

/** The id of the message that a refusal of a body answers, also when the message is no valid request. */
export function refusedIdOf(parsed: unknown): MessageId | undefined {
  const [message] = Array.isArray(parsed) ? [] : messagesOf(parsed);
  return isMessageId(message?.id) ? message.id : undefined;
}

/** What the access log says of a body. */
export function methodOf(parsed: unknown): string | undefined {
  const methods = messagesOf(parsed).flatMap(({ method }) => (typeof method === 'string' ? [method] : []));
  return methods.length === 0 ? undefined : methods.join(',');
}

/** The ids of the requests that a body cancels. */
export function cancelledIdsOf(parsed: unknown): readonly MessageId[] {
  return messagesOf(parsed).flatMap(({ method, params }) => {
    if (method !== 'notifications/cancelled' || typeof params !== 'object' || params === null) return [];
    return 'requestId' in params && isMessageId(params.requestId) ? [params.requestId] : [];
  });
}

export function hasMethod(parsed: unknown, isWanted: (method: unknown) => boolean): boolean {
  return messagesOf(parsed).some(({ method }) => isWanted(method));
}

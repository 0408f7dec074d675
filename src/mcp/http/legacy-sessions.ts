import { randomUUID } from 'node:crypto';
import { ProtocolErrorCode, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { Caller } from '../../caller/index.js';
import type { Logger } from '../../logging/index.js';
import { sendUpdates, serveSubscriptions, type SubscribableServer } from '../resource-updates.js';
import { EventStream, StreamResponse } from './event-stream.js';
import { cancelledIdsOf, type ExchangeRequest, type HttpExchange, requestIdsOf } from './http-exchange.js';
import { KeptStreams, type KeptStreamLimits, SessionStreams } from './kept-streams.js';
import { type MessageId, type Refusal, REFUSED, SESSION_ENDED, toResponse } from './refusals.js';

/** What a session is for: all endpoints, or those of one group. It can be used nowhere else. */
export interface SessionPlace {
  readonly group: string | undefined;
  readonly createServer: () => SubscribableServer;
  /** Whether there is such a resource for the sender of a request. */
  readonly mayRead: (sender: { readonly caller: Caller | undefined }, uri: string) => boolean;
}

export interface SessionOptions {
  readonly maxSessions: number;
  /** A session without requests and streams for this long has ended; its client gets 404 and initializes again. */
  readonly sessionIdleMs: number;
  /** What is kept for clients whose connection breaks. */
  readonly keptStreams?: KeptStreamLimits | undefined;
  readonly logger: Logger;
}

/**
 * The sessions of clients of the 2025 protocols. Their number is bounded: when it is reached, the session that was unused
 * longest is closed; when all are in use, a new client is refused.
 */
export class LegacySessions {
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, LegacySession>();
  readonly #kept: KeptStreams;
  readonly #expiry: NodeJS.Timeout;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#kept = new KeptStreams(options.keptStreams);
    this.#expiry = setInterval(() => this.#expire(), Math.max(10, options.sessionIdleMs / 10)).unref();
  }

  /** The session of this user in this place. Another user, or another place, does not learn that there is one. */
  find(id: string, caller: Caller | undefined, { group }: Pick<SessionPlace, 'group'>): LegacySession | undefined {
    const session = this.#sessions.get(id);
    return session !== undefined && session.group === group && isSameUser(session.caller, caller) ? session : undefined;
  }

  /** A session for an `initialize`. It counts once the SDK has accepted that. `undefined` when there is no room. */
  async open(
    caller: Caller | undefined,
    { group, createServer, mayRead }: SessionPlace,
  ): Promise<LegacySession | undefined> {
    if (!this.#makeRoom()) return undefined;
    const server = createServer();
    serveSubscriptions(server, (uri) => mayRead(session, uri));
    const onInitialized = (): void => void this.#sessions.set(session.id, session);
    const session = new LegacySession(server, { caller, group, kept: this.#kept, onInitialized });
    server.onclose = () => this.#sessions.delete(session.id);
    await session.connect();
    return session;
  }

  /** Only those of this group, or those of none. */
  async notify(group: string | undefined, notify: (server: SubscribableServer) => Promise<void>): Promise<void> {
    await Promise.all(this.#of(group).map(({ server }) => notify(server)));
  }

  /** Since a session has subscribed, a reload may have taken a resource from its user, or from its group. */
  async notifyResourcesUpdated(
    { group, mayRead }: Pick<SessionPlace, 'group' | 'mayRead'>,
    isUpdated: (uri: string) => boolean,
  ): Promise<void> {
    const notifying = this.#of(group).map((session) =>
      sendUpdates(session.server, (uri) => isUpdated(uri) && mayRead(session, uri)),
    );
    await Promise.all(notifying);
  }

  closeStreams(group: string | undefined): void {
    for (const session of this.#of(group)) session.closeStream();
  }

  #of(group: string | undefined): readonly LegacySession[] {
    return [...this.#sessions.values()].filter((session) => session.group === group);
  }

  async close(): Promise<void> {
    clearInterval(this.#expiry);
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }

  #makeRoom(): boolean {
    if (this.#sessions.size < this.#options.maxSessions) return true;
    const unused = [...this.#sessions.values()].filter(({ running }) => running === 0);
    const oldest = unused.toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    if (oldest === undefined) return false;
    this.#end(oldest, 'made room for a new session');
    return true;
  }

  #expire(): void {
    const before = performance.now() - this.#options.sessionIdleMs;
    for (const session of this.#sessions.values()) {
      if (session.running === 0 && session.lastUsed < before) this.#end(session, 'session expired');
    }
  }

  #end(session: LegacySession, why: string): void {
    this.#sessions.delete(session.id);
    this.#options.logger.debug({ sessions: this.#sessions.size }, why);
    session.close().catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, 'session could not be closed');
    });
  }
}

function isSameUser(one: Caller | undefined, other: Caller | undefined): boolean {
  const isSame = (key: 'provider' | 'userId' | 'username'): boolean => one?.[key] === other?.[key];
  return isSame('provider') && isSame('userId') && isSame('username');
}

interface LegacySessionOptions {
  readonly caller: Caller | undefined;
  readonly group: string | undefined;
  readonly kept: KeptStreams;
  /** Runs before the answer to a valid `initialize`. */
  readonly onInitialized: () => void;
}

/** The first revision in which an event may have an id and no message. */
const FIRST_TO_PRIME = '2025-11-25';

const NOT_KEPT: Refusal = {
  status: 400,
  code: REFUSED,
  message:
    'The events after `Last-Event-ID` are not kept any more: messages may be missing; repeat the request, or open a new stream',
};

const ONE_STREAM: Refusal = {
  status: 409,
  code: REFUSED,
  message: 'Conflict: Only one SSE stream is allowed per session',
};

const ID_IN_USE: Refusal = {
  status: 400,
  code: ProtocolErrorCode.InvalidRequest,
  message: 'Invalid Request: another request of the session with this id still runs',
};

/**
 * One client of a 2025 protocol, from `initialize` to DELETE, expiry or the end of the listener. Holds the SDK's server
 * and transport, for which every answer is JSON: the exchange writes the notifications of a call itself.
 * It outlives reloads.
 */
export class LegacySession {
  readonly id = randomUUID();
  /** Of the latest request. All are of the same user, but a later token may have other scopes. */
  caller: Caller | undefined;
  readonly group: string | undefined;
  readonly server: SubscribableServer;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  /** What is being answered, by the id of the request. */
  readonly #unanswered = new Map<MessageId, HttpExchange>();
  readonly #kept: KeptStreams;
  #streams: SessionStreams | undefined;
  /** The stream that a GET opens: for what belongs to no call. */
  #notices: EventStream | undefined;
  /** A request that came before may still be on its way. */
  #hasEnded = false;
  /** Requests and open streams, and calls that continue although their connection has ended. */
  running = 0;
  /** On the clock of `performance.now()`. */
  lastUsed = performance.now();

  constructor(server: SubscribableServer, { caller, group, kept, onInitialized }: LegacySessionOptions) {
    this.server = server;
    this.caller = caller;
    this.group = group;
    this.#kept = kept;
    this.#transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => this.id,
      onsessioninitialized: onInitialized,
      // Before the SDK closes the session: it would leave the requests that run without an answer.
      onsessionclosed: () => this.#end(),
      enableJsonResponse: true,
    });
  }

  async connect(): Promise<void> {
    this.#sendIntoStreams();
    await this.server.connect(this.#transport);
  }

  /**
   * What a call asks its client goes into the stream of that call; the SDK drops it, because all its answers are JSON. What belongs to no call goes into
   * the stream of notices, which the SDK does not know.
   */
  #sendIntoStreams(): void {
    const transport = this.#transport;
    const send = transport.send.bind(transport);
    transport.send = async (message, options) => {
      const related = options?.relatedRequestId;
      if (!('method' in message)) return send(message, options);
      if (related !== undefined) this.#unanswered.get(related)?.sendMessage(message);
      // A client that misses a notice must learn of it: it cannot resume this stream.
      else if (this.#notices?.send(message) === false) this.#notices.drop();
    };
  }

  /** Never settles when the client goes away first. */
  async handle(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    const { exchange } = request;
    const ids = requestIdsOf(parsedBody);
    this.caller = exchange.caller;
    this.running += 1;
    exchange.whenAnswered(() => {
      this.running -= 1;
      this.lastUsed = performance.now();
    });
    if (exchange.method === 'GET') return this.#openStream(request);
    // Its answer would go to the other one.
    if (new Set(ids).size < ids.length || ids.some((id) => this.#unanswered.has(id))) return toResponse(ID_IN_USE);
    if (ids.length > 0) exchange.openKeptStream = () => this.#keepStream('call', () => exchange.abort());
    exchange.signal.addEventListener('abort', () => {
      for (const id of ids) this.#cancel(id);
    });
    for (const id of ids) this.#unanswered.set(id, exchange);
    const response = await this.#transport.handleRequest(request, { parsedBody });
    for (const id of ids) this.#unanswered.delete(id);
    for (const id of cancelledIdsOf(parsedBody)) this.#settle(id, 'The request was cancelled');
    return response;
  }

  /** A new stream of notices, or the rest of a stream whose connection has ended. */
  async #openStream(request: ExchangeRequest): Promise<Response> {
    const { exchange } = request;
    // Checks the headers; its own stream is not needed.
    const checked = await this.#transport.handleRequest(request);
    if (checked.status !== 200) return checked;
    await checked.body?.cancel();
    // Nothing would end the stream.
    if (this.#hasEnded) return toResponse(SESSION_ENDED);
    const lastId = exchange.header('last-event-id');
    if (lastId !== undefined && lastId !== '') {
      const found = this.#streams?.find(lastId);
      return found === undefined ? toResponse(NOT_KEPT) : new StreamResponse(found.stream, found.after);
    }
    if (this.#notices?.isConnected === true) return toResponse(ONE_STREAM);
    this.#notices?.drop();
    this.#notices = this.#keepStream('notices', () => undefined);
    return new StreamResponse(this.#notices);
  }

  #keepStream(kind: 'call' | 'notices', onLost: () => void): EventStream {
    if (this.#hasEnded) return new EventStream();
    this.#streams ??= new SessionStreams(this.#kept);
    return this.#streams.open({
      kind,
      primes: (this.server.getNegotiatedProtocolVersion() ?? '') >= FIRST_TO_PRIME,
      onLost,
    });
  }

  /** Ends the stream of notices, which would otherwise stay open for as long as the client likes. */
  closeStream(): void {
    this.#notices?.end().catch(() => {
      // Without a last message, there is nothing that could fail.
    });
  }

  async close(): Promise<void> {
    this.#end();
    await this.server.close();
  }

  #end(): void {
    this.#hasEnded = true;
    this.closeStream();
    this.#settleAll();
    this.#streams?.close();
  }

  #settleAll(): void {
    for (const id of this.#unanswered.keys()) this.#settle(id, 'The session has ended');
  }

  #cancel(requestId: MessageId): void {
    this.#transport.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
    this.#settle(requestId, 'The request was cancelled');
  }

  /**
   * The SDK sends nothing for a cancelled request and for those of a session that ends, so the HTTP response and its entry in the
   * transport would stay for ever. This answer ends both.
   */
  #settle(id: MessageId, message: string): void {
    const error = { code: REFUSED, message };
    this.#transport.send({ jsonrpc: '2.0', id, error }).catch(() => {
      // The request was answered before it was cancelled: there is nothing left to end.
    });
  }
}

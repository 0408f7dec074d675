import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { Caller } from '../../caller/index.js';
import type { Logger } from '../../logging/index.js';
import { serveSubscriptions, type SubscribableServer } from '../resource-updates.js';
import { cancelledIdsOf, type ExchangeRequest, type HttpExchange, requestIdsOf } from './http-exchange.js';
import { type MessageId, REFUSED } from './refusals.js';

export interface SessionOptions {
  readonly createServer: () => SubscribableServer;
  /** Whether there is such a resource for the sender of a request. */
  readonly mayRead: (sender: { readonly caller: Caller | undefined }, uri: string) => boolean;
  readonly maxSessions: number;
  /** A session without requests and streams for this long has ended; its client gets 404 and initializes again. */
  readonly sessionIdleMs: number;
  readonly logger: Logger;
}

/**
 * The sessions of clients of the 2025 protocols. Their number is bounded: when it is reached, the session that was unused
 * longest is closed; when all are in use, a new client is refused.
 */
export class LegacySessions {
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, LegacySession>();
  readonly #expiry: NodeJS.Timeout;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#expiry = setInterval(() => this.#expire(), Math.max(10, options.sessionIdleMs / 10)).unref();
  }

  /** The session of this user. Another user does not learn that there is one. */
  find(id: string, caller: Caller | undefined): LegacySession | undefined {
    const session = this.#sessions.get(id);
    return session !== undefined && isSameUser(session.caller, caller) ? session : undefined;
  }

  /** A session for an `initialize`. It counts once the SDK has accepted that. `undefined` when there is no room. */
  async open(caller: Caller | undefined): Promise<LegacySession | undefined> {
    if (!this.#makeRoom()) return undefined;
    const { createServer, mayRead } = this.#options;
    const server = createServer();
    serveSubscriptions(server, (uri) => mayRead({ caller }, uri));
    const session = new LegacySession(server, caller, () => this.#sessions.set(session.id, session));
    server.onclose = () => this.#sessions.delete(session.id);
    await session.connect();
    return session;
  }

  async notify(notify: (server: SubscribableServer) => Promise<void>): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(({ server }) => notify(server)));
  }

  closeStreams(): void {
    for (const session of this.#sessions.values()) session.closeStream();
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

/**
 * One client of a 2025 protocol, from `initialize` to DELETE, expiry or the end of the listener. Holds the SDK's server
 * and transport, for which every answer is JSON: the exchange writes the notifications of a call itself.
 * It outlives reloads.
 */
export class LegacySession {
  readonly id = randomUUID();
  /** Who opened it; only the same user may continue it. */
  readonly caller: Caller | undefined;
  readonly server: SubscribableServer;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  /** What is being answered, by the id of the request. */
  readonly #unanswered = new Map<MessageId, HttpExchange>();
  /** Requests and open streams. */
  running = 0;
  /** On the clock of `performance.now()`. */
  lastUsed = performance.now();

  /** `onInitialized` runs before the answer to a valid `initialize`. */
  constructor(server: SubscribableServer, caller: Caller | undefined, onInitialized: () => void) {
    this.server = server;
    this.caller = caller;
    this.#transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => this.id,
      onsessioninitialized: onInitialized,
      // Before the SDK closes the session: it would leave the requests that run without an answer.
      onsessionclosed: () => this.#settleAll(),
      enableJsonResponse: true,
    });
  }

  async connect(): Promise<void> {
    this.#sendQuestions();
    await this.server.connect(this.#transport);
  }

  /** What a call asks its client goes into the stream of that call. The SDK drops it, because all its answers are JSON. */
  #sendQuestions(): void {
    const transport = this.#transport;
    const send = transport.send.bind(transport);
    transport.send = async (message, options) => {
      const related = options?.relatedRequestId;
      if (!('method' in message) || related === undefined) return send(message, options);
      this.#unanswered.get(related)?.sendMessage(message);
    };
  }

  /** Never settles when the client goes away first. */
  async handle(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    const { exchange } = request;
    const ids = requestIdsOf(parsedBody);
    this.lastUsed = performance.now();
    // A response that is closed already emits no further event.
    if (!exchange.response.closed) {
      this.running += 1;
      exchange.response.once('close', () => {
        this.running -= 1;
        this.lastUsed = performance.now();
      });
    }
    exchange.signal.addEventListener('abort', () => {
      for (const id of ids) this.#cancel(id);
    });
    for (const id of ids) this.#unanswered.set(id, exchange);
    const response = await this.#transport.handleRequest(request, { parsedBody });
    for (const id of ids) this.#unanswered.delete(id);
    for (const id of cancelledIdsOf(parsedBody)) this.#settle(id, 'The request was cancelled');
    return response;
  }

  /** Ends the stream of notifications, which would otherwise stay open for as long as the client likes. */
  closeStream(): void {
    this.#transport.closeStandaloneSSEStream();
  }

  async close(): Promise<void> {
    this.#settleAll();
    await this.server.close();
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

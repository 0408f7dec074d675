import {
  createMcpHandler,
  InMemoryServerEventBus,
  isInitializeRequest,
  isLegacyRequest,
  type McpHttpHandler,
  ProtocolErrorCode,
  specTypeSchemas,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Logger } from '../../logging/index.js';
import { type ListChanges, sendListChanges } from '../listings.js';
import { MODERN_VERSION } from '../mcp-server.js';
import { toIssueTexts } from '../refused-parameters.js';
import { withAllowedUris } from '../resource-updates.js';
import { type ExchangeRequest, hasMethod, type HttpExchange, requestIdsOf } from './http-exchange.js';
import type { LegacySessions, SessionPlace } from './legacy-sessions.js';
import { REFUSED, SESSION_ENDED, toResponse } from './refusals.js';

interface MessageRouterOptions extends SessionPlace {
  readonly stateless: boolean;
  /** Of the whole server, which closes them. */
  readonly sessions: LegacySessions;
  readonly logger: Logger;
}

/**
 * Sends each request to the handler of its protocol: 2026-07-28 needs no state; the 2025 protocols have sessions, unless
 * the server is stateless. A 2025 message without a session that is not `initialize` is answered on its own: the
 * protocol lets the server decide whether sessions are required, and a person with `curl` should get an answer.
 */
export class MessageRouter {
  readonly #options: MessageRouterOptions;
  readonly #modern: McpHttpHandler;
  /** Streams of notifications; separate from the calls, because they end first on shutdown. */
  #subscriptions: McpHttpHandler;
  readonly #createHandler: () => McpHttpHandler;
  readonly #sessions: LegacySessions;
  /** The resources that open streams are for. */
  readonly #listened = new Map<HttpExchange, readonly string[]>();

  constructor(options: MessageRouterOptions) {
    const { createServer, logger } = options;
    const onerror = (error: Error) => logger.debug({ detail: error.message }, 'request refused');
    const bus = new InMemoryServerEventBus(onerror);
    this.#createHandler = () => createMcpHandler(createServer, { legacy: 'reject', bus, onerror });
    this.#options = options;
    this.#modern = this.#createHandler();
    this.#subscriptions = this.#createHandler();
    this.#sessions = options.sessions;
  }

  /** `parsedBody` is `undefined` for requests that have none (GET, DELETE). */
  async route(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    if (request.method !== 'POST') return this.#routeSessionRequest(request);
    if (await this.#isLegacy(request, parsedBody)) {
      const response = await this.#routeLegacy(request, parsedBody);
      return Array.isArray(parsedBody) ? asList(response) : response;
    }
    const header = request.exchange.unreadableHeader;
    if (header !== undefined) {
      const message = `Bad Request: the header \`${header}\` has characters other than ASCII; encode its value as =?base64?…?=`;
      return toResponse({ status: 400, code: HEADER_MISMATCH, message });
    }
    if (hasMethod(parsedBody, (method) => method === 'subscriptions/listen')) return this.#listen(request, parsedBody);
    return this.#modern.fetch(request, { parsedBody });
  }

  /** Opens a stream of notifications, only of resources that its reader may read. */
  #listen(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    const { exchange } = request;
    const { message, uris } = withAllowedUris(parsedBody, (uri) => this.#options.mayRead(exchange, uri));
    if (uris.length > 0 && !exchange.response.closed) {
      this.#listened.set(exchange, uris);
      exchange.response.once('close', () => this.#listened.delete(exchange));
    }
    return this.#subscriptions.fetch(request, { parsedBody: message });
  }

  async notifyListChanged(changes: ListChanges): Promise<void> {
    const { notify } = this.#modern;
    if (changes.tools === true) notify.toolsChanged();
    if (changes.resources === true) notify.resourcesChanged();
    if (changes.prompts === true) notify.promptsChanged();
    await this.#sessions.notify(this.#options.group, (server) => sendListChanges(server, changes));
  }

  /**
   * A notice goes to every stream that names its resource. So one whose reader may no longer read the resource ends before, while others still may; a new
   * stream of that client has the rest.
   */
  async notifyResourcesUpdated(isUpdated: (uri: string) => boolean): Promise<void> {
    const { notify } = this.#modern;
    const { mayRead } = this.#options;
    const streams = [...this.#listened].map(([exchange, uris]) => ({ exchange, uris: uris.filter(isUpdated) }));
    const listened = new Set(streams.flatMap(({ exchange, uris }) => uris.filter((uri) => mayRead(exchange, uri))));
    for (const { exchange, uris } of streams)
      if (uris.some((uri) => listened.has(uri) && !mayRead(exchange, uri))) exchange.abort();
    for (const uri of listened) notify.resourceUpdated(uri);
    await this.#sessions.notifyResourcesUpdated(this.#options, isUpdated);
  }

  /** Ends the streams, which would never end by themselves. Calls continue, and new streams may be opened. */
  async closeStreams(): Promise<void> {
    this.#sessions.closeStreams(this.#options.group);
    const closed = this.#subscriptions;
    this.#subscriptions = this.#createHandler();
    await closed.close();
  }

  /** Ends everything but the sessions, and cancels running calls. */
  async close(): Promise<void> {
    await Promise.all([this.#subscriptions.close(), this.#modern.close()]);
  }

  /**
   * Asks the SDK, which has to read the message, only when the headers do not decide it. In a session, its revision is agreed: `_meta` may then contain
   * anything, even the keys of 2026-07-28.
   */
  async #isLegacy(request: ExchangeRequest, parsedBody: unknown): Promise<boolean> {
    const { exchange } = request;
    if (exchange.header('mcp-protocol-version') === MODERN_VERSION) return false;
    const id = exchange.header('mcp-session-id');
    const isInSession = id !== undefined && this.#sessions.find(id, exchange.caller, this.#options) !== undefined;
    return isInSession || isLegacyRequest(request, parsedBody);
  }

  /** GET opens a session's stream of notifications, DELETE ends the session. */
  async #routeSessionRequest(request: ExchangeRequest): Promise<Response> {
    if (this.#options.stateless) {
      const headers = { allow: 'POST' };
      return toResponse({ status: 405, code: REFUSED, message: 'This server has no sessions', headers });
    }
    const id = request.exchange.header('mcp-session-id');
    if (id === undefined) {
      return toResponse({ status: 400, code: REFUSED, message: 'The Mcp-Session-Id header is missing' });
    }
    return this.#inSession(id, request, undefined);
  }

  async #routeLegacy(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    const id = request.exchange.header('mcp-session-id');
    if (this.#options.stateless) return this.#once(request, parsedBody);
    if (id !== undefined) return this.#inSession(id, request, parsedBody);
    return hasMethod(parsedBody, (method) => method === 'initialize')
      ? this.#openSession(request, parsedBody)
      : this.#once(request, parsedBody);
  }

  async #inSession(id: string, request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    const session = this.#sessions.find(id, request.exchange.caller, this.#options);
    return session === undefined ? toResponse(SESSION_ENDED) : session.handle(request, parsedBody);
  }

  async #openSession(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    // The SDK would open a session for it, whose id its client never gets (2.4.0).
    if (requestIdsOf(parsedBody).length === 0) {
      const message = 'Invalid Request: `initialize` is a request, so it needs an `id`';
      return toResponse({ status: 400, code: ProtocolErrorCode.InvalidRequest, message });
    }
    const problems = problemsOfInitialize(parsedBody);
    if (problems !== undefined)
      return toResponse({ status: 400, code: ProtocolErrorCode.InvalidParams, message: `Invalid params: ${problems}` });
    const session = await this.#sessions.open(request.exchange.caller, this.#options);
    if (session === undefined) {
      const headers = { 'retry-after': '5' };
      return toResponse({ status: 503, code: REFUSED, message: 'All sessions are in use', headers });
    }
    const response = await session.handle(request, parsedBody);
    if (this.#sessions.find(session.id, session.caller, session) === undefined) await session.close();
    return response;
  }

  /** Answers a message of a 2025 protocol without a session. */
  async #once(request: ExchangeRequest, parsedBody: unknown): Promise<Response> {
    const server = this.#options.createServer();
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    const close = () => {
      server.close().catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'server object could not be closed');
      });
    };
    request.exchange.signal.addEventListener('abort', close);
    await server.connect(transport);
    const response = await transport.handleRequest(request, { parsedBody });
    close();
    return response;
  }
}

/** The answer to a list is a list. The SDK sends the answer alone where there is only one (2.4.0). */
async function asList({ status, headers, body }: Response): Promise<Response> {
  if (status !== 200 || body === null) return new Response(body, { status, headers });
  const text = await new Response(body).text();
  return new Response(text.startsWith('[') ? text : `[${text}]`, { status, headers });
}

/** What 2026-07-28 answers for headers that are missing, malformed or other than the body. */
const HEADER_MISMATCH = -32_020;

/** What is wrong with the parameters; the SDK says only that the server is not initialized. Undefined for a valid message or a list. */
function problemsOfInitialize(parsedBody: unknown): string | undefined {
  if (Array.isArray(parsedBody) || isInitializeRequest(parsedBody)) return undefined;
  const checked = specTypeSchemas.InitializeRequest['~standard'].validate(parsedBody);
  return 'issues' in checked && checked.issues !== undefined ? toIssueTexts(checked.issues) : undefined;
}

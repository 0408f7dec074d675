import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Authentication } from '../../auth/index.js';
import {
  answerRoute,
  bindHttpServers,
  clientBehindProxy,
  ClientGone,
  hostOf,
  isLoopbackHost,
  portOf,
  type Reply,
  RequestGuard,
  type WebRoute,
  writeReply,
} from '../../http/index.js';
import type { ErrorCode } from '../../errors/index.js';
import { within } from '../../lifecycle/index.js';
import { LimitedLog, type Logger } from '../../logging/index.js';
import { AccessLog } from '../access-log.js';
import type { ListChanges } from '../listings.js';
import type { ClientTransport, McpOptions, MessageScope } from '../mcp-options.js';
import { callerOf, createMcpServerFactory } from '../mcp-server.js';
import { beginsWork } from '../draining.js';
import { toRefusedRequest } from '../refused-requests.js';
import { ResourceUpdates, type UpdatedResources } from '../resource-updates.js';
import { ResultSplices } from '../results.js';
import {
  ExchangeRequest,
  HttpExchange,
  MCP_HEADERS,
  hasMethod,
  methodOf,
  readMessageBody,
  refuse,
  refusedIdOf,
  sendResponse,
  withRequestId,
} from './http-exchange.js';
import { isOfCall, type KeptStreamLimits } from './kept-streams.js';
import { MessageRouter } from './message-router.js';
import { CLOSING, DRAINING, INTERNAL_ERROR, METHOD_NOT_ALLOWED, type Refusal, REFUSED } from './refusals.js';

export interface HttpListenerOptions extends McpOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly stateless: boolean;
  /** Whether the address of a client is what a proxy in front of the server says. */
  readonly trustsProxy?: boolean | undefined;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly maxConnections?: number;
  readonly maxSessions?: number;
  readonly sessionIdleMs?: number;
  readonly keptStreams?: KeptStreamLimits;
  /** After how much silence a client that waits for an answer gets a comment. */
  readonly keepAliveMs?: number;
  /** Sockets that listen already, instead of host and port. */
  readonly descriptors?: readonly number[] | undefined;
  /** Refuses requests of unknown callers; undefined lets everybody call. Its owner disposes it. */
  readonly authentication?: Authentication | undefined;
  /** Where load balancers ask whether calls would be served. */
  readonly health?: { readonly path: string; readonly isReady: () => Promise<boolean> } | undefined;
}

const MCP_PATH = /^\/mcp\/?(\?|$)/;
const NOT_FOUND: Reply = {
  status: 404,
  headers: { 'content-type': 'application/json' },
  body: '{"error":"not found"}',
};
const METHODS = new Set(['GET', 'POST', 'DELETE']);
const MAX_CONNECTIONS = 1024;
const MAX_SESSIONS = 1000;
const SESSION_IDLE_MS = 30 * 60 * 1000;
/** Below the limits of common proxies, of which 30 and 60 seconds are the lowest. */
const KEEP_ALIVE_MS = 15_000;
/** How long cancelled requests may take to be answered before their connections are cut. */
const CANCELLED_GRACE_MS = 250;

/** Opens the MCP port. Throws `port_in_use`, `usage`. */
export async function startHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const listener = new HttpListener(options);
  await listener.open();
  return listener;
}

/** The open MCP port. While it closes, new requests are answered with 503. */
export class HttpListener implements ClientTransport {
  readonly clientGone = new Promise<void>(() => {});
  readonly #options: HttpListenerOptions;
  readonly #refusals: LimitedLog;
  readonly #accessLog: AccessLog | undefined;
  #guard: RequestGuard;
  #host: string;
  readonly #router: MessageRouter;
  readonly #updates: ResourceUpdates;
  readonly #logger: Logger;
  /** What is being answered, until it is. */
  readonly #running = new Map<HttpExchange, Promise<void>>();
  #servers: readonly Server[] = [];
  #port = 0;
  #keepAlive: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'mcp' });
    this.#refusals = new LimitedLog(this.#logger, () => options.observers?.lineLeftOut());
    this.#accessLog = options.accessLog === true ? new AccessLog(options.logger) : undefined;
    this.#host = options.host;
    this.#guard = new RequestGuard(options);
    this.#router = new MessageRouter({
      createServer: createMcpServerFactory({
        ...options,
        logger: this.#logger,
        refusals: this.#refusals,
        scopeOf: ({ http }) => scopeOf(http?.req),
      }),
      stateless: options.stateless,
      maxSessions: options.maxSessions ?? MAX_SESSIONS,
      sessionIdleMs: options.sessionIdleMs ?? SESSION_IDLE_MS,
      keptStreams: options.keptStreams,
      logger: this.#logger,
      mayRead: (exchange, uri) => options.calls.endpoints.declaredUri(uri, callerOf(exchange)) !== undefined,
    });
    this.#updates = new ResourceUpdates(options.calls, this.#logger, (isUpdated) =>
      this.#router.notifyResourcesUpdated(isUpdated),
    );
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const host = this.#host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}/mcp`;
  }

  async open(): Promise<void> {
    const { host, port, descriptors, maxConnections = MAX_CONNECTIONS } = this.#options;
    const onError = (error: Error) => this.#logger.error({ err: error }, 'connection not accepted');
    const onRequest = this.#onRequest;
    this.#servers = await bindHttpServers({ host, port, descriptors, maxConnections, onRequest, onError });
    this.#port = this.#servers[0] === undefined ? port : portOf(this.#servers[0]);
    this.#keepSilentOnesAlive();
    if (descriptors === undefined || descriptors.length === 0) return;
    const addresses = this.#servers.map(hostOf);
    this.#host = addresses.find((address) => !isLoopbackHost(address)) ?? addresses[0] ?? host;
    this.#guard = new RequestGuard({ ...this.#options, host: this.#host });
  }

  #keepSilentOnesAlive(): void {
    const { keepAliveMs = KEEP_ALIVE_MS } = this.#options;
    const breakSilence = (): void => {
      for (const exchange of this.#running.keys()) exchange.breakSilence(keepAliveMs);
    };
    this.#keepAlive = setInterval(breakSilence, keepAliveMs / 3).unref();
  }

  async notifyListChanged(changes: ListChanges): Promise<void> {
    await this.#router.notifyListChanged(changes);
  }

  notifyResourcesUpdated(updated: UpdatedResources): void {
    this.#updates.announce(updated);
  }

  close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  /**
   * The port and idle connections stay open until the end, so that the answer to new requests is to try again, and no
   * connection is cut under a request.
   */
  async #close(deadlineMs: number): Promise<void> {
    this.#updates.dispose();
    await this.#router.closeStreams();
    await this.#settled(deadlineMs);
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const exchange of this.#running.keys()) exchange.abort();
    await this.#router.close();
    await this.#settled(CANCELLED_GRACE_MS);
    clearInterval(this.#keepAlive);
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
    this.#refusals.dispose();
  }

  /** Waits until every request is answered, at most this long. */
  async #settled(timeoutMs: number): Promise<void> {
    await within(Promise.all(this.#running.values()), timeoutMs);
  }

  readonly #onRequest = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { health, trustsProxy } = this.#options;
    if (health !== undefined && incoming.url?.split('?', 1)[0] === health.path) {
      void answerProbe(incoming, response, health.isReady);
      return;
    }
    const exchange = new HttpExchange(incoming, response, {
      accessLog: this.#accessLog,
      client: trustsProxy === true ? clientBehindProxy(incoming) : incoming.socket.remoteAddress,
    });
    const running = this.#serve(incoming, exchange)
      .catch((error: unknown) => this.#fail(exchange, error))
      .finally(() => this.#running.delete(exchange));
    this.#running.set(exchange, running);
  };

  async #serve(incoming: IncomingMessage, exchange: HttpExchange): Promise<void> {
    const { response } = exchange;
    const { authentication } = this.#options;
    if (!MCP_PATH.test(incoming.url ?? '')) {
      const route = authentication?.routes.get(incoming.url?.split('?', 1)[0] ?? '');
      return route === undefined ? writeReply(response, NOT_FOUND) : this.#answerBeside(route, incoming, exchange);
    }
    const { origin } = incoming.headers;
    const refused = this.#guard.refusalOf(incoming.headers);
    if (refused !== undefined) {
      this.#report(exchange, { code: 'forbidden_origin', reason: refused });
      return refuse(exchange, { status: 403, code: REFUSED, message: refused });
    }
    if (origin !== undefined) allowOrigin(response, origin);
    if (exchange.method === 'OPTIONS' && origin !== undefined) return answerPreflight(incoming, response);
    if (authentication !== undefined && !(await isLetIn(exchange, authentication))) return;
    if (!METHODS.has(exchange.method)) return refuse(exchange, METHOD_NOT_ALLOWED);
    await this.#answer(incoming, exchange);
  }

  /** What authentication needs beside `/mcp`. Who asks is not known there yet. */
  async #answerBeside(route: WebRoute, incoming: IncomingMessage, exchange: HttpExchange): Promise<void> {
    const { host, origin } = incoming.headers;
    const refused = this.#guard.refusalOf({ host });
    if (refused !== undefined) return refuse(exchange, { status: 403, code: REFUSED, message: refused });
    Object.assign(exchange.access ?? {}, { method: route.path });
    const context = {
      origin: this.#options.authentication?.originFor(host ?? '') ?? '',
      isAllowedOrigin: this.#guard.refusalOf({ host, origin }) === undefined,
      client: exchange.client,
      signal: exchange.signal,
    };
    await answerRoute(route, incoming, exchange.response, context);
    Object.assign(exchange.access ?? {}, { outcome: exchange.response.statusCode < 400 ? 'success' : 'refused' });
  }

  async #answer(incoming: IncomingMessage, exchange: HttpExchange): Promise<void> {
    const body = exchange.method === 'POST' ? await readMessageBody(incoming) : { parsed: undefined };
    if ('refused' in body) return refuse(exchange, body.refused);
    const id = refusedIdOf(body.parsed);
    Object.assign(exchange.access ?? {}, { method: methodOf(body.parsed), request: id });
    const isOpen = this.#closed === undefined || resumesCall(exchange);
    const refusal = isOpen ? this.#outOfRotation(exchange, body.parsed) : CLOSING;
    if (refusal !== undefined) {
      this.#report(exchange, { code: 'server_closing', reason: refusal.message }, body.parsed);
      return refuse(exchange, { ...refusal, id });
    }
    if (exchange.caller !== undefined && isStream(exchange, body.parsed)) this.#endWithAccess(exchange);
    exchange.awaitAnswer();
    const answer = this.#router.route(exchange.toWebRequest(), body.parsed);
    const response = await within(answer, exchange.signal);
    if (response !== undefined && response.status !== 499)
      return sendResponse(this.#withStepUp(await withRequestId(response, id), exchange), exchange);
    // Nothing was answered: the client is gone, or the deadline of a shutdown has passed.
    await refuse(exchange, { ...CLOSING, id });
  }

  /** A stream of notifications stays open for as long as its client likes, but no longer than the credentials that opened it. */
  #endWithAccess(exchange: HttpExchange): void {
    const { authentication } = this.#options;
    const { caller, accessEndsAt: endsAt, response } = exchange;
    if (authentication === undefined || caller === undefined || response.closed) return;
    response.once(
      'close',
      authentication.watch(exchange, { caller, endsAt }, () => exchange.abort()),
    );
  }

  #outOfRotation(exchange: HttpExchange, parsed: unknown): Refusal | undefined {
    const isOut = this.#options.rotation?.drainingSince !== undefined;
    return isOut && isNewWork(exchange, parsed) ? DRAINING : undefined;
  }

  #report(exchange: HttpExchange, why: { readonly code: ErrorCode; readonly reason: string }, parsed?: unknown): void {
    const { caller, client } = exchange;
    const from = { surface: 'http', caller, client, sessionId: exchange.header('mcp-session-id') } as const;
    this.#options.observers?.requestRefused(toRefusedRequest(parsed, why, from));
  }

  /** Names the scopes to ask for by HTTP, because the answer of the protocol has no place for them. A stream of events has begun as a success. */
  #withStepUp(response: Response, exchange: HttpExchange): Response {
    const { missingScopes } = exchange;
    const challenge = missingScopes && this.#options.authentication?.stepUp(missingScopes, exchange);
    if (challenge === undefined || exchange.isStreaming) return response;
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(challenge)) headers.set(name, value);
    return new Response(response.body, { status: 403, headers });
  }

  #fail(exchange: HttpExchange, error: unknown): void {
    const { response } = exchange;
    const clientGone = error instanceof ClientGone || exchange.isGone;
    if (clientGone) this.#logger.debug({ client: exchange.client }, 'the client left before its request was answered');
    else this.#logger.error({ err: error }, 'request failed: internal error');
    if (response.headersSent || clientGone) {
      exchange.destroy();
      return;
    }
    refuse(exchange, INTERNAL_ERROR).catch(() => response.destroy());
  }
}

const PROBE_METHODS = new Set(['GET', 'HEAD']);
const PROBE_HEADERS = {
  'content-type': 'text/plain',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/**
 * Says only whether calls would be served, so it asks neither for a `Host` nor for an `Origin`: load balancers probe addresses.
 * Probes are neither logged nor counted as requests of clients.
 */
async function answerProbe(
  { method = '' }: IncomingMessage,
  response: ServerResponse,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const reply = (status: number, body: string, headers = {}): void =>
    writeReply(response, { status, body, headers: { ...PROBE_HEADERS, ...headers } });
  if (!PROBE_METHODS.has(method)) return reply(405, 'method not allowed\n', { allow: 'GET, HEAD' });
  // Readiness that cannot be found out is not readiness.
  const ready = await isReady().catch(() => false);
  if (ready) reply(200, 'ready\n');
  else reply(503, 'not ready\n', { 'retry-after': '1' });
}

/** A stream of notifications, which a GET opens in the 2025 protocols. */
function isStream({ method }: HttpExchange, parsed: unknown): boolean {
  return method === 'GET' || hasMethod(parsed, (each) => each === 'subscriptions/listen');
}

/** A GET opens a stream of notifications, unless its client comes back for the answer of a call. */
function isNewWork(exchange: HttpExchange, parsed: unknown): boolean {
  return exchange.method === 'GET' ? !resumesCall(exchange) : hasMethod(parsed, beginsWork);
}

function resumesCall(exchange: HttpExchange): boolean {
  return exchange.method === 'GET' && isOfCall(exchange.header('last-event-id'));
}

/** Gives the exchange its caller, or refuses it. Its body is not read before. */
async function isLetIn(exchange: HttpExchange, authentication: Authentication): Promise<boolean> {
  const verdict = await authentication.authenticate(exchange);
  if ('refused' in verdict) {
    await refuse(exchange, { code: REFUSED, ...verdict.refused });
    return false;
  }
  exchange.caller = verdict.caller;
  exchange.whenAnswered(authentication.hide(verdict.caller));
  exchange.accessEndsAt = verdict.endsAt;
  exchange.secretHeaders = authentication.secretHeaders;
  Object.assign(exchange.access ?? {}, { user: verdict.caller.userId ?? undefined });
  return true;
}

function scopeOf(request: Request | undefined): MessageScope {
  if (request instanceof ExchangeRequest) return request.exchange;
  return { splices: new ResultSplices(), whenAnswered: (listener) => listener() };
}

/** Lets the page behind an `Origin` that has passed the guard read the response. */
function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', 'mcp-session-id, mcp-protocol-version, www-authenticate');
  response.setHeader('vary', 'origin');
}

/** Answers the request that a browser sends before the request itself. */
function answerPreflight({ headers }: IncomingMessage, response: ServerResponse): void {
  // A client of 2026-07-28 repeats arguments in headers, whose names are those of the project.
  const asked = String(headers['access-control-request-headers'] ?? '').toLowerCase();
  const ofArguments = asked.match(/\bmcp-param-[\w.-]+/g) ?? [];
  response.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
  response.setHeader('access-control-allow-headers', ['authorization', ...MCP_HEADERS, ...ofArguments].join(', '));
  response.setHeader('access-control-max-age', '600');
  response.writeHead(204).end();
}

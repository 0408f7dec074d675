import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Authentication } from '../../auth/index.js';
import {
  answerRoute,
  bindHttpServers,
  clientBehindProxy,
  ClientGone,
  headerValues,
  hostOf,
  isLoopbackHost,
  parseRequestTarget,
  portOf,
  RequestGuard,
  type WebRoute,
  writeReply,
} from '../../http/index.js';
import { GROUP_NAME } from '../../config/index.js';
import type { ErrorCode } from '../../errors/index.js';
import { within } from '../../lifecycle/index.js';
import { LimitedLog, type Logger } from '../../logging/index.js';
import { AccessLog } from '../access-log.js';
import { callsOfGroup } from '../group-options.js';
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
  hasMethod,
  methodOf,
  readMessageBody,
  refuse,
  refusedIdOf,
  sendResponse,
  withRequestId,
} from './http-exchange.js';
import { isOfCall, type KeptStreamLimits } from './kept-streams.js';
import { allowOrigin, answerPreflight, answerProbe, NOT_FOUND } from './beside-mcp.js';
import { GroupRouters } from './group-routers.js';
import { LegacySessions } from './legacy-sessions.js';
import { MessageRouter } from './message-router.js';
import { CLOSING, DRAINING, INTERNAL_ERROR, METHOD_NOT_ALLOWED, type Refusal, REFUSED, TWO_HOSTS } from './refusals.js';

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

/** All endpoints, or those of one group. */
const MCP_PATH = new RegExp(`^/mcp(?:/(${GROUP_NAME}))?/?(?:\\?|$)`);
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
  readonly #sessions: LegacySessions;
  readonly #router: MessageRouter;
  /** Made when a client first asks for a group. */
  #groups: GroupRouters | undefined;
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
    const { maxSessions = MAX_SESSIONS, sessionIdleMs = SESSION_IDLE_MS } = options;
    const { keptStreams } = options;
    this.#sessions = new LegacySessions({ maxSessions, sessionIdleMs, keptStreams, logger: this.#logger });
    this.#router = this.#createRouter(undefined);
    this.#updates = new ResourceUpdates(options.calls, this.#logger, async (isUpdated) => {
      await Promise.all([
        this.#router.notifyResourcesUpdated(isUpdated),
        this.#groups?.notifyResourcesUpdated(isUpdated),
      ]);
    });
  }

  #createRouter(group: string | undefined): MessageRouter {
    const options = { ...this.#options, group, logger: this.#logger };
    const calls = group === undefined ? options.calls : callsOfGroup(options.calls, group);
    return new MessageRouter({
      group,
      createServer: createMcpServerFactory({
        ...options,
        refusals: this.#refusals,
        scopeOf: ({ http }) => scopeOf(http?.req),
      }),
      stateless: options.stateless,
      sessions: this.#sessions,
      logger: this.#logger,
      mayRead: (exchange, uri) => calls.endpoints.declaredUri(uri, callerOf(exchange)) !== undefined,
    });
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
    await Promise.all([this.#router.notifyListChanged(changes), this.#groups?.notifyListChanged(changes)]);
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
    await Promise.all([this.#router.closeStreams(), this.#groups?.closeStreams()]);
    await this.#settled(deadlineMs);
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const exchange of this.#running.keys()) exchange.abort();
    await Promise.all([this.#router.close(), this.#groups?.close(), this.#sessions.close()]);
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
    takeAuthority(incoming);
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
    const [path, group] = MCP_PATH.exec(incoming.url ?? '') ?? [];
    if (path === undefined || (group !== undefined && !this.#hasGroups)) {
      const route = authentication?.routeAt(incoming.url?.split('?', 1)[0] ?? '');
      return route === undefined ? writeReply(response, NOT_FOUND) : this.#answerBeside(route, incoming, exchange);
    }
    exchange.group = group;
    if (group !== undefined) Object.assign(exchange.access ?? {}, { group });
    if (headerValues(incoming, 'host').length > 1) return refuse(exchange, TWO_HOSTS);
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
    const router = exchange.group === undefined ? this.#router : this.#groupRouters.find(exchange.group);
    if (!(router instanceof MessageRouter)) {
      this.#report(exchange, { code: 'group_not_found', reason: router.message }, body.parsed);
      return refuse(exchange, { ...router, id });
    }
    if (exchange.caller !== undefined && isStream(exchange, body.parsed)) this.#endWithAccess(exchange);
    exchange.awaitAnswer();
    const answer = router.route(exchange.toWebRequest(), body.parsed);
    const response = await within(answer, exchange.signal);
    if (response !== undefined && response.status !== 499)
      return sendResponse(this.#withStepUp(await withRequestId(response, id), exchange), exchange);
    // Nothing was answered: the client is gone, or the deadline of a shutdown has passed.
    await refuse(exchange, { ...CLOSING, id });
  }

  /** Before a client has asked for one, a path of a group is as any other while there are none. */
  get #hasGroups(): boolean {
    return this.#groups !== undefined || this.#options.calls.groups !== undefined;
  }

  get #groupRouters(): GroupRouters {
    const { calls } = this.#options;
    this.#groups ??= new GroupRouters({ calls, createRouter: (group) => this.#createRouter(group) });
    return this.#groups;
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
    const { caller, client, group } = exchange;
    const from = { surface: 'http', caller, client, group, sessionId: exchange.header('mcp-session-id') } as const;
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

/** A target such as `http://host/mcp` wins over the header `Host` (RFC 9112, 3.2.2). Proxies send it. */
function takeAuthority(incoming: IncomingMessage): void {
  const { path, search, authority } = parseRequestTarget(incoming.url ?? '') ?? {};
  if (authority === undefined) return;
  incoming.headers.host = authority;
  incoming.url = search === '' ? path : `${path}?${search}`;
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

import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { type BodyOf, type RouteContract, type RouteName, ROUTES, toWire } from '../contract/index.js';
import { isExecutionFailure, MxcpError, nearestName, toMxcpError } from '../errors/index.js';
import {
  type Connection,
  headerValues,
  hostnameOf,
  isLoopbackHost,
  parseRequestTarget,
  readBody,
  type Reply,
  UNFRAMED_HEADERS,
  writeReply,
} from '../http/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { EventStreams, StreamReply } from './event-stream.js';
import { AnswerError, type RouteHandlers } from './route-answers.js';

export interface RouterLimits {
  readonly bodyBytes: number;
  /** Pipelined requests of one connection that are answered at the same time. */
  readonly requestsPerConnection: number;
}

export interface AdminRouterOptions {
  readonly handlers: RouteHandlers;
  readonly access: SocketAccess;
  /** What shows that a request comes from the user of the server. */
  readonly ownerToken: string;
  /** Whether errors show their details. */
  readonly debug: boolean;
  readonly limits: RouterLimits;
  readonly streams: EventStreams;
  /** Learns of requests that may not be made in this way, or not by their sender. `request` is as it was sent. */
  readonly onRefused?: ((request: string, error: MxcpError) => void) | undefined;
  readonly logger: Logger;
  /** Redacts error texts: an error may quote what it failed on. */
  readonly scrubber: Scrubber;
}

/** Which routes a socket serves: all of them, or only those of probes. */
export type SocketAccess = 'full' | 'probe';

const DEFAULT_RETRY_SECONDS = 1;

/** Answers the requests of one socket from the table of routes. */
export class AdminRouter {
  readonly #options: AdminRouterOptions;

  constructor(options: AdminRouterOptions) {
    this.#options = options;
  }

  /** Never rejects: every failure is an answer. */
  readonly answer = async (
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
  ): Promise<void> => {
    let reply: Reply;
    try {
      const made = await this.#dispatch(request, connection);
      if ('open' in made) return this.#options.streams.open(made, response, connection.gone);
      reply = made;
    } catch (thrown) {
      reply = this.refusal(thrown);
    }
    // The server closes.
    if (connection.gone.aborted) response.setHeader('Connection', 'close');
    writeReply(response, reply);
  };

  /** The one place where an error becomes an answer of the admin API. */
  refusal(thrown: unknown): Reply {
    const { debug, logger, scrubber } = this.#options;
    const error = toMxcpError(thrown);
    const { httpStatus: status, retryAfterSeconds = DEFAULT_RETRY_SECONDS } = error;
    // A failed call is in the log already.
    if (status === 500 && !isExecutionFailure(error.code)) logger.error({ err: thrown }, 'an admin request failed');
    const detail = debug && error.detail !== undefined ? { detail: scrubber.scrub(error.detail) } : {};
    const { fields, headers } = error instanceof AnswerError ? error : { fields: {}, headers: {} };
    // Who may use this socket may see class and place of an exception, which MCP clients do not get.
    const body = { error: error.code, message: scrubber.scrub(error.logMessage), ...detail, ...fields };
    return toReply(status, body, {
      ...(status === 503 || status === 429 ? { 'Retry-After': String(retryAfterSeconds) } : {}),
      ...headers,
    });
  }

  async #dispatch(request: IncomingMessage, { gone, answering }: Connection): Promise<Reply | StreamReply> {
    const { limits } = this.#options;
    if (answering.size > limits.requestsPerConnection) throw tooManyRequests();
    const { name, pathParameters, search } = this.#admit(request);
    const { bodyBytes = limits.bodyBytes }: RouteContract = ROUTES[name];
    const body = hasBody(request) ? await readRequestBody(request, bodyBytes) : NO_BODY;
    return this.#call(name, { search, pathParameters, body, request, gone });
  }

  /** The route of a request that may be made. */
  #admit(request: IncomingMessage): RouteMatch & { readonly search: string } {
    const { access, ownerToken, onRefused } = this.#options;
    try {
      const target = parseRequestTarget(request.url ?? '');
      if (target === undefined) throw new MxcpError('bad_request', NO_TARGET);
      const { path, search, authority } = target;
      assertLocalCaller({
        httpVersion: request.httpVersion,
        host: headerValues(request, 'host'),
        origin: headerValues(request, 'origin'),
        referer: headerValues(request, 'referer'),
        fetchSite: headerValues(request, 'sec-fetch-site'),
        authority,
      });
      const match = matchRoute(request.method ?? '', path, access);
      const { owner }: RouteContract = ROUTES[match.name];
      if (owner === true) assertOwner(headerValues(request, 'authorization'), ownerToken);
      return { ...match, search };
    } catch (thrown) {
      const error = toMxcpError(thrown);
      const [path] = (request.url ?? '').split('?', 1);
      if (REPORTED.has(error.code)) onRefused?.(`${request.method} ${path}`, error);
      throw thrown;
    }
  }

  async #call<Name extends RouteName>(name: Name, input: RouteInput): Promise<Reply | StreamReply> {
    const route: RouteContract = ROUTES[name];
    const handler: RouteHandlers[Name] = this.#options.handlers[name];
    const made = await handler({
      query: parseQuery<(typeof ROUTES)[Name]['query']>(route.query, route.tag === 'probes' ? '' : input.search),
      // The schema is that of this route.
      body: (route.body === undefined ? undefined : parseBody(route.body, input.body)) as BodyOf<Name>,
      pathParameters: input.pathParameters,
      fromCli: headerValues(input.request, 'user-agent')[0]?.startsWith('mxcp-cli/') === true,
      header: (header) => headerValues(input.request, header)[0],
      signal: input.gone,
    });
    if ('open' in made) return made;
    const { status, body, headers } = made;
    if (route.responses[status]?.empty === true)
      return { status, body: '', headers: { ...UNFRAMED_HEADERS, ...headers } };
    if (typeof body === 'string') return { status, body, headers: { ...UNFRAMED_HEADERS, ...headers } };
    return toReply(status, toWire(route.responses[status].schema, body), headers);
  }
}

/** Requests of those who may not make them; the others are mistakes. */
const REPORTED: ReadonlySet<string> = new Set(['forbidden_origin', 'owner_only', 'read_only_socket']);

interface RouteInput {
  readonly search: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly request: IncomingMessage;
  readonly gone: AbortSignal;
}

const JSON_HEADERS = { 'Content-Type': 'application/json', ...UNFRAMED_HEADERS };

function toReply(status: number, body: unknown, headers?: Readonly<Record<string, string>>): Reply {
  return {
    status,
    body: `${JSON.stringify(body)}\n`,
    headers: headers === undefined ? JSON_HEADERS : { ...JSON_HEADERS, ...headers },
  };
}

/** Throws `owner_only`. */
function assertOwner([given = '']: readonly string[], token: string): void {
  const expected = Buffer.from(`Bearer ${token}`);
  const sent = Buffer.from(given);
  if (sent.length === expected.length && timingSafeEqual(sent, expected)) return;
  throw new MxcpError(
    'owner_only',
    'this route is only for the user who runs the server; send the token of the `.mxcp-owner` file beside the database as `Authorization: Bearer <token>`',
  );
}

function tooManyRequests(): MxcpError {
  return new MxcpError('server_busy', 'too many unanswered requests on this connection; read their responses first', {
    retryAfterSeconds: 1,
  });
}

const NO_TARGET = 'the request target must be a path such as /status, or an http:// URL with one';

/** The headers by which a browser shows which page is behind a request. */
export interface CallerHeaders {
  readonly httpVersion: string;
  /** Every value that was sent, in order. */
  readonly host: readonly string[];
  readonly origin: readonly string[];
  readonly referer: readonly string[];
  /** What browsers say of the page, also of one that hides its address. */
  readonly fetchSite: readonly string[];
  /** The host of a request target in absolute form. */
  readonly authority: string | undefined;
}

/**
 * Refuses what the page of another site may have made a browser send to a local server. A host must be a loopback address or a
 * name without a dot: no public name is one, so no such page can have it. Throws `bad_request` and `forbidden_origin`.
 */
export function assertLocalCaller(caller: CallerHeaders): void {
  const { httpVersion, host, origin, referer, fetchSite, authority } = caller;
  if (host.length > 1) throw new MxcpError('bad_request', 'the request has more than one Host header');
  if (host.length === 0 && httpVersion === '1.1') {
    throw new MxcpError('bad_request', 'the request has no Host header, which HTTP/1.1 requires');
  }
  for (const name of authority === undefined ? host : [...host, authority]) {
    if (!isLocalHost(name)) throw foreign('Host', name);
  }
  for (const page of origin) if (!isOwnPage(page, host[0])) throw foreign('Origin', page);
  for (const page of referer) if (!isOwnPage(page, host[0])) throw foreign('Referer', page);
  const otherSite = fetchSite.find((site) => !['same-origin', 'none'].includes(site.trim()));
  if (otherSite !== undefined) throw foreign('Sec-Fetch-Site', otherSite);
}

function isLocalHost(host: string): boolean {
  const name = hostnameOf(host.trim());
  return name !== undefined && (/^[\w-]*$/.test(name) || isLoopbackHost(name));
}

function isOwnPage(page: string, host = ''): boolean {
  const own = host === '' ? undefined : originOf(`http://${host}`);
  return own !== undefined && originOf(page) === own;
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function foreign(header: string, value: string): MxcpError {
  return new MxcpError(
    'forbidden_origin',
    `${header} ${JSON.stringify(value.slice(0, 100))} may not use the admin API; use http://localhost and no page of another site`,
  );
}

interface RouteMatch {
  readonly name: RouteName;
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface RoutePattern {
  readonly name: RouteName;
  readonly route: RouteContract;
  readonly methods: readonly string[];
  /** Of a path with parameters. */
  readonly pattern: RegExp | undefined;
}

const ROUTE_PATTERNS: readonly RoutePattern[] = Object.entries<RouteContract>(ROUTES).map(([name, route]) => ({
  // Object.entries widens the keys of the table to string.
  name: name as RouteName,
  route,
  methods: route.method === 'GET' ? ['GET', 'HEAD'] : [route.method],
  pattern: route.path.includes('{')
    ? new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)
    : undefined,
}));

/** Throws `route_not_found`, `read_only_socket`, and `method_not_allowed` with `Allow`. */
export function matchRoute(method: string, path: string, access: SocketAccess): RouteMatch {
  const candidates = ROUTE_PATTERNS.filter(({ route, pattern }) => pattern?.test(path) ?? route.path === path);
  const match = candidates.find(({ methods }) => methods.includes(method));
  if (access === 'probe' && match?.route.probe !== true) {
    throw new MxcpError(
      'read_only_socket',
      'the probe socket answers only GET requests for probes; use the admin socket',
    );
  }
  if (candidates.length === 0) throw routeNotFound(path);
  if (match !== undefined) return { name: match.name, pathParameters: match.pattern?.exec(path)?.groups ?? {} };
  const allowed = candidates.flatMap(({ methods }) => methods).join(', ');
  throw new AnswerError('method_not_allowed', `this route does not allow ${method}; use ${allowed}`, {
    headers: { Allow: allowed },
  });
}

function routeNotFound(path: string): MxcpError {
  const nearest = nearestName(
    path,
    ROUTE_PATTERNS.map(({ route }) => route.path),
  );
  const advice =
    nearest === undefined ? 'GET /openapi.json lists the routes' : `did you mean ${JSON.stringify(nearest)}?`;
  return new MxcpError('route_not_found', `no route ${JSON.stringify(path.slice(0, 100))}; ${advice}`);
}

const NO_BODY = Buffer.alloc(0);

function hasBody(request: IncomingMessage): boolean {
  return [...headerValues(request, 'content-length'), ...headerValues(request, 'transfer-encoding')].length > 0;
}

/** Throws `body_too_large`, and `bad_request` when the caller goes away in the middle. */
async function readRequestBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const body = await readBody(request, { bytes: limitBytes }).catch((cause: unknown) => {
    throw new MxcpError('bad_request', 'the body of the request did not arrive whole', { cause });
  });
  if (body !== undefined) return body;
  throw new MxcpError('body_too_large', `the body is larger than ${limitBytes / 1024} KiB`);
}

/** Throws `bad_request` for an option that the route does not have, that is given twice, or that has a value it cannot have. */
export function parseQuery<S extends z.ZodObject>(schema: S, search: string): z.infer<S> {
  // No option is required, and an answer to a probe should not cost a parse.
  if (search === '') return {} as z.infer<S>;
  const given: Record<string, string> = {};
  const known = Object.keys(schema.shape);
  for (const [name, value] of new URLSearchParams(search)) {
    if (!known.includes(name)) throw unknownName('query option', name, known);
    if (Object.hasOwn(given, name)) {
      throw new MxcpError('bad_request', `query option "${name}" is given twice; give it once`);
    }
    given[name] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new MxcpError('bad_request', `query option "${String(issue?.path[0])}" ${issue?.message}`);
}

/** Reads the body of a route that takes one. Nothing and `{}` are the same. Throws `bad_request`. */
function parseBody(schema: z.ZodObject, body: Buffer): Readonly<Record<string, unknown>> {
  const text = decodeBody(body);
  const value = text.trim() === '' ? {} : parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MxcpError('bad_request', 'the body must be a JSON object, or empty');
  }
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('body field', unknown, known);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new MxcpError('bad_request', `body field "${issue?.path.join('.')}": ${issue?.message}`);
}

function decodeBody(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new MxcpError('bad_request', 'the body is not UTF-8', { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MxcpError('bad_request', 'the body is not valid JSON; send a JSON object, or nothing', { cause });
  }
}

function unknownName(what: string, name: string, known: readonly string[]): MxcpError {
  const nearest = nearestName(name, known);
  const taken = known.length === 0 ? 'this route takes none' : `this route takes ${known.join(', ')}`;
  const advice = nearest === undefined ? taken : `did you mean "${nearest}"?`;
  return new MxcpError('bad_request', `unknown ${what} ${JSON.stringify(name.slice(0, 100))}; ${advice}`);
}

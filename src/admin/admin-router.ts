import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import { type RouteContract, type RouteName, ROUTES, toWire } from '../contract/index.js';
import { MxcpError, nearestName, toMxcpError } from '../errors/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { assertTrustedCaller } from './caller-guard.js';
import { AnswerError, type RouteHandlers } from './route-handlers.js';

export interface AdminRouterOptions {
  readonly handlers: RouteHandlers;
  readonly access: SocketAccess;
  readonly errors: ErrorOutput;
  readonly bodyLimitBytes: number;
  readonly logger: Logger;
}

/** Answers requests of one socket from the table of routes. */
export class AdminRouter {
  readonly #options: AdminRouterOptions;

  constructor(options: AdminRouterOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever goes wrong is an answer. `signal` is aborted when nobody waits for it any more. */
  async answer(request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
    try {
      return await this.#dispatch(request, signal);
    } catch (thrown) {
      return this.refuse(thrown);
    }
  }

  /** The answer for a request that does not get as far as a route. */
  refuse(thrown: unknown): Reply {
    const reply = toErrorReply(thrown, this.#options.errors);
    if (reply.status === 500) this.#options.logger.error({ err: thrown }, 'an admin request failed');
    return reply;
  }

  async #dispatch(request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
    const target = parseRequestTarget(request.url ?? '');
    const headers = request.headersDistinct;
    assertTrustedCaller({
      httpVersion: request.httpVersion,
      host: headers['host'] ?? [],
      origin: headers['origin'] ?? [],
      referer: headers['referer'] ?? [],
      authority: target.authority,
    });
    const { name, route, pathParameters } = matchRoute(
      request.method ?? '',
      target.path,
      this.#options.access,
    );
    const body = await readRequestBody(request, this.#options.bodyLimitBytes);
    if (route.body !== undefined) checkBody(route.body, body);
    return this.#call(name, { search: target.search, pathParameters, request, signal });
  }

  async #call<Name extends RouteName>(name: Name, input: CallInput): Promise<Reply> {
    const handler: RouteHandlers[Name] = this.#options.handlers[name];
    const { query, responses }: RouteContract = ROUTES[name];
    const { status, body, headers } = await handler({
      query: parseQuery<(typeof ROUTES)[Name]['query']>(query, input.search),
      pathParameters: input.pathParameters,
      fromCli: (input.request.headers['user-agent'] ?? '').startsWith('mxcp-cli/'),
      signal: input.signal,
    });
    return { status, body: toWire(responses[status].schema, body), headers };
  }
}

interface CallInput {
  readonly search: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly request: IncomingMessage;
  readonly signal: AbortSignal;
}

/** What a route or an error answers with, before it is bytes. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Writes the answer of a request; does nothing when the caller is gone. `lastOne` ends the connection after it. */
export function writeReply(response: ServerResponse, reply: Reply, lastOne: boolean): void {
  if (response.destroyed || response.headersSent) return;
  const body = toBody(reply);
  response.writeHead(reply.status, {
    ...toHeaders(reply, body),
    ...(lastOne ? { Connection: 'close' } : {}),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** The same answer for bytes that never became a request. */
export function toRawReply(reply: Reply): string {
  const body = toBody(reply);
  const headers = Object.entries({ ...toHeaders(reply, body), Connection: 'close' });
  return [
    `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
}

function toBody(reply: Reply): string {
  return `${JSON.stringify(reply.body)}\n`;
}

function toHeaders(reply: Reply, body: string): Record<string, string | number> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...reply.headers,
  };
}

/**
 * Reads the whole body. What is over the limit is read on and thrown away, so that a caller that is still sending gets
 * to see the answer. Throws `body_too_large`, and `bad_request` when the caller goes away in the middle.
 */
export async function readRequestBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(request, limitBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving a plain `for await` would destroy the connection. Without an encoding chunks are Buffers; the type says any.
    const received: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of received) {
      size += chunk.length;
      if (size > limitBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new MxcpError('bad_request', 'the body of the request did not arrive whole', { cause });
  }
  if (size > limitBytes) throw tooLarge(request, limitBytes);
  return Buffer.concat(chunks);
}

function tooLarge(request: IncomingMessage, limitBytes: number): MxcpError {
  request.resume();
  return new MxcpError('body_too_large', `the body is larger than ${limitBytes / 1024} KiB`);
}

/** Throws `bad_request` for an option that the route does not have, stands twice, or has a value it cannot have. */
export function parseQuery<S extends z.ZodObject>(schema: S, search: string): z.infer<S> {
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

/**
 * Checks the body of a route that takes one. Nothing and `{}` are the same. Throws `bad_request`.
 */
export function checkBody(schema: z.ZodObject, body: Buffer): void {
  const text = decodeBody(body);
  if (text.trim() === '') return;
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MxcpError('bad_request', 'the body must be a JSON object, or empty');
  }
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('body field', unknown, known);
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
    throw new MxcpError('bad_request', 'the body is not valid JSON; send a JSON object, or nothing', {
      cause,
    });
  }
}

function unknownName(what: string, name: string, known: readonly string[]): MxcpError {
  const nearest = nearestName(name, known);
  const taken = known.length === 0 ? 'this route takes none' : `this route takes ${known.join(', ')}`;
  const advice = nearest === undefined ? taken : `did you mean "${nearest}"?`;
  return new MxcpError('bad_request', `unknown ${what} ${JSON.stringify(name.slice(0, 100))}; ${advice}`);
}

export interface ErrorOutput {
  readonly debug: boolean;
  /** The net under the error texts: an error may quote what it failed on. */
  readonly scrubber: Scrubber;
}

const DEFAULT_RETRY_SECONDS = 1;

/** The one place where an error becomes an answer of the admin API. */
export function toErrorReply(thrown: unknown, output: ErrorOutput): Reply {
  const error = toMxcpError(thrown);
  const status = error.httpStatus;
  const retryAfter = String(error.retryAfterSeconds ?? DEFAULT_RETRY_SECONDS);
  const shown = output.debug ? error.detail : undefined;
  return {
    status,
    body: {
      error: error.code,
      message: output.scrubber.scrub(error.message),
      ...(shown === undefined ? {} : { detail: output.scrubber.scrub(shown) }),
      ...(error instanceof AnswerError ? error.fields : {}),
    },
    headers: {
      ...(status === 503 ? { 'Retry-After': retryAfter } : {}),
      ...(error instanceof AnswerError ? error.headers : {}),
    },
  };
}

/** Which routes a socket serves: all of them, or only what a probe needs. */
export type SocketAccess = 'full' | 'probe';

export interface RouteMatch {
  readonly name: RouteName;
  readonly route: RouteContract;
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly name: RouteName;
  readonly route: RouteContract;
  readonly segments: readonly string[];
}

const COMPILED: readonly CompiledRoute[] = Object.entries<RouteContract>(ROUTES).map(([name, route]) => ({
  // Object.entries widens the keys of the table to string.
  name: name as RouteName,
  route,
  segments: route.path.split('/'),
}));

/** Throws `route_not_found`, `read_only_socket`, and `method_not_allowed` with `Allow`. */
export function matchRoute(method: string, path: string, access: SocketAccess): RouteMatch {
  const candidates = COMPILED.flatMap((compiled) => {
    const pathParameters = matchSegments(compiled.segments, path.split('/'));
    return pathParameters === undefined ? [] : [{ ...compiled, pathParameters }];
  });
  const match = candidates.find(({ route }) => methodsOf(route).includes(method));
  if (access === 'probe' && match?.route.probe !== true) {
    throw new MxcpError(
      'read_only_socket',
      'the probe socket serves GET of the probes only; use the admin socket',
    );
  }
  if (candidates.length === 0) throw routeNotFound(path);
  if (match !== undefined) return match;
  const allowed = candidates.flatMap(({ route }) => methodsOf(route)).join(', ');
  throw new AnswerError('method_not_allowed', `${method} is not a method of this route; it has ${allowed}`, {
    headers: { Allow: allowed },
  });
}

function methodsOf(route: RouteContract): readonly string[] {
  return route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
}

function matchSegments(
  pattern: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of pattern.entries()) {
    const value = given[index] ?? '';
    if (segment.startsWith('{') && value !== '') parameters[segment.slice(1, -1)] = value;
    else if (segment !== value) return undefined;
  }
  return parameters;
}

function routeNotFound(path: string): MxcpError {
  const nearest = nearestName(
    path,
    COMPILED.map(({ route }) => route.path),
  );
  const advice =
    nearest === undefined ? 'GET /openapi.json lists the routes' : `did you mean ${JSON.stringify(nearest)}?`;
  return new MxcpError('route_not_found', `no route ${JSON.stringify(path.slice(0, 100))}; ${advice}`);
}

export interface RequestTarget {
  /** As it was sent: nothing is decoded or normalised, so `/../health` and `/%68ealth` are simply unknown. */
  readonly path: string;
  /** Without the question mark. */
  readonly search: string;
  /** Of the absolute form (`GET http://localhost/health`), which proxies send. */
  readonly authority: string | undefined;
}

/** Throws `bad_request` for a target that is neither a path nor an `http://` URL. */
export function parseRequestTarget(url: string): RequestTarget {
  const absolute = /^http:\/\/([^/?#]*)(.*)$/is.exec(url);
  const rest = absolute === null ? url : absolute[2] || '/';
  if (!rest.startsWith('/') && !(absolute !== null && rest.startsWith('?'))) {
    throw new MxcpError(
      'bad_request',
      'the request target must be a path such as /status, or an http:// URL with one',
    );
  }
  const mark = rest.indexOf('?');
  const path = mark === -1 ? rest : rest.slice(0, mark);
  return {
    path: path === '' ? '/' : path,
    search: mark === -1 ? '' : rest.slice(mark + 1),
    authority: absolute?.[1],
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from './http-server.js';

/** A path that a listener answers beside its own, with the request and the response of the web. */
export interface WebRoute {
  /** Compared with the path of the request as it was sent, without the query. */
  readonly path: string;
  /** `HEAD` is answered where `GET` is. */
  readonly methods: readonly ('GET' | 'POST')[];
  /**
   * Whether pages of any origin may read the answer. It then needs no cookie, and what it answers depends only on what the
   * request itself holds. Otherwise only pages of this server may send more than a link.
   */
  readonly isOpenToPages: boolean;
  readonly answer: (request: WebRequest) => Response | Promise<Response>;
}

export interface WebRequest {
  /** Its URL begins with the public URL of the server, and not with what the client wrote into `Host`. */
  readonly request: Request;
  /** Lower-case, as the client sent it. */
  readonly host: string;
  /** The address that the request came from. */
  readonly client: string | undefined;
}

/** Forms and JSON of OAuth are small. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_DISCARDED_BYTES = 1024 * 1024;
const NO_STORE = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

export interface RouteContext {
  /** Of this server, without a path. */
  readonly origin: string;
  /** Whether the `Origin` of the request may use this listener. */
  readonly isAllowedOrigin: boolean;
  /** The address that the request came from; the listener knows whether a proxy may say that. */
  readonly client: string | undefined;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** Answers a request by its route. Rejects when the client goes away, and with what the route throws. */
export async function answerRoute(
  route: WebRoute,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { origin, isAllowedOrigin, client, signal }: RouteContext,
): Promise<void> {
  const { method = 'GET', headers } = incoming;
  const open = route.isOpenToPages && headers.origin !== undefined;
  if (open) outgoing.setHeader('access-control-allow-origin', '*');
  if (open && method === 'OPTIONS') {
    outgoing.setHeader('access-control-allow-methods', route.methods.join(', '));
    outgoing.setHeader('access-control-allow-headers', 'authorization, content-type, mcp-protocol-version');
    outgoing.setHeader('access-control-max-age', '600');
    return send(new Response(null, { status: 204 }), incoming, outgoing);
  }
  if (!route.methods.some((allowed) => allowed === method || (allowed === 'GET' && method === 'HEAD')))
    return send(plain(405, { allow: route.methods.join(', ') }), incoming, outgoing);
  if (!route.isOpenToPages && headers.origin !== undefined && headers.origin !== origin && !isAllowedOrigin)
    return send(plain(403), incoming, outgoing);
  const body =
    method === 'POST'
      ? await readBody(incoming, { bytes: MAX_BODY_BYTES, discardedBytes: MAX_DISCARDED_BYTES })
      : Buffer.alloc(0);
  if (body === undefined) return send(plain(413), incoming, outgoing);
  const request = toRequest(incoming, origin, { body, signal });
  await send(await route.answer({ request, host: headers.host?.toLowerCase() ?? '', client }), incoming, outgoing);
}

function toRequest(
  { method = 'GET', url = '/', headers }: IncomingMessage,
  origin: string,
  { body, signal }: { readonly body: Buffer; readonly signal: AbortSignal },
): Request {
  const list = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
  const hasBody = method === 'POST';
  // A target such as `//other.example/` must not become the host.
  return new Request(`${origin}${url}`, { method, headers: list, signal, ...(hasBody && { body }) });
}

function plain(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers });
}

async function send(response: Response, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  if (outgoing.destroyed || outgoing.headersSent) return;
  for (const [name, value] of Object.entries(NO_STORE)) outgoing.setHeader(name, value);
  for (const [name, value] of response.headers) if (name !== 'set-cookie') outgoing.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader('set-cookie', cookies);
  outgoing.setHeader('content-length', body.length);
  outgoing.writeHead(response.status);
  outgoing.end(incoming.method === 'HEAD' ? undefined : body);
}

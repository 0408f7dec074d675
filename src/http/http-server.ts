import { setMaxListeners } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What one client may take. */
export interface HttpLimits {
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How often the three timeouts are checked; also how late they may be. */
  readonly timeoutCheckMs: number;
  readonly connections: number;
}

/** An answer before it is bytes. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Bytes that never become a request, by the status that answers them: 431 for headers over the limit, 408 when they came too slowly. */
export interface BrokenRequest {
  readonly status: 400 | 408 | 431;
  readonly error: NodeJS.ErrnoException;
}

export interface HttpServerOptions {
  readonly limits: HttpLimits;
  readonly nodeOptions?: ServerOptions;
  /** Answers a request. Must neither throw nor reject. */
  readonly onRequest: (
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
  ) => void | Promise<void>;
  readonly onBroken: (broken: BrokenRequest) => Reply;
}

/** One connection, as long as it is open. */
export interface Connection {
  /** Aborts when the connection closes, or when the server does: its calls may wait no longer. */
  readonly gone: AbortSignal;
  /** The responses to its requests that are not complete, in the order of the requests. */
  readonly answering: ReadonlySet<ServerResponse>;
}

interface OpenConnection extends Connection {
  readonly abort: AbortController;
  readonly answering: Set<ServerResponse>;
  /** The listener for the end of its responses: one for all, because each request would otherwise make its own. */
  readonly forget: (this: ServerResponse) => void;
  /** The client sends nothing more. It may still read, or may be gone: only an answer shows which. */
  hasEnded: boolean;
}

const STATUS_OF_BROKEN: Readonly<Record<string, 408 | 431>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** A server of node:http with limits, which knows its connections and ends in an orderly way. The caller binds and closes it. */
export class HttpServer {
  readonly server: Server;
  readonly #options: HttpServerOptions;
  readonly #connections = new Map<Duplex, OpenConnection>();

  constructor(options: HttpServerOptions) {
    const { limits, nodeOptions } = options;
    this.#options = options;
    this.server = createServer({
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      ...nodeOptions,
    });
    // By default Node drops every header after the 2000th, and with it an Origin that comes late. Their size is limited.
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = limits.connections;
    this.server.on('connection', (socket: Socket) => this.#remember(socket));
    this.server.on('request', (request, response) => this.#serve(request, response));
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuseBytes(error, socket));
  }

  /** Aborts the work of all connections and closes those that are not being answered. */
  abortAll(): void {
    for (const [socket, { abort, answering }] of this.#connections) {
      abort.abort();
      if (answering.size === 0) socket.destroy();
    }
  }

  /** Closes connections without a request, and those whose client may be gone. */
  makeRoom(): void {
    this.server.closeIdleConnections();
    for (const [socket, { hasEnded }] of this.#connections) if (hasEnded) socket.destroy();
  }

  /** Accepts nothing more, lets answers that are on their way arrive for this long, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const cut = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  #remember(socket: Socket): void {
    const abort = new AbortController();
    // Each of its waiting requests listens.
    setMaxListeners(0, abort.signal);
    const answering = new Set<ServerResponse>();
    const connection: OpenConnection = {
      abort,
      gone: abort.signal,
      answering,
      forget() {
        answering.delete(this);
      },
      hasEnded: false,
    };
    this.#connections.set(socket, connection);
    socket.once('end', () => {
      connection.hasEnded = true;
    });
    socket.once('close', () => {
      abort.abort();
      this.#connections.delete(socket);
      for (const response of answering) if (response.socket === null) closeUnsent(response);
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return; // closed between the parser and this line
    const { answering, forget } = connection;
    answering.add(response);
    response.on('close', forget);
    // Without a listener, the error of a client that went away would end the process.
    response.on('error', destroySocket);
    void this.#options.onRequest(request, response, connection);
  }

  /** Answers of earlier requests of the connection go out first. */
  #refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
    const unanswered = [...(this.#connections.get(socket)?.answering ?? [])];
    const last = unanswered.filter((response) => response.req.complete).at(-1);
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (last !== undefined) last.once('close', () => socket.destroy());
    else endWith(this.#options.onBroken({ status: STATUS_OF_BROKEN[error.code ?? ''] ?? 400, error }), socket);
  }
}

/** Of answers that nothing may keep, or take for another type than they say. */
export const UNCACHED_HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

/** The same, of answers that no page may show in a frame: secrets never appear in them, but paths and names do. */
export const UNFRAMED_HEADERS = {
  ...UNCACHED_HEADERS,
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Node closes only the response whose turn it is (20.20): those to pipelined requests behind it would wait for ever. */
function closeUnsent(response: ServerResponse): void {
  response.destroy();
  response.emit('close');
}

function destroySocket(this: ServerResponse): void {
  this.req.socket.destroy();
}

/** Writes a reply to a connection that has no response, and ends it. */
export function endWith({ status, headers, body }: Reply, socket: Duplex): void {
  // After a CONNECT, Node no longer listens for errors of the socket, and one without a listener would end the process.
  socket.on('error', () => socket.destroy());
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': Buffer.byteLength(body) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${body}`;
  socket.end(text, () => socket.destroy());
}

/** Writes the answer to a request; does nothing when the client is gone. */
export function writeReply(response: ServerResponse, { status, headers, body }: Reply): void {
  if (response.destroyed || response.headersSent) return;
  // A flat list is what Node writes; an object would be copied and walked once more.
  const list = status === 304 ? [] : ['Content-Length', String(Buffer.byteLength(body))];
  for (const name in headers) list.push(name, headers[name] ?? '');
  response.writeHead(status, list);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

export interface BodyLimits {
  readonly bytes: number;
  /** How much of a body over the limit is read and thrown away before the connection is cut. */
  readonly discardedBytes?: number;
}

/** The client closed the connection before it had sent the whole request or had read the whole answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/**
 * Reads the whole body; undefined as soon as it is known to be over the limit. The rest of it is then read and thrown
 * away, so that a client that is still sending gets to see the answer. Throws `ClientGone`.
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer | undefined> {
  const { bytes: limit, discardedBytes = Infinity } = limits;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    if (Number(request.headers['content-length'] ?? 0) > limit) resolve(undefined);
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      resolve(undefined);
      if (size > discardedBytes) request.destroy();
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', (cause) => reject(new ClientGone(undefined, { cause })));
    request.on('close', () => reject(new ClientGone()));
  });
}

/** The values of a header as they were sent, without the cost of reading all headers. The name is lower-case. */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index];
    if (given?.length === name.length && given.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}

export interface RequestTarget {
  /** As it was sent: nothing is decoded or normalised, so `/../health` and `/%68ealth` are simply unknown. */
  readonly path: string;
  /** Without the question mark. */
  readonly search: string;
  /** Of the absolute form (`GET http://localhost/health`), which proxies send. */
  readonly authority: string | undefined;
}

/** Undefined for a target that is neither a path nor an `http://` URL. */
export function parseRequestTarget(url: string): RequestTarget | undefined {
  const absolute = url.startsWith('/') ? null : /^http:\/\/([^/?#]*)(.*)$/is.exec(url);
  const rest = absolute === null ? url : absolute[2] || '/';
  if (!rest.startsWith('/') && !(absolute !== null && rest.startsWith('?'))) return undefined;
  const question = rest.indexOf('?');
  const path = question === -1 ? rest : rest.slice(0, question);
  return {
    path: path === '' ? '/' : path,
    search: question === -1 ? '' : rest.slice(question + 1),
    authority: absolute?.[1],
  };
}

export interface GuardOptions {
  /** The address the listener is bound to, as configured. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/**
 * Refuses what a page may have made a browser send to a server on the network (DNS rebinding, cross-site requests). Loopback
 * hosts are always allowed. A listener bound to loopback allows no others but `allowedHosts`; one bound to more allows all
 * others unless `allowedHosts` names some.
 */
export class RequestGuard {
  readonly #anyHost: boolean;
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #allowedOrigins: ReadonlySet<string>;

  constructor(options: GuardOptions) {
    this.#anyHost = options.allowedHosts.length === 0 && !isLoopbackHost(options.host);
    this.#allowedHosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
    this.#allowedOrigins = new Set(options.allowedOrigins.map(normalizedOrigin));
  }

  /** What is wrong with the request, or undefined. */
  refusalOf({ host = '', origin }: Pick<IncomingHttpHeaders, 'host' | 'origin'>): string | undefined {
    if (!this.#allowsHost(host)) return 'This server does not answer to that Host';
    if (origin !== undefined && !this.#allowsOrigin(origin, host)) return 'This Origin is not allowed';
    return undefined;
  }

  #allowsHost(host: string): boolean {
    const name = hostnameOf(host);
    if (name === undefined || name === '') return false;
    if (this.#anyHost || isLoopbackHost(name)) return true;
    return this.#allowedHosts.has(name) || this.#allowedHosts.has(host.toLowerCase());
  }

  /** A page from this machine may use a server on this machine; any other page must be listed. */
  #allowsOrigin(origin: string, host: string): boolean {
    if (this.#allowedOrigins.has(normalizedOrigin(origin))) return true;
    const page = URL.canParse(origin) ? new URL(origin).hostname : '';
    return isLoopbackHost(page) && isLoopbackHost(hostnameOf(host) ?? '');
  }
}

function normalizedOrigin(origin: string): string {
  return origin.toLowerCase().replace(/\/$/, '');
}

/** The name in a Host header, lower-case and without the port; undefined when it is not one. */
export function hostnameOf(host: string | undefined): string | undefined {
  return /^(\[[\da-f:.]*\]|[\w.-]*)(?::\d{0,5})?$/i.exec(host ?? '')?.[1]?.toLowerCase();
}

/** `localhost`, 127.0.0.0/8 and `::1`, with or without brackets. */
export function isLoopbackHost(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { MxcpError } from '../errors/index.js';
import { type AdminRouter, toRawReply, writeReply } from './admin-router.js';

/** One connection, as long as it is open. Owned by the server's map; its abort ends what waits for its sake. */
interface Connection {
  readonly gone: AbortController;
  readonly answering: Set<ServerResponse>;
  /** The caller sends nothing any more. It may still read, or may be gone: only an answer shows which. */
  hasEnded: boolean;
}

const CODE_OF_CLIENT_ERROR: Readonly<
  Record<string, ['request_timeout' | 'headers_too_large' | 'bad_request', string]>
> = {
  HPE_INVALID_METHOD: ['bad_request', 'this method is none of HTTP, or this is not an HTTP request'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'the headers of the request are too large'],
};

/** The HTTP side of one admin socket: limits, half-sent and broken requests, and an orderly end. */
export class AdminHttpServer {
  /** What the socket is opened with. */
  readonly server: Server;
  readonly #router: AdminRouter;
  readonly #limits: AdminLimits;
  readonly #connections = new Map<Duplex, Connection>();
  #closed: Promise<void> | undefined;

  constructor(router: AdminRouter, limits: AdminLimits) {
    this.#router = router;
    this.#limits = limits;
    this.server = createServer(
      {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveTimeoutMs,
        connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
        // Answered by the router, in our own words.
        requireHostHeader: false,
      },
      (request, response) => void this.#serve(request, response),
    );
    // By default Node drops every header after the 2000th, and with it an Origin that stands there. The size is limited.
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = limits.connections;
    // Node's types do not know it: what ends its side after the request (`nc -N`, `socat`) still gets the answer.
    Object.assign(this.server, { httpAllowHalfOpen: true });
    this.server.on('connection', (socket: Socket) => this.#remember(socket));
    this.server.on('drop', () => this.#makeRoom());
    this.server.on('connect', (_request, socket) => this.#refuse(socket, noTunnel()));
    this.server.on('checkExpectation', (_request, response: ServerResponse) =>
      writeReply(response, this.#router.refuse(unknownExpectation()), true),
    );
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuseBytes(error, socket));
  }

  /**
   * Takes nothing new, lets answers that are on their way arrive for the grace time, then cuts what is left. Waits of
   * callers end at once with `server_closing`.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const [socket, connection] of this.#connections) {
      connection.gone.abort();
      if (connection.answering.size === 0) socket.destroy();
    }
    const cut = setTimeout(() => this.server.closeAllConnections(), this.#limits.closeGraceMs);
    await closed;
    clearTimeout(cut);
  }

  /** There are too many connections: those that nobody uses, or nobody may be there for, end first. */
  #makeRoom(): void {
    this.server.closeIdleConnections();
    for (const [socket, { hasEnded }] of this.#connections) if (hasEnded) socket.destroy();
  }

  #remember(socket: Socket): void {
    const connection: Connection = { gone: new AbortController(), answering: new Set(), hasEnded: false };
    // Each of its waiting requests listens.
    setMaxListeners(this.#limits.requestsPerConnection + 1, connection.gone.signal);
    this.#connections.set(socket, connection);
    socket.once('end', () => {
      connection.hasEnded = true;
    });
    socket.once('close', () => {
      connection.gone.abort();
      this.#connections.delete(socket);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return; // closed between the parser and this line
    connection.answering.add(response);
    response.once('close', () => connection.answering.delete(response));
    // Without a listener the error of a caller that went away would end the process.
    response.on('error', () => request.socket.destroy());
    const busy = connection.answering.size > this.#limits.requestsPerConnection;
    const reply = busy
      ? this.#router.refuse(tooManyRequests())
      : await this.#router.answer(request, connection.gone.signal);
    writeReply(response, reply, this.#closed !== undefined);
  }

  /** For what never became a request with a response. */
  #refuse(socket: Duplex, error: MxcpError): void {
    // Node has let go of the socket of a CONNECT: an error that nobody listens to would end the process.
    socket.on('error', () => socket.destroy());
    socket.end(toRawReply(this.#router.refuse(error)), () => socket.destroy());
  }

  /** Bytes that are no request, or not in time. Answers of earlier requests of the connection go out first. */
  #refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
    const unanswered = [...(this.#connections.get(socket)?.answering ?? [])];
    const last = unanswered.filter((response) => response.req.complete).at(-1);
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
    } else if (last === undefined) {
      const [code, message] = CODE_OF_CLIENT_ERROR[error.code ?? ''] ?? [
        'bad_request',
        'this is not an HTTP request',
      ];
      this.#refuse(socket, new MxcpError(code, message));
    } else {
      last.once('close', () => socket.destroy());
    }
  }
}

function noTunnel(): MxcpError {
  return new MxcpError(
    'bad_request',
    'CONNECT is not a method of this server; GET /openapi.json lists the routes',
  );
}

function unknownExpectation(): MxcpError {
  return new MxcpError('bad_request', 'the only expectation that this server knows is 100-continue');
}

function tooManyRequests(): MxcpError {
  return new MxcpError(
    'server_busy',
    'too many requests of this connection wait for their answers; read those first',
    { retryAfterSeconds: 1 },
  );
}

/** What one caller may take. Small numbers: the callers are a handful of local tools. */
export interface AdminLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connections: number;
  /** Pipelined requests of one connection that are being answered at the same time. */
  readonly requestsPerConnection: number;
  /** How long `close` lets answers that are on their way arrive. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: AdminLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  connections: 64,
  requestsPerConnection: 16,
  closeGraceMs: 1_000,
};

import type { ServerResponse } from 'node:http';
import { MxcpError } from '../errors/index.js';
import { endWith, type HttpLimits, HttpServer, writeReply } from '../http/index.js';
import { Disposer } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { EventStreams, type StreamLimits } from './event-stream.js';
import { AdminRouter, type RouterLimits, type SocketAccess } from './admin-router.js';
import type { AdminPorts, SocketFacts } from './ports.js';
import type { RouteHandlers } from './route-answers.js';
import { createRouteHandlers } from './route-handlers.js';
import { type AdminSocket, type AdminSocketSettings, openAdminSocket } from './socket/admin-socket.js';
import type { Environment } from './socket/socket-path.js';

export interface AdminLimits extends HttpLimits, RouterLimits, StreamLimits {
  /** How long `close` lets answers that are on their way arrive. */
  readonly closeGraceMs: number;
}

/** What one caller may take. Small numbers: the callers are a handful of local tools. */
const DEFAULT_LIMITS: AdminLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  timeoutCheckMs: 1_000,
  connections: 64,
  requestsPerConnection: 16,
  streams: 8,
  streamBufferBytes: 1024 * 1024,
  lastEventMs: 2_000,
  heartbeatMs: 15_000,
  closeGraceMs: 1_000,
};

export interface AdminServerOptions {
  readonly socket: AdminSocketSettings;
  /** A second socket, for probes only. */
  readonly probeSocket?: AdminSocketSettings | undefined;
  readonly ports: AdminPorts;
  /** What shows that a request comes from the user of the server. */
  readonly ownerToken: string;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  /** Whether errors show their details. */
  readonly debug: boolean;
  readonly environment?: Environment;
  readonly limits?: Partial<AdminLimits>;
}

/**
 * Opens the admin socket and, where one is set, the probe socket. Throws what opening a socket throws, after closing what
 * was open; whether the MCP server runs without it is the caller's decision.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = new AdminServer({ ...options, logger: options.logger.child({ component: 'admin' }) });
  try {
    await server.open();
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** The admin API while it can be reached. Owns both sockets and their HTTP servers. */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #handlers: RouteHandlers;
  readonly #limits: AdminLimits;
  readonly #streams: EventStreams;
  readonly #owned = new Disposer();
  readonly #sockets: AdminSocket[] = [];

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#streams = new EventStreams(this.#limits);
    this.#handlers = createRouteHandlers(options.ports, () => this.#facts);
  }

  async open(): Promise<void> {
    const { socket, probeSocket } = this.#options;
    await this.#open('full', socket);
    if (probeSocket !== undefined) await this.#open('probe', probeSocket);
  }

  get paths(): { readonly socket: string; readonly probe: string | null } {
    return { socket: this.#facts.path, probe: this.#facts.probePath };
  }

  get #facts(): SocketFacts {
    const [main, probe] = this.#sockets;
    return { path: main?.path ?? this.#options.socket.path, mode: main?.mode ?? '', probePath: probe?.path ?? null };
  }

  /** Removes the sockets that are still ours, at once, for a process that ends without closing. Throws what prevents it. */
  abandon(): void {
    for (const socket of this.#sockets) socket.dispose();
  }

  /** Removes the sockets that are still ours, lets answers arrive for a moment, and ends. Idempotent. */
  close(): Promise<void> {
    return this.#owned.dispose();
  }

  async #open(access: SocketAccess, settings: AdminSocketSettings): Promise<void> {
    const { logger, environment = process.env } = this.#options;
    const { server } = this.#createHttpServer(access);
    const socket = await openAdminSocket({ server, settings, environment, warn: (message) => logger.warn(message) });
    const name = access === 'full' ? 'admin socket' : 'probe socket';
    this.#sockets.push(socket);
    this.#owned.defer(() => {
      socket.dispose();
      logger.info(`${name} closed: ${socket.path}`);
    });
    logger.info(`${name} listening: ${socket.path} (mode ${socket.mode})`);
  }

  #createHttpServer(access: SocketAccess): HttpServer {
    const { logger, debug, scrubber, ownerToken, ports } = this.#options;
    const limits = this.#limits;
    const onRefused = (request: string, error: MxcpError): void => ports.audit()?.actionRefused(request, error);
    const shared = { handlers: this.#handlers, streams: this.#streams, limits, onRefused };
    const router = new AdminRouter({ ...shared, access, ownerToken, debug, logger, scrubber });
    const http = createAdminHttpServer(router, limits);
    // Steps run in reverse: the path goes first, while the server still listens and no other server can have taken it.
    this.#owned.defer(() => {
      http.abortAll();
      return http.close(limits.closeGraceMs);
    });
    return http;
  }
}

function createAdminHttpServer(router: AdminRouter, limits: AdminLimits): HttpServer {
  const http = new HttpServer({
    limits,
    // The router answers a request without a Host in the words of the contract.
    nodeOptions: { requireHostHeader: false },
    onRequest: router.answer,
    onBroken: ({ status, error }) => router.refusal(brokenRequest(status, error)),
  });
  const { server } = http;
  // Node's types do not know it: a caller that ends its side after the request (`nc -N`, `socat`) still gets the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('drop', () => http.makeRoom());
  server.on('connect', (_request, socket) => endWith(router.refusal(noTunnel()), socket));
  server.on('checkExpectation', (_request, response: ServerResponse) => {
    // Whether a body follows is not known.
    response.setHeader('Connection', 'close');
    writeReply(response, router.refusal(unknownExpectation()));
  });
  return http;
}

function brokenRequest(status: 400 | 408 | 431, { code }: NodeJS.ErrnoException): MxcpError {
  if (status === 408) return new MxcpError('request_timeout', 'the request did not arrive in time');
  if (status === 431) return new MxcpError('headers_too_large', 'the headers of the request are too large');
  const message =
    code === 'HPE_INVALID_METHOD'
      ? 'HTTP does not have this method, or this is not an HTTP request'
      : 'this is not an HTTP request';
  return new MxcpError('bad_request', message);
}

function noTunnel(): MxcpError {
  return new MxcpError('bad_request', 'CONNECT is not a method of this server; GET /openapi.json lists the routes');
}

function unknownExpectation(): MxcpError {
  return new MxcpError('bad_request', 'the only expectation that this server knows is 100-continue');
}

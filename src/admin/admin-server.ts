import { Disposer } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { AdminRouter } from './admin-router.js';
import { AdminHttpServer, type AdminLimits, DEFAULT_LIMITS } from './http-server.js';
import {
  type AdminPorts,
  createRouteHandlers,
  type RouteHandlers,
  type SocketFacts,
} from './route-handlers.js';
import { type AdminSocket, type AdminSocketSettings, openAdminSocket } from './socket/admin-socket.js';
import type { Environment } from './socket/socket-path.js';

export interface AdminServerOptions {
  readonly socket: AdminSocketSettings;
  /** A second socket that serves probes only. */
  readonly probeSocket?: AdminSocketSettings | undefined;
  readonly ports: AdminPorts;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  /** Whether errors show their details. */
  readonly debug: boolean;
  readonly environment?: Environment;
  readonly limits?: Partial<AdminLimits>;
}

/** The admin API while it can be reached. */
export interface AdminServer {
  readonly paths: { readonly socket: string; readonly probe: string | null };
  /** Removes the sockets that are still ours, lets answers arrive for a moment, and ends. Idempotent. */
  close(): Promise<void>;
  /** Removes the sockets that are still ours, at once, for a process that ends without closing. Throws what stands in the way. */
  abandon(): void;
}

/**
 * Opens the admin socket and, where one is set, the probe socket. Throws what opening a socket throws, after closing what
 * was open; whether the MCP server runs without it is the caller's decision.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const logger = options.logger.child({ component: 'admin' });
  const opener = new SocketOpener({ ...options, logger });
  try {
    const { path, probePath } = await opener.openAll();
    return {
      paths: { socket: path, probe: probePath },
      close: () => opener.dispose(),
      abandon: () => opener.removeSockets(),
    };
  } catch (error) {
    await opener.dispose();
    throw error;
  }
}

/** Owns both sockets and their HTTP servers. */
class SocketOpener {
  readonly #options: AdminServerOptions;
  readonly #handlers: RouteHandlers;
  readonly #owned = new Disposer();
  readonly #sockets: AdminSocket[] = [];
  #facts: SocketFacts;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#facts = { path: options.socket.path, mode: '', probePath: null };
    this.#handlers = createRouteHandlers(options.ports, () => this.#facts);
  }

  async openAll(): Promise<SocketFacts> {
    const { socket, probeSocket } = this.#options;
    const main = await this.#open('full', socket);
    this.#facts = { path: main.path, mode: main.mode, probePath: null };
    if (probeSocket !== undefined) {
      const probe = await this.#open('probe', probeSocket);
      this.#facts = { ...this.#facts, probePath: probe.path };
    }
    return this.#facts;
  }

  removeSockets(): void {
    for (const socket of this.#sockets) socket.dispose();
  }

  dispose(): Promise<void> {
    return this.#owned.dispose();
  }

  async #open(access: 'full' | 'probe', settings: AdminSocketSettings): Promise<AdminSocket> {
    const { logger, debug, scrubber } = this.#options;
    const limits = { ...DEFAULT_LIMITS, ...this.#options.limits };
    const router = new AdminRouter({
      handlers: this.#handlers,
      access,
      errors: { debug, scrubber },
      bodyLimitBytes: limits.bodyBytes,
      logger,
    });
    const http = new AdminHttpServer(router, limits);
    // Steps run in reverse: the path goes first, while the server still listens and nobody can have taken it.
    this.#owned.defer(() => http.close());
    const socket = await openAdminSocket({
      server: http.server,
      settings,
      environment: this.#options.environment ?? process.env,
      mayBeActivated: access === 'full',
    });
    const name = access === 'full' ? 'admin socket' : 'probe socket';
    this.#sockets.push(socket);
    this.#owned.defer(() => {
      socket.dispose();
      logger.info(`${name} closed: ${socket.path}`);
    });
    logger.info(`${name} listening: ${socket.path} (mode ${socket.mode})`);
    return socket;
  }
}

import type { IncomingMessage, Server } from 'node:http';
import { messageOf } from '../errors/index.js';
import {
  bindHttpServers,
  type Connection,
  isLoopbackHost,
  portOf,
  type Reply,
  RequestGuard,
  UNCACHED_HEADERS,
  writeReply,
} from '../http/index.js';
import { type Disposable, within } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import type { Exposition } from './exposition.js';

export interface MetricsListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Called with the `Accept` header of a request. */
  readonly expose: (accept: string) => Promise<Exposition>;
  readonly logger: Logger;
  /** How long a client may leave an answer unread. */
  readonly unreadMs?: number;
}

/** Scrapers are few, and each keeps a connection. */
const MAX_CONNECTIONS = 32;
/** Pipelined requests of one connection that are answered at the same time. */
const MAX_ANSWERING = 16;
/** A client that reads nothing for this long would only keep others from a connection. */
const UNREAD_MS = 30_000;
/** How long the end of the server waits for scrapes that are being answered. */
const CLOSE_MS = 250;

const HEADERS = { 'Content-Type': 'text/plain; charset=utf-8', ...UNCACHED_HEADERS };

/** Serves `/metrics` and nothing else over TCP. Throws `port_in_use`, `usage`. The caller disposes the listener. */
export async function startMetricsListener(options: MetricsListenerOptions): Promise<MetricsListener> {
  const listener = new MetricsListener(options);
  await listener.open();
  return listener;
}

export class MetricsListener implements Disposable {
  readonly #options: MetricsListenerOptions;
  readonly #logger: Logger;
  /** Keeps out pages that lead to a loopback address by a name of their own. */
  readonly #guard: RequestGuard;
  readonly #answering = new Set<Promise<void>>();
  #servers: readonly Server[] = [];

  constructor(options: MetricsListenerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'metrics' });
    this.#guard = new RequestGuard({ host: options.host, allowedHosts: [], allowedOrigins: [] });
  }

  get url(): string {
    const { host, port } = this.#options;
    const [first] = this.#servers;
    const name = host.includes(':') ? `[${host}]` : host;
    return `http://${name}:${first === undefined ? port : portOf(first)}/metrics`;
  }

  async open(): Promise<void> {
    const { host, port, unreadMs = UNREAD_MS } = this.#options;
    this.#servers = await bindHttpServers({
      host,
      port,
      maxConnections: MAX_CONNECTIONS,
      options: { host: '--metrics-listen', port: '--metrics-listen' },
      onRequest: (request, response, connection) => {
        const answered = this.#answer(request, connection)
          .then((reply) => writeReply(response, reply))
          .finally(() => this.#answering.delete(answered));
        this.#answering.add(answered);
      },
      onError: (error) => this.#logger.error({ reason: messageOf(error) }, 'connection not accepted'),
    });
    // Destroys a connection on which nothing moves; between two requests, the shorter limit of `bindHttpServers` applies.
    for (const server of this.#servers) server.setTimeout(unreadMs);
    this.#logger.info(`metrics listening: ${this.url}`);
    if (isLoopbackHost(host)) return;
    this.#logger.warn(
      `metrics are open to everyone who reaches ${this.url}: they name the endpoints of the project and count their calls; listen on localhost, or let a firewall admit only the scraper`,
    );
  }

  async dispose(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    await within(Promise.all(this.#answering), CLOSE_MS);
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }

  async #answer({ url = '', method, headers }: IncomingMessage, { answering }: Connection): Promise<Reply> {
    if (answering.size > MAX_ANSWERING)
      return {
        ...refuse(503, 'Read the answers to earlier requests first'),
        headers: { ...HEADERS, 'Retry-After': '1' },
      };
    const refused = this.#guard.refusalOf(headers);
    if (refused !== undefined) return refuse(403, refused);
    if (url.split('?', 1)[0] !== '/metrics') return refuse(404, 'Only /metrics is served here');
    if (method !== 'GET' && method !== 'HEAD')
      return { ...refuse(405, 'Use GET'), headers: { ...HEADERS, Allow: 'GET, HEAD' } };
    try {
      const { contentType, body } = await this.#options.expose(headers.accept ?? '');
      return { status: 200, headers: { ...HEADERS, 'Content-Type': contentType }, body };
    } catch (error) {
      this.#logger.error({ err: error }, 'a scrape failed');
      return refuse(500, 'The log of the server has the reason');
    }
  }
}

function refuse(status: number, text: string): Reply {
  return { status, headers: HEADERS, body: `${text}\n` };
}

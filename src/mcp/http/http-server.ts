import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 15_000;
/** How often the three above are looked at; also how late they may be. */
const TIMEOUT_CHECK_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;

export interface BindOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly maxConnections: number;
  /** Called when a connection cannot be accepted, e.g. because the process has no file descriptors left. */
  readonly onError: (error: Error) => void;
}

/**
 * Opens the port. `localhost` means both loopback addresses where the machine has both: which one a client tries first
 * is its own affair. Throws `port_in_use`, `usage`.
 */
export async function bindHttpServers(options: BindOptions, listener: RequestListener): Promise<Server[]> {
  if (options.host !== 'localhost') return [await bind(options.host, options, listener)];
  const servers: Server[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const port = servers[0] === undefined ? options.port : portOf(servers[0]);
    const server = await bind(host, { ...options, port }, listener).catch((error: unknown) => {
      if (error instanceof NoSuchAddress) return undefined;
      for (const opened of servers) opened.close();
      throw error;
    });
    if (server !== undefined) servers.push(server);
  }
  if (servers.length === 0) throw new NoSuchAddress('usage', 'this machine has no loopback address');
  return servers;
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server that listens');
  return address.port;
}

async function bind(host: string, options: BindOptions, listener: RequestListener): Promise<Server> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
    },
    listener,
  );
  server.maxConnections = options.maxConnections;
  server.on('clientError', answerBadRequest);
  await listening(server, host, options.port);
  server.on('error', options.onError);
  return server;
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw toBindError(error, host, port);
  }
}

class NoSuchAddress extends MxcpError {}

function toBindError(error: unknown, host: string, port: number): MxcpError {
  const code = errorCodeOf(error);
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return new MxcpError(
        'port_in_use',
        `port ${port} is taken: another process listens on ${address}; choose another with --port`,
        { cause: error },
      );
    case 'EACCES':
      return new MxcpError(
        'port_in_use',
        `port ${port} may not be opened by this user; choose one from 1024 on with --port`,
        { cause: error },
      );
    default:
      return new NoSuchAddress(
        'usage',
        `cannot listen on ${address} (${code ?? messageOf(error)}); choose an address of this machine with --host`,
        { cause: error },
      );
  }
}

const BAD_REQUESTS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What is not HTTP, too large or too slow is answered in one line, and the connection ends. */
function answerBadRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = BAD_REQUESTS[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

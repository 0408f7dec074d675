import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorCodeOf, messageOf, MxcpError } from '../errors/index.js';
import { type HttpLimits, HttpServer, type HttpServerOptions } from './http-server.js';

const LIMITS: Omit<HttpLimits, 'connections'> = {
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 15_000,
  timeoutCheckMs: 2_000,
};

export interface BindOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Sockets that listen already, instead of host and port. They stay open in the process that made them. */
  readonly descriptors?: readonly number[] | undefined;
  readonly maxConnections: number;
  readonly onRequest: HttpServerOptions['onRequest'];
  /** A connection cannot be accepted, e.g. because the process has no file descriptors left. */
  readonly onError: (error: Error) => void;
  /** The options that errors name; `--host` and `--port` unless given. */
  readonly options?: { readonly host: string; readonly port: string };
}

/**
 * Opens the port. `localhost` means both loopback addresses where the machine has both, because a client may try either
 * first. Throws `port_in_use`, `usage`, `socket_failed`.
 */
export async function bindHttpServers(options: BindOptions): Promise<Server[]> {
  const { descriptors = [] } = options;
  if (descriptors.length > 0) return Promise.all(descriptors.map((fd) => listenOnHanded(fd, options)));
  if (options.host !== 'localhost') return [await bind(options.host, options)];
  const servers: Server[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const port = servers[0] === undefined ? options.port : portOf(servers[0]);
    const server = await bind(host, { ...options, port }).catch((error: unknown) => {
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
  return addressOf(server).port;
}

export function hostOf(server: Server): string {
  return addressOf(server).address;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server that listens');
  return address;
}

async function bind(host: string, bindOptions: BindOptions): Promise<Server> {
  const { port, onError, options = { host: '--host', port: '--port' } } = bindOptions;
  const server = createBoundServer(bindOptions);
  await listening(server, { host, port, options });
  server.on('error', onError);
  return server;
}

function createBoundServer({ maxConnections, onRequest }: BindOptions): Server {
  const { server } = new HttpServer({
    limits: { ...LIMITS, connections: maxConnections },
    onRequest,
    onBroken: ({ status }) => ({ status, headers: {}, body: '' }),
  });
  return server;
}

async function listenOnHanded(fd: number, options: BindOptions): Promise<Server> {
  const server = createBoundServer(options);
  const listened = once(server, 'listening');
  server.listen({ fd });
  await listened;
  if (typeof server.address() !== 'object' || server.address() === null) {
    server.close();
    throw new MxcpError(
      'socket_failed',
      'the socket for the MCP port that systemd handed over is not a TCP socket; set `ListenStream=` to a port',
    );
  }
  server.on('error', options.onError);
  return server;
}

type Address = Pick<BindOptions, 'host' | 'port'> & { readonly options: NonNullable<BindOptions['options']> };

async function listening(server: Server, address: Address): Promise<void> {
  const { host, port } = address;
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw toBindError(error, address);
  }
}

class NoSuchAddress extends MxcpError {}

function toBindError(error: unknown, { host, port, options }: Address): MxcpError {
  const code = errorCodeOf(error);
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return new MxcpError(
        'port_in_use',
        `port ${port} is taken: another process listens on ${address}; choose another with ${options.port}`,
        { cause: error },
      );
    case 'EACCES':
      return new MxcpError(
        'port_in_use',
        `port ${port} may not be opened by this user; choose one from 1024 on with ${options.port}`,
        { cause: error },
      );
    default:
      return new NoSuchAddress(
        'usage',
        `cannot listen on ${address} (${code ?? messageOf(error)}); choose an address of this machine with ${options.host}`,
        { cause: error },
      );
  }
}

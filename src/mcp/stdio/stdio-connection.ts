import type { Readable, Writable } from 'node:stream';
import type { Server, ServerContext } from '@modelcontextprotocol/server';
import { serveStdio, type StdioServerHandle } from '@modelcontextprotocol/server/stdio';
import type { EndpointCalls } from '../../endpoints/index.js';
import type { Logger, Scrubber } from '../../logging/index.js';
import { type ListChanges, sendListChanges } from '../list-changes.js';
import { createMcpServerFactory, type MessageScope, type ServerInfo } from '../mcp-server.js';
import { ResultSplices } from '../splice/index.js';
import { StdioTransport } from './stdio-transport.js';

export interface StdioOptions {
  readonly calls: EndpointCalls;
  readonly info: ServerInfo;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  /** The process's own streams unless given. Nothing else may write to the output. */
  readonly input?: Readable;
  readonly output?: Writable;
}

/** The one client of a process that speaks MCP on its standard streams. */
export interface StdioConnection {
  /** Resolves when the connection has ended: the input ended, the output broke, or `close`. */
  readonly closed: Promise<void>;
  notifyListChanged(changes: ListChanges): Promise<void>;
  /** Takes nothing new, lets running calls end until the deadline, cancels what is left. Idempotent. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

/** Serves both eras of the protocol on two streams; the first message says which one the client speaks. */
export function startStdio(options: StdioOptions): StdioConnection {
  return new ServedStdio(options);
}

class ServedStdio implements StdioConnection {
  readonly closed: Promise<void>;
  readonly #transport: StdioTransport;
  readonly #handle: StdioServerHandle;
  /** Usually one; a client that first asks for the newer protocol and falls back has two for a moment. */
  readonly #servers = new Set<Server>();

  constructor({ calls, info, ...options }: StdioOptions) {
    const { input = process.stdin, output = process.stdout } = options;
    const logger = options.logger.child({ component: 'mcp' });
    const splices = new ResultSplices();
    const scopeOf = ({ mcpReq }: ServerContext): MessageScope => ({
      splices,
      notify: (message) => mcpReq.notify(message),
    });
    const createServer = createMcpServerFactory({
      calls,
      info,
      logger,
      scrubber: options.scrubber,
      scopeOf,
    });
    this.#transport = new StdioTransport({ input, output }, splices);
    this.#handle = serveStdio(() => this.#remembered(createServer()), {
      transport: this.#transport,
      onerror: (error) => logger.warn({ detail: error.message }, 'message could not be handled'),
    });
    this.closed = this.#transport.ended;
  }

  async notifyListChanged(changes: ListChanges): Promise<void> {
    await Promise.all([...this.#servers].map((server) => sendListChanges(server, changes)));
  }

  async close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    await this.#transport.drain(deadlineMs);
    await this.#handle.close();
    await this.closed;
  }

  #remembered(server: Server): Server {
    this.#servers.add(server);
    server.onclose = () => this.#servers.delete(server);
    return server;
  }
}

import type { Readable, Writable } from 'node:stream';
import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  ReadBuffer,
  type RequestId,
  serializeMessage,
  type Server,
  type ServerContext,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio, type StdioServerHandle } from '@modelcontextprotocol/server/stdio';
import type { EndpointCalls } from '../endpoints/index.js';
import { within } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { type ListChanges, sendListChanges } from './listings.js';
import { createMcpServerFactory, type MessageScope, type ServerInfo } from './mcp-server.js';
import { ResultSplices, writeMessage } from './result-splices.js';

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

export interface StdioStreams {
  readonly input: Readable;
  readonly output: Writable;
}

/** Longer messages end the connection: it cannot be told where the next one starts. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** How long requests that run when the input ends may take: `printf … | mxcp serve` wants its answers. */
const END_OF_INPUT_GRACE_MS = 5_000;
/** How long a client may take, at the end, to read the answers that are made already. */
const LAST_ANSWERS_GRACE_MS = 500;

/**
 * Lines of JSON on two streams. Unlike the SDK's transport it writes large results in slices, one message after the other,
 * and answers what was asked before the input ended.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #streams: StdioStreams;
  readonly #splices: ResultSplices;
  readonly #lines = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  readonly #unanswered = new Set<RequestId>();
  readonly #whenAnswered: (() => void)[] = [];
  /** Resolves when the transport has closed, for whatever reason. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #reading = false;
  #closed: Promise<void> | undefined;
  /** The end of the line of messages to write: they must not mix. */
  #written: Promise<void> = Promise.resolve();

  constructor(streams: StdioStreams, splices: ResultSplices) {
    this.#streams = streams;
    this.#splices = splices;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async start(): Promise<void> {
    const { input, output } = this.#streams;
    this.#reading = true;
    input.on('data', this.#onData);
    input.once('end', this.#onEnd);
    input.once('close', this.#onEnd);
    input.on('error', this.#onStreamError);
    output.on('error', this.#onStreamError);
    if (input.readableEnded || input.destroyed) setImmediate(this.#onEnd);
  }

  /** Resolves once the message is written. A message to a closed or broken output is dropped. */
  send(message: JSONRPCMessage): Promise<void> {
    this.#written = this.#written.then(() => this.#write(message)).catch(this.#onStreamError);
    if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) this.#answered(message.id);
    return this.#written;
  }

  /** Takes nothing new and waits until what runs is answered, at most this long. */
  async drain(timeoutMs: number): Promise<void> {
    this.#stopReading();
    if (this.#unanswered.size === 0) return;
    await within(new Promise<void>((resolve) => this.#whenAnswered.push(resolve)), timeoutMs);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stopReading();
    const isWritten = await within(
      this.#written.then(() => true),
      LAST_ANSWERS_GRACE_MS,
    );
    // Nobody reads: what is not written yet would hold its results for ever.
    if (isWritten !== true) this.#streams.output.destroy();
    this.onclose?.();
    this.#end();
  }

  #stopReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    const { input } = this.#streams;
    input.off('data', this.#onData);
    input.off('end', this.#onEnd);
    input.off('close', this.#onEnd);
    input.pause();
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#lines.append(chunk);
    } catch (error) {
      this.#onStreamError(error);
      return;
    }
    for (let message = this.#nextMessage(); message !== null; message = this.#nextMessage()) {
      if (message !== undefined) this.#receive(message);
    }
  };

  /** `null` when there is no whole line, `undefined` when the line is no message. */
  #nextMessage(): JSONRPCMessage | null | undefined {
    try {
      return this.#lines.readMessage();
    } catch {
      // The error would quote the line, which may hold anything.
      this.onerror?.(new Error('a line of the input is not a JSON-RPC message'));
      return undefined;
    }
  }

  #receive(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) {
      // A subscription is answered when the connection ends, so the end must not wait for it.
      if (message.method !== 'subscriptions/listen') this.#unanswered.add(message.id);
    } else if ('method' in message && message.method === 'notifications/cancelled') {
      const id = message.params?.['requestId'];
      if (typeof id === 'string' || typeof id === 'number') this.#answered(id);
    }
    this.onmessage?.(message);
  }

  #answered(id: RequestId | undefined): void {
    if (id !== undefined) this.#unanswered.delete(id);
    if (this.#unanswered.size > 0) return;
    for (const resolve of this.#whenAnswered.splice(0)) resolve();
  }

  readonly #onEnd = (): void => {
    void this.drain(END_OF_INPUT_GRACE_MS).then(() => this.close());
  };

  readonly #onStreamError = (error: unknown): void => {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    // A broken pipe: the other side is gone, and what runs is cancelled.
    void this.close();
  };

  async #write(message: JSONRPCMessage): Promise<void> {
    const parts = this.#splices.partsOf(serializeMessage(message));
    await writeMessage(parts, this.#streams.output);
  }
}

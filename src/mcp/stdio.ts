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
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { within } from '../lifecycle/index.js';
import { sendListChanges } from './listings.js';
import { type ClientTransport, createMcpServerFactory, type McpOptions, type MessageScope } from './mcp-server.js';
import { ResultSplices, writeMessage } from './results.js';

/**
 * Serves all versions of the protocol on two streams, the process's own unless given; the first message decides which one the
 * client speaks. Nothing else may write to the output.
 */
export function startStdio(options: McpOptions & { input?: Readable; output?: Writable }): ClientTransport {
  const { calls, info, scrubber, input = process.stdin, output = process.stdout } = options;
  const logger = options.logger.child({ component: 'mcp' });
  const splices = new ResultSplices();
  const scopeOf = ({ mcpReq }: ServerContext): MessageScope => ({
    splices,
    notify: (message) => mcpReq.notify(message),
  });
  const createServer = createMcpServerFactory({ calls, info, logger, scrubber, scopeOf });
  // Usually one; a client that first tries the newer protocol and falls back has two for a moment.
  const servers = new Set<Server>();
  const createRemembered = (): Server => {
    const server = createServer();
    servers.add(server);
    server.onclose = () => servers.delete(server);
    return server;
  };
  const transport = new StdioTransport(input, output, splices);
  const handle = serveStdio(createRemembered, {
    transport,
    onerror: (error) => logger.warn({ detail: error.message }, 'message could not be handled'),
  });
  return {
    url: undefined,
    clientGone: transport.ended,
    notifyListChanged: async (changes) => {
      await Promise.all([...servers].map((server) => sendListChanges(server, changes)));
    },
    close: async ({ deadlineMs }) => {
      await transport.drain(deadlineMs);
      await handle.close();
      await transport.ended;
    },
  };
}

/** A longer message ends the connection, because the start of the next message could not be found. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** How long requests may still run after the end of the input: `printf … | mxcp serve` expects answers. */
const END_OF_INPUT_GRACE_MS = 5_000;
/** How long a client may take to read the last answers when the connection ends. */
const LAST_ANSWERS_GRACE_MS = 500;

/**
 * Lines of JSON on two streams. Unlike the SDK's transport, it writes large results in slices, one message after the
 * other, and answers requests that arrived before the input ended.
 */
class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #splices: ResultSplices;
  readonly #lines = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  readonly #unanswered = new Set<RequestId>();
  readonly #whenAnswered: (() => void)[] = [];
  /** Resolves when the transport has closed, for any reason. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #reading = false;
  #closed: Promise<void> | undefined;
  /** Settles when all messages so far are written: messages must not mix. */
  #written: Promise<void> = Promise.resolve();

  constructor(input: Readable, output: Writable, splices: ResultSplices) {
    this.#input = input;
    this.#output = output;
    this.#splices = splices;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async start(): Promise<void> {
    const input = this.#input;
    this.#reading = true;
    input.on('data', this.#onData);
    input.once('end', this.#onEnd);
    input.once('close', this.#onEnd);
    input.on('error', this.#onStreamError);
    this.#output.on('error', this.#onStreamError);
    if (input.readableEnded || input.destroyed) setImmediate(this.#onEnd);
  }

  /** Resolves once the message is written. A message to a closed or broken output is dropped. */
  send(message: JSONRPCMessage): Promise<void> {
    this.#written = this.#written.then(() => this.#write(message)).catch(this.#onStreamError);
    if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) this.#answered(message.id);
    return this.#written;
  }

  /** Reads nothing more and waits until the running requests are answered, at most this long. */
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
    // The client does not read: messages that are not written yet would hold their results for ever.
    if (isWritten !== true) this.#output.destroy();
    this.onclose?.();
    this.#end();
  }

  #stopReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    const input = this.#input;
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

  /** `null` when there is no complete line, `undefined` when the line is not a message. */
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
    // A broken pipe: the client is gone, so running calls are cancelled.
    void this.close();
  };

  async #write(message: JSONRPCMessage): Promise<void> {
    const parts = this.#splices.partsOf(serializeMessage(message));
    await writeMessage(parts, this.#output);
  }
}

import type { Readable, Writable } from 'node:stream';
import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  ProtocolErrorCode,
  type RequestId,
  serializeMessage,
  type Server,
  type ServerContext,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Caller } from '../caller/index.js';
import { within } from '../lifecycle/index.js';
import { LimitedLog } from '../logging/index.js';
import { AccessLog, type AccessRecord } from './access-log.js';
import { isCall, OUT_OF_ROTATION } from './draining.js';
import { sendListChanges } from './listings.js';
import {
  type ClientTransport,
  createMcpServerFactory,
  type McpOptions,
  type MessageScope,
  parseMessageText,
} from './mcp-server.js';
import { ResultSplices, writeMessage } from './results.js';

interface StdioOptions extends McpOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** Who is on the other end; undefined when nothing has authenticated the client. */
  readonly caller?: Caller | undefined;
}

/**
 * Serves all versions of the protocol on two streams; the first message decides which one the client speaks. Nothing else may
 * write to the output.
 */
export function startStdio(options: StdioOptions): ClientTransport {
  const logger = options.logger.child({ component: 'mcp' });
  const problems = new LimitedLog(logger, () => options.observers?.lineLeftOut());
  const splices = new ResultSplices();
  const transport = new StdioTransport(options, splices);
  const scopeOf = ({ mcpReq }: ServerContext): MessageScope => ({
    splices,
    caller: options.caller,
    notify: (message) => mcpReq.notify(message),
    access: transport.accessOf(mcpReq.id),
    whenAnswered: (listener) => transport.whenAnswered(mcpReq.id, listener),
  });
  const createServer = createMcpServerFactory({ ...options, logger, scopeOf, refusals: problems });
  // Usually one; a client that first tries the newer protocol and falls back has two for a moment.
  const servers = new Set<Server>();
  const createRemembered = (): Server => {
    const server = createServer();
    servers.add(server);
    server.onclose = () => servers.delete(server);
    return server;
  };
  const handle = serveStdio(createRemembered, {
    transport,
    onerror: ({ message: detail }) =>
      problems.write('warn', 'messages that could not be handled', () => [{ detail }, 'message could not be handled']),
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
      problems.dispose();
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
  readonly #accessLog: AccessLog | undefined;
  readonly #rotation: StdioOptions['rotation'];
  readonly #lines = new LineReader();
  readonly #unanswered = new Map<RequestId, OpenRequest>();
  readonly #whenAnswered: (() => void)[] = [];
  /** Resolves when the transport has closed, for any reason. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #reading = false;
  #closed: Promise<void> | undefined;
  /** Settles when all messages so far are written: messages must not mix. */
  #written: Promise<void> = Promise.resolve();

  constructor({ input, output, accessLog, logger, rotation }: StdioOptions, splices: ResultSplices) {
    this.#input = input;
    this.#output = output;
    this.#splices = splices;
    this.#accessLog = accessLog === true ? new AccessLog(logger) : undefined;
    this.#rotation = rotation;
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

  accessOf(id: RequestId): AccessRecord | undefined {
    return this.#unanswered.get(id)?.access;
  }

  whenAnswered(id: RequestId, listener: () => void): void {
    const request = this.#unanswered.get(id);
    if (request === undefined) listener();
    else request.whenAnswered = listener;
  }

  /** Resolves once the message is written. A message to a closed or broken output is dropped. */
  send(message: JSONRPCMessage): Promise<void> {
    const isAnswer = isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message);
    const request = isAnswer && message.id !== undefined ? this.#unanswered.get(message.id) : undefined;
    if (request !== undefined && 'error' in message) request.access.outcome ??= String(message.error.code);
    this.#written = this.#written
      .then(() => this.#write(message))
      .then((bytes) => request?.end?.(bytes))
      .catch(this.#onStreamError)
      .finally(() => request?.whenAnswered?.());
    if (isAnswer) this.#answered(message.id);
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
      this.#written.then(() => this.#flush()),
      LAST_ANSWERS_GRACE_MS,
    );
    // The client does not read: messages that are not written yet would hold their results for ever.
    if (isWritten !== true) this.#output.destroy();
    this.onclose?.();
    this.#end();
  }

  /** Settles when the system has what was written: the process may end right after. */
  #flush(): Promise<true> {
    return new Promise((resolve) => {
      if (this.#output.destroyed) resolve(true);
      else this.#output.write('', () => resolve(true));
    });
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
    for (const line of this.#lines.read(chunk)) {
      const read = readMessage(line);
      if ('message' in read) this.#receive(read.message);
      else this.#refuse(read);
    }
    if (this.#lines.isOverLimit) this.#onStreamError(new Error(`a message is larger than ${MAX_MESSAGE_BYTES} bytes`));
  };

  /** A line that is no message is answered, because its client may wait for ever otherwise; an answer of the client is not. */
  #refuse({ code, reason, id, isAnswer }: UnreadableLine): void {
    // The error of the parser would quote the line, which may hold anything.
    this.onerror?.(new Error(reason));
    const error = { code, message: reason };
    if (!isAnswer) void this.send(id === undefined ? { jsonrpc: '2.0', error } : { jsonrpc: '2.0', id, error });
  }

  #receive(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) {
      const { id, method } = message;
      const access: AccessRecord = { method, request: id };
      const end = this.#accessLog?.begin(access, 'stdio');
      // A subscription is answered when the connection ends, so the end must not wait for it.
      if (method !== 'subscriptions/listen') this.#unanswered.set(id, { access, end });
      if (this.#rotation?.drainingSince !== undefined && isCall(method)) {
        void this.send({ jsonrpc: '2.0', id, error: { code: SERVER_ERROR, message: OUT_OF_ROTATION } });
        return;
      }
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

  async #write(message: JSONRPCMessage): Promise<number> {
    const parts = this.#splices.partsOf(serializeMessage(message));
    return writeMessage(parts, this.#output);
  }
}

/** The code JSON-RPC leaves to servers, for refusals that have none of their own. */
const SERVER_ERROR = -32_000;

/** A request without an answer, with what the access log says of it. */
interface OpenRequest {
  readonly access: AccessRecord;
  readonly end: ((bytes: number) => void) | undefined;
  whenAnswered?: () => void;
}

/** Cuts what arrives into lines. */
class LineReader {
  #chunks: Buffer[] = [];
  #size = 0;

  /** Whether a line is longer than a message may be. Nothing can be read after it. */
  get isOverLimit(): boolean {
    return this.#size > MAX_MESSAGE_BYTES;
  }

  *read(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, start)) {
      const line = Buffer.concat([...this.#chunks, chunk.subarray(start, end)]).toString('utf8');
      start = end + 1;
      this.#chunks = [];
      this.#size = 0;
      if (line.trim() !== '') yield line;
    }
    this.#chunks.push(chunk.subarray(start));
    this.#size += chunk.length - start;
  }
}

const LINE_END = 0x0a;

interface UnreadableLine {
  readonly code: number;
  readonly reason: string;
  readonly id: RequestId | undefined;
  readonly isAnswer: boolean;
}

function readMessage(line: string): { readonly message: JSONRPCMessage } | UnreadableLine {
  let parsed: unknown;
  try {
    parsed = parseMessageText(line);
  } catch {
    const reason = 'Parse error: a line of the input is not valid JSON';
    return { code: ProtocolErrorCode.ParseError, reason, id: undefined, isAnswer: false };
  }
  try {
    return { message: parseJSONRPCMessage(parsed) };
  } catch {
    const reason = 'Invalid request: a line of the input is not a JSON-RPC message';
    const fields: object = typeof parsed === 'object' && parsed !== null ? parsed : {};
    const id: unknown = 'id' in fields ? fields.id : undefined;
    return {
      code: ProtocolErrorCode.InvalidRequest,
      reason,
      id: typeof id === 'string' || typeof id === 'number' ? id : undefined,
      isAnswer: !('method' in fields) && ('result' in fields || 'error' in fields),
    };
  }
}

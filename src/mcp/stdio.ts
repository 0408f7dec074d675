import type { Readable, Writable } from 'node:stream';
import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
  type ServerContext,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Caller } from '../caller/index.js';
import { within } from '../lifecycle/index.js';
import { LimitedLog } from '../logging/index.js';
import { AccessLog, type AccessRecord } from './access-log.js';
import { isCall, OUT_OF_ROTATION } from './draining.js';
import { callsOfGroup } from './group-options.js';
import { changesOf, sendListChanges } from './listings.js';
import type { ClientTransport, McpOptions, MessageScope } from './mcp-options.js';
import { callerOf, createMcpServerFactory } from './mcp-server.js';
import { toRefusedRequest } from './refused-requests.js';
import {
  ResourceUpdates,
  sendUpdates,
  serveSubscriptions,
  type SubscribableServer,
  withAllowedUris,
} from './resource-updates.js';
import { ResultSplices, writeMessage } from './results.js';
import { LineReader, MAX_MESSAGE_BYTES, type ReadMessage, readLine, type UnreadableMessage } from './stdio-lines.js';
import { AnswerList, idInUse, isList, sortList, VERSION_WITH_LISTS } from './stdio-lists.js';

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
export function startStdio({ group, calls: all, ...others }: StdioOptions): ClientTransport {
  const options = { ...others, calls: group === undefined ? all : callsOfGroup(all, group) };
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
  const createServer = createMcpServerFactory({ ...options, calls: all, group, logger, scopeOf, refusals: problems });
  // Usually one; a client that first tries the newer protocol and falls back has two for a moment.
  const servers = new Set<SubscribableServer>();
  const handle = serveStdio(() => remember(createServer(), { servers, mayRead: transport.mayRead }), {
    transport,
    onerror: ({ message: detail }) =>
      problems.write('warn', 'messages that could not be handled', () => [{ detail }, 'message could not be handled']),
  });
  const updates = new ResourceUpdates(all, logger, async (isUpdated) => {
    const isNews = (uri: string): boolean => isUpdated(uri) && transport.mayRead(uri);
    await Promise.all([...servers].map((server) => sendUpdates(server, isNews, transport.listenedUris)));
  });
  return {
    url: undefined,
    clientGone: transport.ended,
    notifyListChanged: async (changes) => {
      await Promise.all([...servers].map((server) => sendListChanges(server, changesOf(group, changes))));
    },
    notifyResourcesUpdated: (updated) => updates.announce(updated),
    close: async ({ deadlineMs }) => {
      updates.dispose();
      await transport.drain(deadlineMs);
      await handle.close();
      await transport.ended;
      problems.dispose();
    },
  };
}

/** As many as the SDK serves (2.4.0). */
const MAX_STREAMS = 1024;
interface RememberedServers {
  readonly servers: Set<SubscribableServer>;
  readonly mayRead: (uri: string) => boolean;
}

/** In the set until it closes. */
function remember(server: SubscribableServer, { servers, mayRead }: RememberedServers): SubscribableServer {
  serveSubscriptions(server, mayRead);
  servers.add(server);
  server.onclose = () => servers.delete(server);
  return server;
}

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
  readonly #listened = new Map<RequestId, readonly string[]>();
  readonly #accessLog: AccessLog | undefined;
  readonly #options: Pick<StdioOptions, 'calls' | 'caller' | 'observers'>;
  readonly #rotation: StdioOptions['rotation'];
  readonly #lines = new LineReader();
  readonly #unanswered = new Map<RequestId, OpenRequest>();
  readonly #whenAnswered: (() => void)[] = [];
  /** Resolves when the transport has closed, for any reason. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #reading = false;
  #takesLists = false;
  #closed: Promise<void> | undefined;
  /** Settles when all messages so far are written: messages must not mix. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: StdioOptions, splices: ResultSplices) {
    const { input, output, accessLog, logger, rotation } = options;
    this.#options = options;
    this.#input = input;
    this.#output = output;
    this.#splices = splices;
    this.#accessLog = accessLog === true ? new AccessLog(logger) : undefined;
    this.#rotation = rotation;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Whether there is such a resource for the client. */
  readonly mayRead = (uri: string): boolean => {
    const { calls, caller } = this.#options;
    return calls.endpoints.declaredUri(uri, callerOf({ caller })) !== undefined;
  };

  /** The resources that streams of notifications are for. */
  get listenedUris(): readonly string[] {
    return [...this.#listened.values()].flat();
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
    const written = this.#writeAnswer(message, request);
    if (isAnswer) this.#answered(message.id);
    return written;
  }

  #writeAnswer(message: JSONRPCMessage, request: OpenRequest | undefined): Promise<void> {
    if (request?.list === undefined) return this.#enqueue(message, request);
    request.list.add(message);
    return request.list.written.finally(() => {
      request.end?.(0);
      request.whenAnswered?.();
    });
  }

  #enqueue(message: JSONRPCMessage | readonly JSONRPCMessage[], request?: OpenRequest): Promise<void> {
    this.#written = this.#written
      .then(() => this.#write(message))
      .then((bytes) => request?.end?.(bytes))
      .catch(this.#onStreamError)
      .finally(() => request?.whenAnswered?.());
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
      const read = readLine(line, this.#takesLists);
      if (isList(read)) this.#receiveList(read);
      else if ('message' in read) this.#receive(read.message);
      else this.#refuse(read);
    }
    if (this.#lines.isOverLimit) this.#onStreamError(new Error(`a message is larger than ${MAX_MESSAGE_BYTES} bytes`));
  };

  /** A line that is no message is answered, because its client may wait for ever otherwise; an answer of the client is not. */
  #refuse(unreadable: UnreadableMessage): void {
    this.onerror?.(new Error(unreadable.reason));
    // Not as the answer to an open request with the same id.
    if (!unreadable.isAnswer) void this.#enqueue(toRefusal(unreadable));
  }

  /** Requests are counted before the first one is delivered, because it may be answered at once. */
  #receiveList(list: readonly ReadMessage[]): void {
    const { accepted, refused } = sortList(list, (id) => this.#unanswered.has(id));
    const requests = accepted.filter(isJSONRPCRequest);
    const answers = new AnswerList(requests.length + refused.length, (messages) => this.#enqueue(messages));
    for (const request of requests) this.#begin(request, answers);
    for (const unreadable of refused) {
      this.onerror?.(new Error(unreadable.reason));
      answers.add(toRefusal(unreadable));
    }
    for (const message of accepted) this.#deliver(message);
  }

  #receive(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) {
      if (this.#unanswered.has(message.id)) return this.#refuse(idInUse(message, 'a request'));
      this.#begin(message);
    }
    this.#deliver(message);
  }

  #begin({ id, method, params }: JSONRPCRequest, list?: AnswerList): void {
    // Not when it is answered: lists may follow at once.
    if (method === 'initialize') this.#takesLists = params?.['protocolVersion'] === VERSION_WITH_LISTS;
    const access: AccessRecord = { method, request: id };
    const end = this.#accessLog?.begin(access, 'stdio');
    // A subscription is answered when the connection ends, so the end must not wait for it. In a list it is refused at once.
    if (method !== 'subscriptions/listen' || list !== undefined) this.#unanswered.set(id, { access, end, list });
  }

  /** Notes the resources that a stream of notifications is for, of those that its reader may read. */
  #withAllowedUris(message: JSONRPCMessage): JSONRPCMessage {
    if (!isJSONRPCRequest(message) || message.method !== 'subscriptions/listen') return message;
    const allowed = withAllowedUris(message, this.mayRead);
    if (this.#listened.size < MAX_STREAMS) this.#listened.set(message.id, allowed.uris);
    return allowed.message;
  }

  #deliver(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) {
      const { id, method } = message;
      if (this.#rotation?.drainingSince !== undefined && isCall(method)) {
        this.#reportRefused(message);
        void this.send({ jsonrpc: '2.0', id, error: { code: SERVER_ERROR, message: OUT_OF_ROTATION } });
        return;
      }
    } else if ('method' in message && message.method === 'notifications/cancelled') {
      const id = message.params?.['requestId'];
      if (typeof id === 'string' || typeof id === 'number') {
        this.#listened.delete(id);
        this.#unanswered.get(id)?.list?.leaveOut();
        this.#answered(id);
      }
    }
    this.onmessage?.(this.#withAllowedUris(message));
  }

  #reportRefused(message: JSONRPCRequest): void {
    const { caller, observers } = this.#options;
    const why = { code: 'server_closing', reason: OUT_OF_ROTATION } as const;
    observers?.requestRefused(toRefusedRequest(message, why, { surface: 'stdio', caller }));
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

  async #write(message: JSONRPCMessage | readonly JSONRPCMessage[]): Promise<number> {
    const parts = this.#splices.partsOf(`${JSON.stringify(message)}\n`);
    return writeMessage(parts, this.#output);
  }
}

function toRefusal({ code, reason, id }: UnreadableMessage): JSONRPCMessage {
  const error = { code, message: reason };
  return id === undefined ? { jsonrpc: '2.0', error } : { jsonrpc: '2.0', id, error };
}

/** The code JSON-RPC leaves to servers, for refusals that have none of their own. */
const SERVER_ERROR = -32_000;

/** A request without an answer, with what the access log says of it. */
interface OpenRequest {
  readonly access: AccessRecord;
  readonly end: ((bytes: number) => void) | undefined;
  /** Where its answer goes, if it came in a list. */
  readonly list: AnswerList | undefined;
  whenAnswered?: () => void;
}

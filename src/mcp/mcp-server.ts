import {
  type InputRequiredResult,
  type CallToolResult,
  type JSONRPCRequest,
  type LoggingLevel,
  ProtocolError,
  ProtocolErrorCode,
  PROTOCOL_VERSION_META_KEY,
  type RequestId,
  type ServerContext as RequestContext,
  type Result,
  Server,
  type ServerCapabilities,
  type Transport,
  UnsupportedProtocolVersionError,
} from '@modelcontextprotocol/server';
import { ANONYMOUS, type Caller, InsufficientScope } from '../caller/index.js';
import type { CallContext, EndpointCalls } from '../endpoints/index.js';
import { MxcpError, toMxcpError } from '../errors/index.js';
import type { LimitedLog } from '../logging/index.js';
import { type Asking, QuestionsAsked } from '../questions/index.js';
import { type CallTiming, parseTraceContext, type TraceContext } from '../telemetry/index.js';
import { MAX_ARGUMENT_VALUES, type ShapedResult } from '../values/index.js';
import type { AccessRecord } from './access-log.js';
import {
  type CallTarget,
  MissingLegacyResource,
  RESOURCE_NOT_FOUND,
  isOfProtocol,
  toProtocolError,
  toToolFailure,
} from './call-errors.js';
import { CallNotifications } from './call-notifications.js';
import { answerQuestions, askingOf, replyOf } from './client-questions.js';
import { cacheHint, createListHandlers, type ListHandlers, NO_CACHE, toImplementation } from './listings.js';
import { LARGE_TEXT, refuseOversized, toParamsError } from './refused-parameters.js';
import { type Receiver, toContentBlocks, toLinks, toMcpMessages } from './content.js';
import { toRefusedRequest } from './refused-requests.js';
import { callsOfGroup, type Presented, presentedIn } from './group-options.js';
import type { McpOptions, MessageScope } from './mcp-options.js';
import { toResourceResult, toToolResult } from './results.js';
import type { SubscribableServer } from './resource-updates.js';

type McpServerFactoryOptions = McpOptions & {
  readonly scopeOf: (context: RequestContext) => MessageScope;
  /** Gets requests whose parameters do not fit their method. */
  readonly refusals: LimitedLog;
};

/** The revision without sessions. A request that names it in a header or its envelope is of none of the 2025 revisions. */
export const MODERN_VERSION = '2026-07-28';

/** Any client of the admin socket may reload definitions, so lists can change whatever the settings are. */
const LISTED = { listChanged: true };
const CAPABILITIES: ServerCapabilities = {
  tools: LISTED,
  resources: { ...LISTED, subscribe: true },
  prompts: LISTED,
  completions: {},
  logging: {},
};

/** Makes the SDK's server objects: one per request, session or connection. They hold only the log level that their client chose. */
export function createMcpServerFactory(options: McpServerFactoryOptions): () => SubscribableServer {
  const { group, logger, scopeOf, refusals, observers } = options;
  const calls = group === undefined ? options.calls : callsOfGroup(options.calls, group);
  const presented = (): Presented => (group === undefined ? options : presentedIn(group, options));
  const lists = createListHandlers({
    listingsOf: (context) => calls.endpoints.listingsFor(callerOf(scopeOf(context))),
    cacheOf: () => ({
      ...(presented().listCache ?? NO_CACHE),
      ...(calls.endpoints.variesByCaller && { scope: 'private' }),
    }),
  });
  const ofAll = toImplementation(options.info);
  return () => {
    const { info, instructions, listCache: cache = NO_CACHE } = presented();
    const implementation = info === options.info ? ofAll : toImplementation(info);
    const server = new CheckedServer(implementation, {
      capabilities: CAPABILITIES,
      cacheHints: { 'server/discover': { ttlMs: cache.ttlMs, cacheScope: cache.scope } },
      ...(instructions !== undefined && { instructions }),
    });
    server.accessOf = (context) => scopeOf(context).access;
    server.onRefused = (request, { message }, context) => {
      const { method } = request;
      refusals.write('info', `refused requests of ${method}`, () => [{ method }, `refused: ${message}`]);
      const { caller, client, requestHeaders } = scopeOf(context);
      const surface = requestHeaders === undefined ? 'stdio' : 'http';
      const from = { surface, caller, client, group, sessionId: requestHeaders?.['mcp-session-id'] } as const;
      observers?.requestRefused(toRefusedRequest(request, { code: 'params_invalid', reason: message }, from));
    };
    server.onerror = (error) => logger.debug({ detail: error.message }, 'message could not be handled');
    serveLists(server, lists);
    const serve = createCallFrame(server, options);
    serveCalls(server, { ...options, calls }, serve);
    serveCompletions(server, calls, serve);
    return server;
  };
}

/** Who sends a message. */
export function callerOf({
  caller = ANONYMOUS,
  requestHeaders,
}: Pick<MessageScope, 'caller' | 'requestHeaders'>): Caller {
  return { ...caller, requestHeaders };
}

function serveLists(server: Server, { tools, prompts, resources, templates }: ListHandlers): void {
  server.setRequestHandler('tools/list', tools);
  server.setRequestHandler('prompts/list', prompts);
  server.setRequestHandler('resources/list', resources);
  server.setRequestHandler('resources/templates/list', templates);
}

function serveCalls(server: Server, { calls, scrubber }: McpServerFactoryOptions, serve: CallFrame): void {
  server.setRequestHandler('tools/call', ({ params }, context) =>
    serve({
      target: { kind: 'tool', name: params.name },
      context,
      run: asking(server, context, async (call, { splices }) => {
        const result = await calls.callTool(params.name, params.arguments ?? {}, call);
        throwIfCancelled(context);
        return toAnswer(result, { splices, revision: revisionOf(server, context) });
      }),
      onFailure: (error) => toToolFailure(params.name, error, scrubber),
    }),
  );
  server.setRequestHandler('resources/read', ({ params }, context) =>
    serve({
      target: { kind: 'resource', name: params.uri },
      context,
      run: asking(server, context, async (call, { splices }) => {
        const resource = await calls.readResource(params.uri, call);
        throwIfCancelled(context);
        // What depends on an answer of its client is not for the next reader.
        const cache = isFirstAttempt(context) ? resource.cache : undefined;
        return { ...toResourceResult(resource, splices), ...cacheHint(context, cache) };
      }),
    }),
  );
  server.setRequestHandler('prompts/get', ({ params }, context) =>
    serve({
      target: { kind: 'prompt', name: params.name },
      context,
      run: asking(server, context, async (call, { splices }) => {
        const messages = await calls.getPrompt(params.name, params.arguments ?? {}, call);
        const { description } = calls.endpoints.listings.prompts.find(({ name }) => name === params.name) ?? {};
        throwIfCancelled(context);
        return { description, messages: toMcpMessages(messages, { splices, revision: revisionOf(server, context) }) };
      }),
    }),
  );
}

function serveCompletions(server: Server, calls: EndpointCalls, serve: CallFrame): void {
  server.setRequestHandler('completion/complete', ({ params: { ref, argument, context: known } }, context) => {
    const target: CallTarget =
      ref.type === 'ref/prompt' ? { kind: 'prompt', name: ref.name } : { kind: 'resource', name: ref.uri };
    return serve({
      target,
      context,
      isTimed: false,
      run: async (call) => {
        const request = { of: target, argument: argument.name, typed: argument.value, given: known?.arguments ?? {} };
        const { values, total, hasMore } = await calls.completeArgument(request, call);
        return { completion: { values: [...values], ...(total !== undefined && { total }), hasMore } };
      },
    });
  });
}

function toAnswer(result: ShapedResult, receiver: Receiver): CallToolResult {
  if (result.shape === 'content') return { content: toContentBlocks(result, receiver) };
  const answer = toToolResult(result, receiver.splices);
  const kept = result.shape === 'array' ? result.leftOut?.kept : undefined;
  return kept === undefined ? answer : { ...answer, content: [...answer.content, ...toLinks(kept, receiver)] };
}

/** Undefined for a client of 2025 that has no session. */
function revisionOf(server: Server, { mcpReq: { envelope } }: RequestContext): string | undefined {
  return envelope === undefined ? server.getNegotiatedProtocolVersion() : MODERN_VERSION;
}

/** The answer to a cancelled request is never sent, so its placeholders must not be made: they would never be removed. */
function throwIfCancelled(context: RequestContext): void {
  if (context.mcpReq.signal.aborted) throw new MxcpError('query_interrupted', 'the call was cancelled');
}

type Run<R> = (call: CallContext, scope: MessageScope) => Promise<R>;

interface ServedCall<R> {
  readonly target: CallTarget;
  readonly context: RequestContext;
  readonly run: Run<R>;
  /** False for what is no call: it has no trace and is not measured. */
  readonly isTimed?: false;
  /** What the client gets instead of an error of the protocol, when the endpoint exists. */
  readonly onFailure?: (error: MxcpError) => R;
}

/** Whether a request brings no answers to questions that it was asked (2026-07-28). */
function isFirstAttempt({ mcpReq: { inputResponses, requestState } }: RequestContext): boolean {
  return inputResponses === undefined && requestState() === undefined;
}

/** Lets a call ask its client: makes one attempt at it, and further ones as the client answers. */
function asking<R>(server: Server, context: RequestContext, run: Run<R>): Run<R | InputRequiredResult> {
  const isFirst = isFirstAttempt(context);
  return async (call, scope) => {
    const asks = { ...call, asking: (): Asking => askingOf(server, context, scope.notify !== undefined) };
    try {
      return await run(isFirst ? asks : { ...asks, reply: replyOf(context) }, scope);
    } catch (error) {
      if (!(error instanceof QuestionsAsked)) throw error;
      return answerQuestions(error, context, (reply) => run({ ...asks, reply }, scope));
    }
  };
}

type CallFrame = ReturnType<typeof createCallFrame>;

/** The protocol frame of every call: gives it its context, ends its notifications before its answer is sent, reports its error. */
function createCallFrame(server: Server, { group, scopeOf, logger, scrubber, observers }: McpServerFactoryOptions) {
  let level: LoggingLevel | undefined;
  // Replaces the SDK's own handler, which does not make the level available.
  server.setRequestHandler('logging/setLevel', ({ params }) => {
    level = params.level;
    return {};
  });
  return async <R>({ target, context, run, isTimed, onFailure }: ServedCall<R>): Promise<R> => {
    const scope = scopeOf(context);
    const { notify, requestHeaders } = scope;
    const parent = sentTrace(context, requestHeaders);
    const start = callStart(context, scope, group);
    const timing = isTimed === false ? undefined : observers?.timeCall(() => ({ ...target, ...start, parent }));
    let notifications: CallNotifications | undefined;
    let hasEnded = false;
    const send: CallContext['notify'] =
      notify &&
      ((notification) => {
        if (hasEnded) return;
        notifications ??= new CallNotifications({ context, target: target.name, notify, level, logger, scrubber });
        notifications.send(notification);
      });
    try {
      const caller = callerOf(scope);
      const origin = { ...start, access: scope.access, trace: timing?.trace ?? parent };
      return await run({ caller, signal: context.mcpReq.signal, notify: send, origin, timing, fits: true }, scope);
    } catch (thrown) {
      // An error of the call itself is in the log already.
      if (!(thrown instanceof MxcpError))
        logger.error({ err: thrown }, `the answer of a ${target.kind} could not be made`);
      const error = toMxcpError(thrown);
      if (error instanceof InsufficientScope) scope.missingScopes = error.scopes;
      const isModern = context.mcpReq.envelope !== undefined;
      if (onFailure !== undefined && !isOfProtocol(error, isModern)) return onFailure(error);
      throw toProtocolError(target, error, { scrubber, isModern });
    } finally {
      hasEnded = true;
      notifications?.end();
      if (timing !== undefined) reportAnswer(timing, context, scope);
    }
  };
}

/** The span that the client has open. What its request says wins over the headers of HTTP. */
function sentTrace(
  { mcpReq: { _meta: meta } }: RequestContext,
  headers: MessageScope['requestHeaders'],
): TraceContext | undefined {
  for (const source of [meta, headers]) {
    const { traceparent, tracestate }: Readonly<Record<string, unknown>> = source ?? {};
    const found = traceparent === undefined ? undefined : parseTraceContext(traceparent, tracestate);
    if (found !== undefined) return found;
  }
  return undefined;
}

function callStart({ mcpReq }: RequestContext, { client, requestHeaders }: MessageScope, group?: string) {
  const protocolVersion = requestHeaders?.['mcp-protocol-version'];
  const sessionId = requestHeaders?.['mcp-session-id'];
  const transport = requestHeaders === undefined ? ('stdio' as const) : ('http' as const);
  return { transport, requestId: mcpReq.id, client, group, sessionId, protocolVersion };
}

/** A cancelled request is never answered. */
function reportAnswer(timing: CallTiming, { mcpReq }: RequestContext, { whenAnswered }: MessageScope): void {
  if (mcpReq.signal.aborted) timing.answered();
  else whenAnswered(() => timing.answered());
}

type RequestHandler = (request: JSONRPCRequest, context: RequestContext) => Promise<Result>;

/**
 * Refuses invalid parameters of a method with `-32602` and a readable message. The SDK throws the JSON report of its
 * schema library, for most methods without a code, which a client sees as an internal error (2.4.0). It also checks the revision
 * only of the first message on stdio.
 */
export class CheckedServer extends Server {
  /** The URIs of resources that its client has subscribed to (2025 revisions). */
  readonly subscriptions = new Set<string>();
  /** Finds what the access log says of a request. */
  accessOf: ((context: RequestContext) => AccessRecord | undefined) | undefined;
  /** Learns of parameters that do not fit their method. */
  onRefused: ((request: JSONRPCRequest, error: ProtocolError, context: RequestContext) => void) | undefined;

  override connect(transport: Transport): Promise<void> {
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      const isMissing = 'error' in message && message.error.data instanceof MissingLegacyResource;
      return send(isMissing ? { ...message, error: { ...message.error, code: RESOURCE_NOT_FOUND } } : message, options);
    };
    return super.connect(transport);
  }

  /** The SDK finds an envelope in any message that has one of its keys in `_meta` (2.4.0), where clients of 2025 may put whatever they like. */
  #ofItsEra(context: RequestContext): RequestContext {
    const { envelope, ...mcpReq } = context.mcpReq;
    const isModern = this.getNegotiatedProtocolVersion() === MODERN_VERSION;
    return envelope === undefined || isModern ? context : { ...context, mcpReq };
  }

  protected override _wrapHandler(method: string, handler: RequestHandler): RequestHandler {
    const wrapped = super._wrapHandler(method, handler);
    return async (request, sent) => {
      const context = this.#ofItsEra(sent);
      const access = this.accessOf?.(context) ?? {};
      try {
        checkRevision(context);
        refuseArguments(request);
        const result = await wrapped(request, context);
        access.outcome ??= 'success';
        return result;
      } catch (thrown) {
        const refusal = thrown instanceof RefusedArguments ? thrown : toParamsError(thrown);
        if (refusal !== undefined) this.onRefused?.(request, refusal, context);
        const error = refusal ?? thrown;
        access.outcome ??= error instanceof ProtocolError ? String(error.code) : 'internal';
        throw error;
      }
    };
  }
}

function checkRevision({ mcpReq: { envelope } }: RequestContext): void {
  const requested: unknown = envelope && Reflect.get(envelope, PROTOCOL_VERSION_META_KEY);
  if (requested === undefined || requested === MODERN_VERSION) return;
  throw new UnsupportedProtocolVersionError({ supported: [MODERN_VERSION], requested: String(requested) });
}

/** Before the SDK copies and checks them one by one, which takes 3 µs for each and leaves out `__proto__` (2.4.0). */
function refuseArguments({ params }: JSONRPCRequest): void {
  const given: object = Object(params?.['arguments']);
  const count = Object.keys(given).length;
  if (count > MAX_ARGUMENT_VALUES) throw new RefusedArguments(`more than ${MAX_ARGUMENT_VALUES}`);
  if (Object.hasOwn(given, '__proto__')) throw new RefusedArguments('"__proto__" is not known');
}

class RefusedArguments extends ProtocolError {
  constructor(reason: string) {
    super(ProtocolErrorCode.InvalidParams, `Invalid params: arguments: ${reason}`);
  }
}

/**
 * Reads the JSON of a message or of a list of messages. A byte order mark is skipped: some shells write one. A `null` that a
 * client sends for a parameter means that it was left out. Throws `SyntaxError`, which quotes the text, and `OversizedMessage`.
 */
export function parseMessageText(text: string): unknown {
  const parsed: unknown = JSON.parse(text.replace(/^\u{feff}/u, ''));
  if (text.length > LARGE_TEXT || Array.isArray(parsed)) refuseOversized(parsed);
  return Array.isArray(parsed) ? parsed.map(withoutNulls) : withoutNulls(parsed);
}

function withoutNulls(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || !('params' in message)) return message;
  const params = withoutNullMembers(message.params);
  const meta: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, '_meta') : undefined;
  const plain = withoutNullMembers(meta);
  if (plain !== meta) return { ...message, params: { ...Object(params), _meta: plain } };
  return params === message.params ? message : { ...message, params };
}

/** The value itself, if nothing is to be left out. */
function withoutNullMembers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (!Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** A number beyond the safe ones has been rounded: it could be the identifier of another request. */
export function isMessageId(value: unknown): value is RequestId {
  return typeof value === 'string' || (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
}

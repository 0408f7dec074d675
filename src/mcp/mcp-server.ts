import {
  type JSONRPCRequest,
  type LoggingLevel,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  Server,
  type ServerCapabilities,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { ANONYMOUS } from '../duckdb/index.js';
import type { CallContext, EndpointCalls } from '../endpoints/index.js';
import { MxcpError } from '../errors/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { CallNotifications, type Notify } from './call-notifications.js';
import { convertedOnce, toPrompt, toResource, toResourceTemplate, toTool } from './listings.js';
import type { ResultSplices } from './result-splices.js';
import {
  toPromptFailure,
  toResourceFailure,
  toResourceResult,
  toToolFailure,
  toToolResult,
} from './tool-result.js';

export interface ServerInfo {
  readonly name: string;
  readonly version: string;
}

/** What a transport knows of the message that is being answered. */
export interface MessageScope {
  /** Lower-case names; absent when the message did not come over HTTP. */
  readonly requestHeaders?: Readonly<Record<string, string>> | undefined;
  readonly splices: ResultSplices;
  /** How a call tells its client something before it is answered; absent when this client takes nothing but the answer. */
  readonly notify?: Notify | undefined;
}

export interface McpServerFactoryOptions {
  readonly calls: EndpointCalls;
  readonly info: ServerInfo;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  readonly scopeOf: (context: ServerContext) => MessageScope;
}

/** Makes the SDK's server objects: one per request, session or connection. They hold nothing but `calls`. */
export function createMcpServerFactory(options: McpServerFactoryOptions): () => Server {
  const { calls, info, logger } = options;
  // Any caller of the admin socket may reload definitions, so lists can change whatever the settings are.
  const changes = { listChanged: true };
  const capabilities: ServerCapabilities = {
    tools: changes,
    resources: changes,
    prompts: changes,
    logging: {},
  };
  const lists = createLists(calls);
  return () => {
    const server = new CheckedServer({ name: info.name, version: info.version }, { capabilities });
    server.onerror = (error) => logger.debug({ detail: error.message }, 'message could not be handled');
    serveLists(server, lists);
    serveCalls(server, options);
    return server;
  };
}

function createLists(calls: EndpointCalls) {
  const tools = convertedOnce((list: ReturnType<EndpointCalls['listTools']>) => list.map(toTool));
  const prompts = convertedOnce((list: ReturnType<EndpointCalls['listPrompts']>) => list.map(toPrompt));
  const resources = convertedOnce((list: ReturnType<EndpointCalls['listResources']>) => ({
    fixed: list.filter(({ isTemplate }) => !isTemplate).map(toResource),
    templates: list.filter(({ isTemplate }) => isTemplate).map(toResourceTemplate),
  }));
  return {
    tools: () => tools(calls.listTools()),
    prompts: () => prompts(calls.listPrompts()),
    resources: () => resources(calls.listResources()),
  };
}

function serveLists(server: Server, lists: ReturnType<typeof createLists>): void {
  server.setRequestHandler('tools/list', ({ params }) => {
    refuseCursor(params);
    return { tools: lists.tools() };
  });
  server.setRequestHandler('prompts/list', ({ params }) => {
    refuseCursor(params);
    return { prompts: lists.prompts() };
  });
  server.setRequestHandler('resources/list', ({ params }) => {
    refuseCursor(params);
    return { resources: lists.resources().fixed };
  });
  server.setRequestHandler('resources/templates/list', ({ params }) => {
    refuseCursor(params);
    return { resourceTemplates: lists.resources().templates };
  });
}

/** Lists come whole, so no cursor was ever given out. */
function refuseCursor(params: { readonly cursor?: string | undefined } | undefined): void {
  if (params?.cursor !== undefined) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown cursor: lists are answered whole');
  }
}

function serveCalls(server: Server, options: McpServerFactoryOptions): void {
  const { calls } = options;
  const serve = createCallFrame(server, options);
  server.setRequestHandler('tools/call', ({ params }, context) =>
    serve(context, async (call, { splices }) => {
      try {
        const result = await calls.callTool(params.name, params.arguments ?? {}, call);
        refuseCancelled(context);
        return toToolResult(result, splices);
      } catch (error) {
        return toToolFailure(params.name, error, options);
      }
    }),
  );
  server.setRequestHandler('resources/read', ({ params }, context) =>
    serve(context, async (call, { splices }) => {
      try {
        const resource = await calls.readResource(params.uri, call);
        refuseCancelled(context);
        return toResourceResult(resource, splices);
      } catch (error) {
        throw toResourceFailure(params.uri, error, options);
      }
    }),
  );
  server.setRequestHandler('prompts/get', ({ params }, context) =>
    serve(context, async (call) => {
      try {
        const messages = await calls.getPrompt(params.name, params.arguments ?? {}, call);
        return { messages: messages.map(({ role, text }) => ({ role, content: { type: 'text', text } })) };
      } catch (error) {
        throw toPromptFailure(params.name, error, options);
      }
    }),
  );
}

/** Gives each call its context, and ends what the call may tell its client before its answer goes out. */
function createCallFrame(server: Server, { scopeOf, logger, scrubber }: McpServerFactoryOptions) {
  let level: LoggingLevel | undefined;
  // Instead of the SDK's own handler, which keeps the level to itself.
  server.setRequestHandler('logging/setLevel', ({ params }) => {
    level = params.level;
    return {};
  });
  return async <R>(
    context: ServerContext,
    run: (call: CallContext, scope: MessageScope) => Promise<R>,
  ): Promise<R> => {
    const scope = scopeOf(context);
    const notifications = new CallNotifications(context, { notify: scope.notify, level, logger, scrubber });
    const caller = { ...ANONYMOUS, requestHeaders: scope.requestHeaders };
    try {
      return await run({ caller, signal: context.mcpReq.signal, notify: notifications.send }, scope);
    } finally {
      notifications.end();
    }
  };
}

/** The answer to a cancelled request is never sent, so its placeholders must not be made: nobody would take them back. */
function refuseCancelled(context: ServerContext): void {
  if (context.mcpReq.signal.aborted) throw new MxcpError('query_interrupted', 'the call was cancelled');
}

type RequestHandler = (request: JSONRPCRequest, context: ServerContext) => Promise<Result>;

/**
 * Refuses parameters that do not fit their method as such (`-32602`), in words. The SDK itself throws the report of its
 * schema library, for most methods without a code, which a client gets as a failure of the server (2.4.0).
 */
export class CheckedServer extends Server {
  protected override _wrapHandler(method: string, handler: RequestHandler): RequestHandler {
    const wrapped = super._wrapHandler(method, handler);
    return async (request, context) => {
      try {
        return await wrapped(request, context);
      } catch (error) {
        throw toParamsError(error) ?? error;
      }
    };
  }
}

function toParamsError(error: unknown): ProtocolError | undefined {
  if (!(error instanceof Error)) return undefined;
  const isUncoded = !(error instanceof ProtocolError);
  const report = isUncoded ? error.message : /^Invalid tools\/call request: (.*)$/s.exec(error.message)?.[1];
  const issues = report === undefined ? undefined : parseIssues(report);
  return issues && new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params: ${issues.join('; ')}`);
}

/** Undefined for what is no report of the schema library. */
function parseIssues(report: string): readonly string[] | undefined {
  try {
    const issues: unknown = JSON.parse(report);
    const texts = Array.isArray(issues) ? issues.flatMap(toIssueText) : [];
    return texts.length === 0 ? undefined : texts;
  } catch {
    // Some other error, in words of its own.
    return undefined;
  }
}

function toIssueText(issue: unknown): readonly string[] {
  if (typeof issue !== 'object' || issue === null || !('path' in issue) || !('message' in issue)) return [];
  if (!Array.isArray(issue.path)) return [];
  const [, ...path] = issue.path.map(String);
  return [`${path.join('.')}: ${String(issue.message).replace(/^Invalid \w+: /, '')}`];
}

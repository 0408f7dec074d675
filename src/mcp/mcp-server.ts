import {
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerCapabilities,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { CallContext, EndpointCalls } from '../endpoints/index.js';
import { MxcpError } from '../errors/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { ANONYMOUS } from '../runtime/index.js';
import { convertedOnce, toPrompt, toResource, toResourceTemplate, toTool } from './listings.js';
import type { ResultSplices } from './splice/index.js';
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
  readonly instructions?: string | undefined;
}

/** What a transport knows of the message that is being answered. */
export interface MessageScope {
  /** Lower-case names; absent when the message did not come over HTTP. */
  readonly requestHeaders?: Readonly<Record<string, string>> | undefined;
  readonly splices: ResultSplices;
}

export interface McpServerFactoryOptions {
  readonly calls: EndpointCalls;
  readonly info: ServerInfo;
  /** Whether lists can change while the server runs; only then is `listChanged` advertised. */
  readonly definitionsCanChange: boolean;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  readonly scopeOf: (context: ServerContext) => MessageScope;
}

/** Makes the SDK's server objects: one per request, session or connection. They hold nothing but `calls`. */
export function createMcpServerFactory(options: McpServerFactoryOptions): () => Server {
  const { calls, info, definitionsCanChange: listChanged, logger } = options;
  const changes = listChanged ? { listChanged } : {};
  const capabilities: ServerCapabilities = { tools: changes, resources: changes, prompts: changes };
  const lists = createLists(calls);
  return () => {
    const server = new Server(
      { name: info.name, version: info.version },
      { capabilities, ...(info.instructions !== undefined && { instructions: info.instructions }) },
    );
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

function serveCalls(server: Server, { calls, scopeOf, ...output }: McpServerFactoryOptions): void {
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const scope = scopeOf(context);
    try {
      const result = await calls.callTool(params.name, params.arguments ?? {}, toCall(context, scope));
      refuseCancelled(context);
      return toToolResult(result, scope.splices);
    } catch (error) {
      return toToolFailure(params.name, error, output);
    }
  });
  server.setRequestHandler('resources/read', async ({ params }, context) => {
    const scope = scopeOf(context);
    try {
      const resource = await calls.readResource(params.uri, toCall(context, scope));
      refuseCancelled(context);
      return toResourceResult(resource, scope.splices);
    } catch (error) {
      throw toResourceFailure(params.uri, error, output);
    }
  });
  server.setRequestHandler('prompts/get', async ({ params }, context) => {
    try {
      const call = toCall(context, scopeOf(context));
      const messages = await calls.getPrompt(params.name, params.arguments ?? {}, call);
      return { messages: messages.map(({ role, text }) => ({ role, content: { type: 'text', text } })) };
    } catch (error) {
      throw toPromptFailure(params.name, error, output);
    }
  });
}

/** The answer to a cancelled request is never sent, so its placeholders must not be made: nobody would take them back. */
function refuseCancelled(context: ServerContext): void {
  if (context.mcpReq.signal.aborted) throw new MxcpError('query_interrupted', 'the call was cancelled');
}

function toCall(context: ServerContext, { requestHeaders }: MessageScope): CallContext {
  return { caller: { ...ANONYMOUS, requestHeaders }, signal: context.mcpReq.signal };
}

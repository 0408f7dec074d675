import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { type CallContext, type EndpointCalls, groupNotFound } from '../endpoints/index.js';
import type { McpOptions } from './mcp-options.js';

/**
 * The calls of the clients of one group, which stays theirs across reloads: what is no member of it in the current generation is as unknown
 * to them as what the project does not have. Once a reload has removed the group, calls throw `group_not_found` and so do lists.
 */
export function callsOfGroup(calls: EndpointCalls, group: string): EndpointCalls {
  const through = (context: CallContext): CallContext => ({ ...context, group });
  return {
    get endpoints() {
      return calls.groups?.find(group) ?? endpointsOfNone(group, calls.groups?.names ?? []);
    },
    callTool: (name, sent, context) => calls.callTool(name, sent, through(context)),
    readResource: (uri, context) => calls.readResource(uri, through(context)),
    getPrompt: (name, sent, context) => calls.getPrompt(name, sent, through(context)),
    completeArgument: (request, context) => calls.completeArgument(request, through(context)),
  };
}

function endpointsOfNone(group: string, known: readonly string[]): EndpointCalls['endpoints'] {
  return {
    listings: { tools: [], resources: [], prompts: [] },
    listingsFor: () => {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, groupNotFound(group, known).message);
    },
    variesByCaller: true,
    declaredUri: () => undefined,
    canonicalUri: () => undefined,
  };
}

/** What clients show of a server, and how long they may keep its lists. */
export type Presented = Pick<McpOptions, 'info' | 'instructions' | 'listCache'>;

/** What the clients of a group get, as the current generation has it. The rest is as for all clients. */
export function presentedIn(
  group: string,
  { calls, info, instructions, listCache }: Presented & Pick<McpOptions, 'calls'>,
): Presented {
  const shown = calls.groups?.find(group)?.shown;
  const ofAll = { info, instructions, listCache };
  if (shown === undefined) return ofAll;
  const { cache = listCache } = shown;
  const isOpen = listCache?.scope !== 'private';
  return {
    info: { ...info, description: shown.description ?? info.description },
    instructions: shown.instructions ?? instructions,
    listCache: cache && { ttlMs: cache.ttlMs, scope: isOpen ? (cache.scope ?? 'public') : 'private' },
  };
}

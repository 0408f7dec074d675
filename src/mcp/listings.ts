import {
  type Prompt,
  ProtocolError,
  ProtocolErrorCode,
  type Resource,
  type ResourceTemplateType,
  type Server,
  type ServerContext as RequestContext,
  type Tool,
} from '@modelcontextprotocol/server';
import type { EndpointListings, PromptListing, ResourceListing, ToolListing } from '../endpoints/index.js';

export type ListHandlers = ReturnType<typeof createListHandlers>;

/** The handlers of the lists, which all connections share. Lists show what their reader may call. */
export function createListHandlers(listingsOf: (context: RequestContext) => EndpointListings) {
  return {
    tools: unpaged((context) => ({ tools: listingsOf(context).tools.map(toTool) })),
    prompts: unpaged((context) => ({ prompts: listingsOf(context).prompts.map(toPrompt) })),
    resources: unpaged((context) => {
      const fixed = listingsOf(context).resources.filter(({ isTemplate }) => !isTemplate);
      return { resources: fixed.map(toResource) };
    }),
    templates: unpaged((context) => {
      const found = listingsOf(context).resources.filter(({ isTemplate }) => isTemplate);
      return { resourceTemplates: found.map(toResourceTemplate) };
    }),
  };
}

/** A list is answered as a whole, so every cursor is unknown. */
function unpaged<R>(list: (context: RequestContext) => R) {
  return (
    { params }: { readonly params?: { readonly cursor?: string | undefined } | undefined },
    context: RequestContext,
  ): R => {
    if (params?.cursor === undefined) return list(context);
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown cursor: lists are answered whole');
  };
}

export function toTool({ tags, ...listing }: ToolListing): Tool {
  return { ...listing, ...toMeta(tags) };
}

export function toResource({ uri, ...listing }: ResourceListing): Resource {
  return { uri, ...toResourceDetails(listing) };
}

export function toResourceTemplate({ uri, ...listing }: ResourceListing): ResourceTemplateType {
  return { uriTemplate: uri, ...toResourceDetails(listing) };
}

function toResourceDetails({ name, title, description, mimeType, tags }: Omit<ResourceListing, 'uri'>) {
  return { name, title, description, mimeType, ...toMeta(tags) };
}

export function toPrompt({ tags, arguments: declared, ...listing }: PromptListing): Prompt {
  return { ...listing, arguments: [...declared], ...toMeta(tags) };
}

function toMeta(tags: readonly string[] = []) {
  return tags.length === 0 ? {} : { _meta: { 'mxcp/tags': [...tags] } };
}

/** Which MCP lists changed. */
export interface ListChanges {
  readonly tools?: boolean;
  readonly resources?: boolean;
  readonly prompts?: boolean;
}

/** Notifies a client of a 2025 protocol, which stays connected. */
export async function sendListChanges(server: Server, changes: ListChanges): Promise<void> {
  if (changes.tools === true) await server.sendToolListChanged();
  if (changes.resources === true) await server.sendResourceListChanged();
  if (changes.prompts === true) await server.sendPromptListChanged();
}

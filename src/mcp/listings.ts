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
import type { CacheRule } from '../config/index.js';
import type { EndpointListings, PromptListing, ResourceListing, ToolListing } from '../endpoints/index.js';

export type ListHandlers = ReturnType<typeof createListHandlers>;

export interface ListSource {
  /** What the sender of a request may call. */
  readonly listingsOf: (context: RequestContext) => EndpointListings;
  /** How long a client may keep a list, and for whom. */
  readonly cacheOf: (context: RequestContext) => CacheRule;
}

export const NO_CACHE: CacheRule = { ttlMs: 0, scope: 'private' };

/** The handlers of the lists, which all connections share. */
export function createListHandlers({ listingsOf, cacheOf }: ListSource) {
  const listOf = <R>(pick: (listings: EndpointListings) => R) =>
    unpaged((context) => ({ ...pick(listingsOf(context)), ...cacheHint(context, cacheOf(context)) }));
  return {
    tools: listOf(({ tools }) => ({ tools: tools.map(toTool) })),
    prompts: listOf(({ prompts }) => ({ prompts: prompts.map(toPrompt) })),
    resources: listOf(({ resources }) => ({
      resources: resources.filter(({ isTemplate }) => !isTemplate).map(toResource),
    })),
    templates: listOf(({ resources }) => ({
      resourceTemplates: resources.filter(({ isTemplate }) => isTemplate).map(toResourceTemplate),
    })),
  };
}

/** The fields that say how long a result may be kept. The 2025 revisions do not have them. */
export function cacheHint({ mcpReq: { envelope } }: RequestContext, rule: CacheRule | undefined) {
  return envelope === undefined || rule === undefined ? {} : { ttlMs: rule.ttlMs, cacheScope: rule.scope };
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

export function toTool({ tags, icons, ...listing }: ToolListing): Tool {
  return { ...listing, ...toIcons(icons), ...toMeta(tags) };
}

export function toResource({ uri, ...listing }: ResourceListing): Resource {
  return { uri, ...toResourceDetails(listing) };
}

export function toResourceTemplate({ uri, ...listing }: ResourceListing): ResourceTemplateType {
  return { uriTemplate: uri, ...toResourceDetails(listing) };
}

function toResourceDetails(listing: Omit<ResourceListing, 'uri'>) {
  const { name, title, description, mimeType, annotations, icons, tags } = listing;
  return { name, title, description, mimeType, ...toAnnotations(annotations), ...toIcons(icons), ...toMeta(tags) };
}

export function toPrompt({ tags, icons, arguments: declared, ...listing }: PromptListing): Prompt {
  return { ...listing, arguments: [...declared], ...toIcons(icons), ...toMeta(tags) };
}

/** The server, as its clients show it. */
export function toImplementation<T extends { readonly icons?: ToolListing['icons'] | undefined }>({
  icons,
  ...names
}: T) {
  return { ...names, ...toIcons(icons) };
}

/** With `sizes` that the SDK may write to. */
function toIcons(icons: ToolListing['icons']): Pick<Tool, 'icons'> {
  if (icons === undefined || icons.length === 0) return {};
  return { icons: icons.map(({ sizes, ...icon }) => ({ ...icon, ...(sizes !== undefined && { sizes: [...sizes] }) })) };
}

function toAnnotations(annotations: ResourceListing['annotations']): Pick<Resource, 'annotations'> {
  if (annotations === undefined) return {};
  const { audience, ...others } = annotations;
  return { annotations: { ...others, ...(audience !== undefined && { audience: [...audience] }) } };
}

function toMeta(tags: readonly string[] = []) {
  return tags.length === 0 ? {} : { _meta: { 'mxcp/tags': [...tags] } };
}

/** Which MCP lists changed. */
export interface ListChanges {
  readonly tools?: boolean;
  readonly resources?: boolean;
  readonly prompts?: boolean;
  /** The same of each group; one that a reload has removed has changed as a whole. */
  readonly groups?: ReadonlyMap<string, Omit<ListChanges, 'groups'>> | undefined;
}

/** Those of one group, or of all endpoints. */
export function changesOf(group: string | undefined, changes: ListChanges): ListChanges {
  return group === undefined ? changes : (changes.groups?.get(group) ?? {});
}

/** Notifies a client of a 2025 protocol, which stays connected. */
export async function sendListChanges(server: Server, changes: ListChanges): Promise<void> {
  if (changes.tools === true) await server.sendToolListChanged();
  if (changes.resources === true) await server.sendResourceListChanged();
  if (changes.prompts === true) await server.sendPromptListChanged();
}

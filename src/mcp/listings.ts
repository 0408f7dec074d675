import type { Prompt, Resource, ResourceTemplateType, Server, Tool } from '@modelcontextprotocol/server';
import type { PromptListing, ResourceListing, ToolListing } from '../endpoints/index.js';

export function toTool(listing: ToolListing): Tool {
  return {
    name: listing.name,
    ...(listing.title !== undefined && { title: listing.title }),
    ...(listing.description !== undefined && { description: listing.description }),
    inputSchema: { ...listing.inputSchema, type: 'object' },
    ...(listing.outputSchema !== undefined && { outputSchema: { ...listing.outputSchema, type: 'object' } }),
    ...(listing.annotations !== undefined && { annotations: listing.annotations }),
    ...toMeta(listing.tags),
  };
}

export function toResource(listing: ResourceListing): Resource {
  return { uri: listing.uri, ...toResourceDetails(listing) };
}

export function toResourceTemplate(listing: ResourceListing): ResourceTemplateType {
  return { uriTemplate: listing.uri, ...toResourceDetails(listing) };
}

function toResourceDetails(listing: ResourceListing) {
  return {
    name: listing.name,
    ...(listing.description !== undefined && { description: listing.description }),
    ...(listing.mimeType !== undefined && { mimeType: listing.mimeType }),
    ...toMeta(listing.tags),
  };
}

export function toPrompt(listing: PromptListing): Prompt {
  return {
    name: listing.name,
    ...(listing.description !== undefined && { description: listing.description }),
    arguments: listing.arguments.map(({ name, description, required }) => ({
      name,
      required,
      ...(description !== undefined && { description }),
    })),
    ...toMeta(listing.tags),
  };
}

function toMeta(tags: readonly string[] | undefined) {
  return tags === undefined || tags.length === 0 ? {} : { _meta: { 'mxcp/tags': [...tags] } };
}

/**
 * Converts a list once for as long as the same array is served: definitions rarely change, and one server object is made
 * for every request.
 */
export function convertedOnce<From extends object, To>(
  convert: (list: readonly From[]) => To,
): (list: readonly From[]) => To {
  const converted = new WeakMap<readonly From[], { readonly value: To }>();
  return (list) => {
    const known = converted.get(list);
    if (known !== undefined) return known.value;
    const value = convert(list);
    converted.set(list, { value });
    return value;
  };
}

/** Which lists have changed. */
export interface ListChanges {
  readonly tools?: boolean;
  readonly resources?: boolean;
  readonly prompts?: boolean;
}

/** Tells a client that is connected all the time. */
export async function sendListChanges(server: Server, changes: ListChanges): Promise<void> {
  if (changes.tools === true) await server.sendToolListChanged();
  if (changes.resources === true) await server.sendResourceListChanged();
  if (changes.prompts === true) await server.sendPromptListChanged();
}

import type { Prompt, Resource, ResourceTemplateType, Server, Tool } from '@modelcontextprotocol/server';
import type { PromptListing, ResourceListing, ToolListing } from '../endpoints/index.js';

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

import type { Prompt, Resource, ResourceTemplateType, Tool } from '@modelcontextprotocol/server';
import type { PromptListing, ResourceListing, ToolListing } from '../endpoints/index.js';
import type { JsonObject } from '../runtime/index.js';

export function toTool(listing: ToolListing): Tool {
  return {
    name: listing.name,
    ...(listing.title !== undefined && { title: listing.title }),
    ...(listing.description !== undefined && { description: listing.description }),
    inputSchema: { ...listing.inputSchema, type: 'object' },
    ...(listing.outputSchema !== undefined && { outputSchema: toObjectSchema(listing.outputSchema) }),
    ...(listing.annotations !== undefined && { annotations: listing.annotations }),
    ...toMeta(listing.tags),
  };
}

/** `structuredContent` is always an object: what is not one is found under `result` there, and so in the schema. */
function toObjectSchema(schema: JsonObject): NonNullable<Tool['outputSchema']> {
  if (schema['type'] === 'object') return { ...schema, type: 'object' };
  return { type: 'object', properties: { result: schema }, required: ['result'] };
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

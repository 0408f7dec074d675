import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import type { Icon, ResolvedConfig } from '../config/index.js';
import type {
  EndpointDefinition,
  EndpointKind,
  EndpointSet,
  PromptListing,
  ResourceListing,
  ToolListing,
} from '../endpoints/index.js';
import { messageOf, MxcpError } from '../errors/index.js';
import { isMapping } from '../yaml/index.js';
import { behaviourFields, behaviourOf } from './call-behaviour.js';
import { type GroupContract, groupSchema } from './group-contracts.js';

/** Raised when an older mxcp could misread a file. */
const FORMAT = 1;

const text = z.string().optional();
const hints = z.record(z.string(), z.unknown()).optional();
const icons = z.array(z.record(z.string(), z.unknown())).optional();
const listing = { name: z.string(), title: text, description: text, tags: z.array(z.string()).optional(), icons };
const jsonSchema = z.custom<JsonObject>(isMapping, 'must be a JSON Schema');

const toolSchema = z.object({
  ...listing,
  ...behaviourFields,
  inputSchema: jsonSchema,
  outputSchema: jsonSchema.optional(),
  annotations: hints,
});
const resourceSchema = z.object({
  uri: z.string(),
  ...listing,
  ...behaviourFields,
  mimeType: text,
  annotations: hints,
});
const promptSchema = z.object({
  ...listing,
  ...behaviourFields,
  arguments: z.array(z.object({ name: z.string(), title: text, description: text, required: z.boolean() })),
});

const contractSchema = z.object({
  mxcpContract: z.literal(FORMAT),
  // Files of earlier versions have none.
  server: z.object({ title: text, description: text, instructions: text, websiteUrl: text, icons }).optional(),
  tools: z.array(toolSchema),
  resources: z.array(resourceSchema),
  prompts: z.array(promptSchema),
  // Files of earlier versions have none, and neither have those of projects without groups.
  groups: z.array(groupSchema).optional(),
});

/** What a project offers to clients: the lists that they see, and what they meet in a call. Templates are among the resources. */
export type Contract = z.infer<typeof contractSchema>;
/** What clients show of a server, and tell their models about it. */
export type ServerContract = Omit<ResolvedConfig['presentation'], 'cache'>;
export type ToolContract = Contract['tools'][number];
export type ResourceContract = Contract['resources'][number];
export type PromptContract = Contract['prompts'][number];

/** Sorted, so that it does not depend on the names and the order of files. */
export function toContract(
  { listings: { tools, resources, prompts }, catalog }: Pick<EndpointSet, 'listings' | 'catalog'>,
  server?: ServerContract,
  groups: readonly GroupContract[] = [],
): Contract {
  const declared = (kind: EndpointKind, name: string) =>
    behaviourOf(catalog.endpoints.find((each) => each.kind === kind && nameOf(each) === name));
  const contract: Contract = {
    mxcpContract: FORMAT,
    ...(server !== undefined && { server: { ...server, ...toIcons(server.icons) } }),
    tools: tools
      .map((each) => ({ ...toToolContract(each), ...declared('tool', each.name) }))
      .sort(by(({ name }) => name)),
    resources: resources
      .map((each) => ({ ...toResourceContract(each), ...declared('resource', each.uri) }))
      .sort(by(({ uri }) => uri)),
    prompts: prompts
      .map((each) => ({ ...toPromptContract(each), ...declared('prompt', each.name) }))
      .sort(by(({ name }) => name)),
    ...(groups.length > 0 && { groups: [...groups] }),
  };
  // Exactly what a file gives back: no members that are undefined, and no infinities, which only YAML has.
  return parseContract(formatContract(contract), 'the project');
}

function nameOf(endpoint: EndpointDefinition): string {
  return endpoint.kind === 'resource' ? endpoint.uri : endpoint.name;
}

function by<T>(keyOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0);
}

function toToolContract(tool: ToolListing): ToolContract {
  const { name, title, description, annotations, inputSchema, outputSchema } = tool;
  return {
    name,
    title,
    description,
    annotations: annotations && { ...annotations },
    inputSchema: toSorted(inputSchema),
    outputSchema: outputSchema && toSorted(outputSchema),
    ...toIcons(tool.icons),
    ...toTags(tool),
  };
}

function toResourceContract(resource: ResourceListing): ResourceContract {
  const { uri, name, title, description, mimeType, annotations } = resource;
  const shown = { uri, name, title, description, mimeType, annotations: annotations && { ...annotations } };
  return { ...shown, ...toIcons(resource.icons), ...toTags(resource) };
}

function toPromptContract(prompt: PromptListing): PromptContract {
  const { name, title, description } = prompt;
  const sorted = [...prompt.arguments].sort(by((argument) => argument.name));
  return { name, title, description, arguments: sorted, ...toIcons(prompt.icons), ...toTags(prompt) };
}

/** Of an image in the list itself, only what distinguishes it from others. */
function toIcons(shown: readonly Icon[] = []) {
  if (shown.length === 0) return { icons: undefined };
  return {
    icons: shown.map(({ src, ...icon }) => {
      const [type, data] = src.startsWith('data:') ? src.split(',', 2) : [];
      if (data === undefined) return { src, ...icon };
      return { src: `${type},sha256:${createHash('sha256').update(data).digest('hex')}`, ...icon };
    }),
  };
}

function toTags({ tags = [] }: { readonly tags?: readonly string[] | undefined }) {
  return tags.length === 0 ? {} : { tags: [...tags].sort() };
}

/** The order of members says nothing, so another order of parameters is no change of the file. */
function toSorted(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, sortWithin(key, value)]));
}

function sortWithin(key: string, value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    if (key === 'anyOf') return value.map(sortSchema);
    return key === 'required' ? value.toSorted() : value;
  }
  if (key !== 'properties' || !isMapping(value)) return key === 'items' ? sortSchema(value) : value;
  // The members of a JSON value that is a mapping are JSON values.
  const members = Object.entries(value as JsonObject).sort(by(([name]) => name));
  return Object.fromEntries(members.map(([name, member]) => [name, sortSchema(member)]));
}

function sortSchema(schema: JsonValue): JsonValue {
  return isMapping(schema) ? toSorted(schema as JsonObject) : schema;
}

/** As it is written to a file that is committed. */
export function formatContract(contract: Contract): string {
  return `${JSON.stringify(contract, null, 2)}\n`;
}

/** Throws `contract_invalid`; `place` names the text in its message. */
export function parseContract(written: string, place: string): Contract {
  const refuse = (reason: string, cause?: unknown): MxcpError =>
    new MxcpError('contract_invalid', `${place} is not a contract: ${reason}; \`mxcp contract\` writes one`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(written.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  if (isMapping(value) && typeof value['mxcpContract'] === 'number' && value['mxcpContract'] > FORMAT)
    throw refuse(`it has format ${value['mxcpContract']}, which a newer mxcp wrote`);
  const parsed = contractSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue === undefined || issue.path.length === 0 ? 'the file' : `\`${issue.path.join('.')}\``;
  throw refuse(`${at}: ${issue?.message ?? 'unknown form'}`, parsed.error);
}

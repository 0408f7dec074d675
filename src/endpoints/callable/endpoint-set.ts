import type { Caller } from '../../caller/index.js';
import type { RateRule, ResolvedConfig } from '../../config/index.js';
import type { EndpointPolicies } from '../../policies/index.js';
import {
  type AnswerRules,
  ArgumentReader,
  createResultChecks,
  type DeclaredContent,
  findContent,
  type ObjectSchema,
  type ParameterDefinition,
  type ResultOptions,
  SchemaCompiler,
  toInputSchema,
  toOutputSchema,
  type TypeDefinition,
} from '../../values/index.js';
import {
  type EndpointCatalog,
  type EndpointDefinition,
  type EndpointKind,
  endpointLabel,
  type EndpointSource,
  type PromptDefinition,
  type ResourceDefinition,
  type ToolDefinition,
} from '../definitions/endpoint-definition.js';
import { ResourceRouter, UriTemplate } from '../definitions/uri-template.js';
import { digestOf } from '../../questions/index.js';
import { toAdvertisedType } from './advertised-result.js';
import { Confirmation } from './confirmation.js';
import { PromptRenderer } from './render-prompt.js';
import { PAGE_PARAMETERS } from './answer-limits.js';
import { createSqlTools, type SqlTool } from './sql-tools.js';

interface Listing extends Readonly<Partial<Pick<EndpointDefinition, 'title' | 'description' | 'tags' | 'icons'>>> {
  readonly name: string;
}

export interface ToolListing extends Listing {
  readonly inputSchema: ObjectSchema;
  readonly outputSchema?: ObjectSchema | undefined;
  readonly annotations?: Partial<ToolDefinition['annotations']>;
}

export interface ResourceListing extends Listing {
  /** A URI, or an RFC 6570 level 1 template when the resource has parameters. */
  readonly uri: string;
  readonly isTemplate: boolean;
  readonly annotations?: ResourceDefinition['annotations'];
  readonly mimeType?: string | undefined;
}

export interface PromptListing extends Listing {
  readonly arguments: readonly (Omit<Listing, 'tags' | 'icons'> & { readonly required: boolean })[];
}

/** What clients see of the endpoints before they call one. */
export type EndpointListings = EndpointSet['listings'];

/** Something that answers with a result when it is called: a tool, a resource, or an SQL tool. */
export interface Callable extends Omit<ResultOptions, 'maxResultBytes' | 'limits'> {
  readonly arguments: ArgumentReader;
  /** What the token of a caller must have. */
  readonly scopes: readonly string[];
  readonly source: EndpointSource | SqlTool['source'];
  readonly policies: EndpointPolicies | undefined;
  /** What of its result becomes content blocks. */
  readonly content: DeclaredContent | undefined;
  readonly rules: AnswerRules;
  /** What a call of it changes; empty where its definition says nothing. */
  readonly updates: readonly string[];
  /** What a person is asked before it runs. */
  readonly confirm: Confirmation | undefined;
  /** Whether a call may ask its client. Code may ask at any time. */
  readonly asks: boolean;
  /** Changes with everything that a person agrees to. Computed when it is needed. */
  readonly digest: () => string;
}

/** An endpoint that may be called only so often, and how messages name it. */
export interface LimitedEndpoint {
  readonly label: string;
  readonly rule: RateRule;
}

interface CallableResource extends Callable, Pick<ResourceDefinition, 'uri' | 'cache'> {
  readonly mimeType: string;
}

export interface CallablePrompt
  extends Pick<Callable, 'endpoint' | 'arguments' | 'scopes' | 'confirm' | 'asks' | 'digest'> {
  /** Arguments of prompts are strings, and clients send "" for a field that was left empty. */
  readonly leftOutWhenEmpty: ReadonlySet<string>;
  readonly renderer: PromptRenderer;
  readonly policies: EndpointPolicies | undefined;
}

/** What calls find, of all endpoints or of those of a group. */
export type CallableEndpoints = Pick<
  EndpointSet,
  | 'catalog'
  | 'listings'
  | 'tools'
  | 'prompts'
  | 'hasLimits'
  | 'scopes'
  | 'variesByCaller'
  | 'limitOf'
  | 'declaredUri'
  | 'canonicalUri'
  | 'listingsFor'
> & { readonly resources: Pick<EndpointSet['resources'], 'find'> };

/** What lists show of the endpoints. */
export type ListedEndpoints = Pick<
  EndpointSet,
  'listings' | 'listingsFor' | 'variesByCaller' | 'declaredUri' | 'canonicalUri'
>;

/**
 * The endpoints of one generation, ready to be called: immutable, and dropped with the generation. Endpoints that failed
 * their checks are left out.
 */
export class EndpointSet {
  readonly catalog: EndpointCatalog;
  readonly listings: {
    readonly tools: readonly ToolListing[];
    readonly resources: readonly ResourceListing[];
    readonly prompts: readonly PromptListing[];
  };
  readonly tools: ReadonlyMap<string, Callable>;
  readonly resources: ResourceRouter<CallableResource>;
  readonly prompts: ReadonlyMap<string, CallablePrompt>;
  /** By the label of the endpoint that they guard. */
  readonly #policies: ReadonlyMap<string, EndpointPolicies>;
  /** Whether any endpoint limits how often it may be called. */
  readonly hasLimits: boolean;
  /** By label. */
  readonly #limits: ReadonlyMap<string, LimitedEndpoint>;
  readonly #compiler = new SchemaCompiler();

  constructor(catalog: EndpointCatalog, sqlTools: ResolvedConfig['sqlTools']) {
    const tools = [...catalog.endpoints.filter((endpoint) => endpoint.kind === 'tool'), ...createSqlTools(sqlTools)];
    const resources = catalog.endpoints.filter((endpoint) => endpoint.kind === 'resource');
    const prompts = catalog.endpoints.filter((endpoint) => endpoint.kind === 'prompt');
    this.catalog = catalog;
    this.#policies = new Map(
      [...tools, ...resources, ...prompts].flatMap((each) => (each.policies ? [[labelOf(each), each.policies]] : [])),
    );
    this.listings = {
      tools: tools.map(toToolListing),
      resources: resources.map(toResourceListing),
      prompts: prompts.map(toPromptListing),
    };
    this.tools = new Map(tools.map((tool) => [tool.name, this.#toCallable(tool)]));
    this.resources = new ResourceRouter(
      resources.map((each) => {
        const { uri, cache } = each;
        return [uri, { ...this.#toCallable(each), mimeType: mimeTypeOf(each), uri, cache }];
      }),
    );
    this.prompts = new Map(prompts.map((prompt) => [prompt.name, this.#toCallablePrompt(prompt)]));
    const limits = catalog.endpoints.flatMap((each) => {
      const { rateLimit: rule } = each;
      const label = labelOf(each);
      return rule === undefined ? [] : [[label, { label, rule }] as const];
    });
    this.#limits = new Map(limits);
    this.hasLimits = limits.length > 0;
  }

  /** How often the endpoint of this name, or the resource with this URI, may be called. */
  limitOf(kind: EndpointKind, called: string): LimitedEndpoint | undefined {
    const name = kind === 'resource' ? this.resources.find(called)?.resource.uri : called;
    return name === undefined ? undefined : this.#limits.get(endpointLabel(kind, name));
  }

  /** Every scope that an endpoint needs, each one once. */
  get scopes(): readonly string[] {
    return [...new Set(this.catalog.endpoints.flatMap(({ scopes }) => scopes))].sort();
  }

  /** Whether some callers may call what others may not, as far as that does not depend on the arguments. */
  get variesByCaller(): boolean {
    return [...this.#policies.values()].some(({ hasInputRules }) => hasInputRules);
  }

  /** The URI or template of the resource that a URI leads to; only if the caller may read it, as far as that does not depend on the arguments. */
  declaredUri(uri: string, caller?: Caller): string | undefined {
    const { resource } = this.resources.find(uri) ?? {};
    if (resource === undefined || caller === undefined) return resource?.uri;
    const hasScopes = resource.scopes.every((scope) => caller.scopes.includes(scope));
    const isOpen = this.#policies.get(endpointLabel('resource', resource.uri))?.mayCall(caller) ?? true;
    return hasScopes && isOpen ? resource.uri : undefined;
  }

  /** Equal for URIs that name the same resource; undefined if there is none. */
  canonicalUri(uri: string): string | undefined {
    return this.resources.canonicalUri(uri);
  }

  /** What a caller may call, as far as that does not depend on the arguments. */
  listingsFor(caller: Caller): EndpointListings {
    if (this.#policies.size === 0) return this.listings;
    const isOpen = (label: string): boolean => this.#policies.get(label)?.mayCall(caller) ?? true;
    const { tools, resources, prompts } = this.listings;
    return {
      tools: tools.filter(({ name }) => isOpen(endpointLabel('tool', name))),
      resources: resources.filter(({ uri }) => isOpen(endpointLabel('resource', uri))),
      prompts: prompts.filter(({ name }) => isOpen(endpointLabel('prompt', name))),
    };
  }

  #toCallablePrompt(prompt: PromptDefinition): CallablePrompt {
    const endpoint = labelOf(prompt);
    const { parameters, scopes, policies } = prompt;
    const optional = parameters.filter((each) => 'default' in each && !takesEmptyText(each));
    const leftOutWhenEmpty = new Set(optional.map(({ name }) => name));
    const reader = this.#readerOf(endpoint, parameters);
    const renderer = new PromptRenderer(prompt);
    const { asks, ...asking } = toAsking(endpoint, prompt);
    const shown = { endpoint, scopes, arguments: reader, leftOutWhenEmpty, renderer, policies };
    return { ...shown, ...asking, asks: asks || renderer.embeds };
  }

  #toCallable(definition: ToolDefinition | ResourceDefinition | SqlTool): Callable {
    const { returns, source, policies } = definition;
    const endpoint = labelOf(definition);
    const checks = returns && createResultChecks(returns, this.#compiler);
    // A resource that does not exist is an error to its clients, and MCP has no null in place of an object.
    const allowsNull = definition.kind === 'tool' && returns?.type !== 'object';
    const scopes = 'scopes' in definition ? definition.scopes : [];
    return {
      endpoint,
      scopes,
      arguments: this.#readerOf(endpoint, parametersOf(definition)),
      rules: toRules(definition),
      updates: 'updates' in definition ? definition.updates : [],
      returns,
      checks,
      allowsNull,
      source,
      policies,
      content: findContent(returns, `mxcp://tools/${encodeURIComponent(definition.name)}`),
      ...toAsking(endpoint, definition),
    };
  }

  #readerOf(label: string, parameters: readonly ParameterDefinition[]): ArgumentReader {
    return new ArgumentReader(label, parameters, this.#compiler.checkOfArguments(parameters));
  }
}

function isContent(returns: TypeDefinition): boolean {
  return findContent(returns, '') !== undefined;
}

/** What callers send, with the arguments of paging. */
function parametersOf(definition: ToolDefinition | ResourceDefinition | SqlTool): readonly ParameterDefinition[] {
  const paging = pagingOf(definition);
  return paging === undefined ? definition.parameters : [...definition.parameters, ...PAGE_PARAMETERS[paging]];
}

function pagingOf(definition: ToolDefinition | ResourceDefinition | SqlTool): ToolDefinition['paging'] {
  return 'paging' in definition ? definition.paging : undefined;
}

function toRules(definition: ToolDefinition | ResourceDefinition | SqlTool): AnswerRules {
  const limits =
    'limits' in definition ? definition.limits : { maxRows: undefined, maxBytes: undefined, keeps: undefined };
  const isQuery = definition.source.language === 'sql' && definition.source.sql === undefined;
  const argument = pagingOf(definition) ?? (isQuery ? 'limit' : undefined);
  // The bytes of an image say little of what it costs a model.
  const hasDefaults = definition.kind === 'tool' && !(definition.returns && isContent(definition.returns));
  return { ...limits, hasDefaults, argument };
}

function toAsking(
  endpoint: string,
  definition: EndpointDefinition | SqlTool,
): Pick<Callable, 'confirm' | 'asks' | 'digest'> {
  const rule = 'confirm' in definition ? definition.confirm : undefined;
  const sql = 'source' in definition && definition.source.language === 'sql' ? definition.source.sql?.text : undefined;
  return {
    confirm: rule && new Confirmation(endpoint, rule, sql),
    asks: rule !== undefined || ('source' in definition && definition.source.language === 'python'),
    // Functions, and policies, which are enforced at each attempt, are left out.
    digest: () =>
      digestOf(
        JSON.parse(JSON.stringify({ ...definition, policies: undefined, metadata: undefined, tests: undefined })),
      ),
  };
}

function takesEmptyText({ type, format, pattern, minLength = 0, enum: allowed }: ParameterDefinition): boolean {
  const isFree = type === 'string' && format === undefined && pattern === undefined && minLength === 0;
  return isFree && (allowed === undefined || allowed.includes(''));
}

function labelOf(definition: EndpointDefinition | SqlTool): string {
  return endpointLabel(definition.kind, definition.kind === 'resource' ? definition.uri : definition.name);
}

function toToolListing(tool: ToolDefinition | SqlTool): ToolListing {
  const { name, description, returns, annotations, policies } = tool;
  const advertised = returns && policies ? toAdvertisedType(returns, policies.fieldChanges) : returns;
  const { argument, maxRows, maxBytes, keeps } = toRules(tool);
  const paging = pagingOf(tool);
  const saysLeftOut = [argument, maxRows, maxBytes, keeps].some((each) => each !== undefined);
  return {
    name,
    title: ('title' in tool ? tool.title : undefined) ?? annotations?.title,
    description,
    inputSchema: toInputSchema(parametersOf(tool)),
    // Content has no structure that a schema could describe.
    outputSchema:
      advertised && !isContent(advertised)
        ? toOutputSchema(paging === undefined ? advertised : { ...advertised, minItems: undefined }, {
            saysLeftOut,
            paging,
          })
        : undefined,
    annotations,
    tags: 'tags' in tool ? tool.tags : undefined,
    icons: 'icons' in tool ? tool.icons : [],
  };
}

function toResourceListing(resource: ResourceDefinition): ResourceListing {
  const { uri, name, title, description, tags, icons, annotations } = resource;
  const { isTemplate } = new UriTemplate(uri);
  return { uri, isTemplate, name, title, description, mimeType: mimeTypeOf(resource), annotations, tags, icons };
}

/** Without a declared type: a text is plain text, everything else is JSON. */
function mimeTypeOf({ mimeType, returns }: ResourceDefinition): string {
  return mimeType ?? (returns?.type === 'string' ? 'text/plain' : 'application/json');
}

function toPromptListing({ name, title, description, parameters, tags, icons }: PromptDefinition): PromptListing {
  const listed = parameters.map((parameter) => ({
    name: parameter.name,
    description: describeArgument(parameter),
    required: !('default' in parameter),
  }));
  return { name, title, description, arguments: listed, tags, icons };
}

/** Arguments of MCP prompts are always strings, so the description says what a text must be. */
function describeArgument(parameter: ParameterDefinition): string | undefined {
  const { description } = parameter;
  const form = formOf(parameter);
  if (form === undefined) return description;
  return description === undefined ? `${form}.` : `${description.replace(/[.\s]*$/, '')} (${form}).`;
}

const FORMATS: Readonly<Record<string, string>> = {
  date: 'a date, as 2024-12-31',
  time: 'a time, as 23:59:00',
  'date-time': 'a date and time in ISO 8601, as 2024-12-31T23:59:00Z',
  duration: 'a duration in ISO 8601, as P1DT2H',
  timestamp: 'seconds since 1970-01-01 in UTC',
  email: 'an email address',
  uri: 'a URI',
};
const TYPES: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list as JSON',
  object: 'an object as JSON',
};
/** More values would hide the rest of a description. */
const MAX_LISTED = 10;

function formOf(parameter: ParameterDefinition): string | undefined {
  const { type, format, enum: allowed, examples = [] } = parameter;
  if (allowed !== undefined && allowed.length <= MAX_LISTED) return `one of ${allowed.map(String).join(', ')}`;
  const form = type === 'string' ? FORMATS[format ?? ''] : TYPES[type];
  if (type !== 'array' && type !== 'object') return form;
  const [example = exampleOf(parameter)] = examples;
  return `${form}, as ${JSON.stringify(example)}`;
}

function exampleOf({ type, items, properties = {} }: TypeDefinition): unknown {
  if (type === 'array') return [items === undefined ? '…' : exampleOf(items)];
  if (type !== 'object') return { string: '…', integer: 1, number: 1.5, boolean: true }[type];
  const members = Object.entries(properties).slice(0, MAX_LISTED);
  return Object.fromEntries(members.map(([name, member]) => [name, exampleOf(member)]));
}

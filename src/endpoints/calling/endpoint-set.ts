import type { ResolvedConfig } from '../../config/index.js';
import type { JsonObject } from '../../duckdb/index.js';
import {
  ArgumentReader,
  ResultChecks,
  SchemaCompiler,
  toOutputSchema,
  type TypeDefinition,
} from '../../values/index.js';
import {
  type EndpointCatalog,
  endpointLabel,
  type EndpointSource,
  type PromptDefinition,
  type ResourceDefinition,
  type ToolDefinition,
} from '../definitions/endpoint-definition.js';
import { UriTemplate } from '../definitions/uri-template.js';
import type { PromptListing, ResourceListing, ToolListing } from './endpoint-calls.js';
import { PromptRenderer } from './render-prompt.js';
import type { EndpointWork } from './run-work.js';
import { createSqlTools, type SqlTool } from './sql-tools.js';

/** Something that answers with a result when it is called: a tool, a resource, or a built-in SQL tool. */
export interface Callable {
  /** For errors, e.g. `tool "sales"`. */
  readonly label: string;
  readonly arguments: ArgumentReader;
  readonly returns: TypeDefinition | undefined;
  readonly checks: ResultChecks | undefined;
  readonly work: EndpointWork;
}

export interface CallableResource extends Callable {
  readonly definition: ResourceDefinition;
  readonly mimeType: string;
}

export interface CallablePrompt {
  readonly arguments: ArgumentReader;
  readonly renderer: PromptRenderer;
}

/**
 * What one generation serves, ready to be called: immutable, and gone with its generation. A catalogue that failed its
 * checks in part serves the rest.
 */
export class EndpointSet {
  readonly catalog: EndpointCatalog;
  readonly tools: readonly ToolListing[];
  readonly resources: readonly ResourceListing[];
  readonly prompts: readonly PromptListing[];
  readonly #tools = new Map<string, Callable>();
  readonly #resources: ResourceRouter<CallableResource>;
  readonly #prompts = new Map<string, CallablePrompt>();
  readonly #compiler = new SchemaCompiler();

  constructor(catalog: EndpointCatalog, sqlTools: ResolvedConfig['sqlTools']) {
    this.catalog = catalog;
    const tools = catalog.endpoints.filter((endpoint) => endpoint.kind === 'tool');
    const resources = catalog.endpoints.filter((endpoint) => endpoint.kind === 'resource');
    const prompts = catalog.endpoints.filter((endpoint) => endpoint.kind === 'prompt');
    const builtIn = createSqlTools(sqlTools);
    this.tools = [
      ...tools.map((tool) => this.#addTool(tool)),
      ...builtIn.map((tool) => this.#addSqlTool(tool)),
    ];
    this.resources = resources.map(toResourceListing);
    this.#resources = new ResourceRouter(
      resources.map((resource) => [resource.uri, this.#toCallableResource(resource)]),
    );
    this.prompts = prompts.map((prompt) => this.#addPrompt(prompt));
  }

  tool(name: string): Callable | undefined {
    return this.#tools.get(name);
  }

  resource(uri: string): ResourceMatch<CallableResource> | undefined {
    return this.#resources.find(uri);
  }

  prompt(name: string): CallablePrompt | undefined {
    return this.#prompts.get(name);
  }

  #addTool(tool: ToolDefinition): ToolListing {
    const callable = this.#toCallable(endpointLabel('tool', tool.name), tool);
    this.#tools.set(tool.name, callable);
    return {
      name: tool.name,
      title: tool.annotations?.title,
      description: tool.description,
      inputSchema: callable.arguments.inputSchema,
      outputSchema: tool.returns === undefined ? undefined : toOutputSchema(tool.returns),
      annotations: tool.annotations === undefined ? undefined : withoutUndefined(tool.annotations),
      tags: tool.tags,
    };
  }

  #addSqlTool(tool: SqlTool): ToolListing {
    const label = endpointLabel('tool', tool.name);
    const callArguments = new ArgumentReader(label, tool.parameters, this.#compiler);
    const { returns, toStatement } = tool;
    const work = { language: 'sql' as const, toStatement };
    this.#tools.set(tool.name, { label, arguments: callArguments, returns, checks: undefined, work });
    return {
      name: tool.name,
      title: tool.title,
      description: tool.description,
      inputSchema: callArguments.inputSchema,
      outputSchema: toOutputSchema(returns),
      annotations: {
        title: tool.title,
        readOnlyHint: !tool.changesData,
        destructiveHint: tool.changesData,
        idempotentHint: !tool.changesData,
        openWorldHint: false,
      },
    };
  }

  #toCallableResource(resource: ResourceDefinition): CallableResource {
    const callable = this.#toCallable(endpointLabel('resource', resource.uri), resource);
    return { ...callable, definition: resource, mimeType: mimeTypeOf(resource) };
  }

  #toCallable(label: string, definition: ToolDefinition | ResourceDefinition): Callable {
    const { parameters, returns, source } = definition;
    const part = source.language === 'sql' ? 'row' : 'item';
    const shared = { endpoint: label, part, compiler: this.#compiler } as const;
    return {
      label,
      arguments: new ArgumentReader(label, parameters, this.#compiler),
      returns,
      checks: returns === undefined ? undefined : new ResultChecks({ ...shared, returns }),
      work: toWork(source),
    };
  }

  #addPrompt(prompt: PromptDefinition): PromptListing {
    const label = endpointLabel('prompt', prompt.name);
    const callArguments = new ArgumentReader(label, prompt.parameters, this.#compiler);
    this.#prompts.set(prompt.name, { arguments: callArguments, renderer: new PromptRenderer(prompt) });
    return {
      name: prompt.name,
      description: prompt.description,
      arguments: prompt.parameters.map((parameter) => ({
        name: parameter.name,
        description: parameter.description,
        required: !('default' in parameter),
      })),
      tags: prompt.tags,
    };
  }
}

function toWork(source: EndpointSource): EndpointWork {
  if (source.language === 'python') return { language: 'python', target: source.python };
  const { text } = source.sql;
  return { language: 'sql', toStatement: ({ bindings }) => ({ sql: text, bindings }) };
}

function toResourceListing(resource: ResourceDefinition): ResourceListing {
  return {
    uri: resource.uri,
    isTemplate: new UriTemplate(resource.uri).isTemplate,
    name: resource.name,
    description: resource.description,
    mimeType: mimeTypeOf(resource),
    tags: resource.tags,
  };
}

/** Without a declared type: a text is plain text, everything else is JSON. */
function mimeTypeOf({ mimeType, returns }: ResourceDefinition): string {
  return mimeType ?? (returns?.type === 'string' ? 'text/plain' : 'application/json');
}

function withoutUndefined(annotations: NonNullable<ToolDefinition['annotations']>): JsonObject {
  const entries = Object.entries(annotations).filter(
    (entry): entry is [string, string | boolean] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

export interface ResourceMatch<T> {
  readonly resource: T;
  /** Values of the URI's placeholders, decoded. */
  readonly values: Readonly<Record<string, string>>;
}

/** Finds the resource that a URI names: one without placeholders first, then the most specific template. */
export class ResourceRouter<T> {
  readonly #exact = new Map<string, T>();
  readonly #templates: { readonly template: UriTemplate; readonly resource: T }[] = [];

  constructor(resources: Iterable<readonly [uri: string, resource: T]>) {
    for (const [uri, resource] of resources) {
      const template = new UriTemplate(uri);
      if (template.isTemplate) this.#templates.push({ template, resource });
      else this.#exact.set(uri, resource);
    }
    this.#templates.sort((a, b) => UriTemplate.bySpecificity(a.template, b.template));
  }

  find(uri: string): ResourceMatch<T> | undefined {
    const exact = this.#exact.get(uri);
    if (exact !== undefined) return { resource: exact, values: {} };
    for (const { template, resource } of this.#templates) {
      const values = template.match(uri);
      if (values !== undefined) return { resource, values };
    }
    return undefined;
  }
}

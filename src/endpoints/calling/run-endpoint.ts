import { parseOrdered } from '../../duckdb/index.js';
import { MxcpError } from '../../errors/index.js';
import { ActiveGeneration, CallGate, Generation } from '../../lifecycle/index.js';
import { Renderers } from '../../prompts/index.js';
import { describeBlock, type ShapedResult } from '../../values/index.js';
import { type EndpointDefinition, type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import { UriTemplate } from '../definitions/uri-template.js';
import type { CallableEndpoints } from '../callable/endpoint-set.js';
import { notFound } from '../running/call-failures.js';
import type { CallContext, SentArguments } from '../running/call-context.js';
import { LiveEndpointCalls, type LiveEndpointCallsOptions } from './live-endpoint-calls.js';
import type { CallableGeneration } from '../running/running-call.js';

export interface EndpointRun {
  readonly kind: EndpointKind;
  /** A tool's or prompt's name; a resource's URI, template or name. */
  readonly name: string;
  readonly parameters: SentArguments;
  readonly context: CallContext;
  /** Whether images, audio and documents are wanted whole, instead of what describes them. */
  readonly withData?: boolean | undefined;
}

/**
 * Calls one endpoint without a server, on the same path as a server would, and resolves with its result as JSON. The caller
 * remains the owner of `contents`. Throws what `LiveEndpointCalls` throws.
 */
export async function runEndpoint(
  contents: CallableGeneration,
  run: EndpointRun,
  limits: Pick<LiveEndpointCallsOptions, 'callTimeoutMs' | 'maxResultBytes'>,
): Promise<unknown> {
  const active = new ActiveGeneration(new Generation(1, contents, () => Promise.resolve()));
  const gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: 0 });
  const renderers = new Renderers();
  const calls = new LiveEndpointCalls(active, { gate, renderers, ...limits });
  try {
    return await callByName(calls, contents.endpoints, run);
  } finally {
    await renderers.dispose();
  }
}

/** Calls an endpoint by its name, a resource also by its URI or template. Resolves with its result as JSON. */
export async function callByName(
  calls: LiveEndpointCalls,
  endpoints: CallableEndpoints,
  { kind, name, parameters, context, withData = false }: EndpointRun,
): Promise<unknown> {
  switch (kind) {
    case 'tool': {
      const result = await calls.callTool(name, parameters, context);
      return withData && result.shape === 'content' ? result.blocks : toJson(result);
    }
    case 'resource': {
      const { texts, mimeType } = await calls.readResource(toUri(endpoints, name, parameters), context);
      return parseText([...texts].join(''), mimeType);
    }
    case 'prompt':
      return (await calls.getPrompt(name, parameters, context)).map(({ role, content }) =>
        content.type === 'text'
          ? { prompt: content.text, role, type: 'text' }
          : { role, ...(withData ? content : describeBlock(content)) },
      );
  }
}

/** The definition that a call by this name reaches; undefined for an SQL tool and where nothing has the name. */
export function findCalled(
  { catalog, resources }: CallableEndpoints,
  { kind, name }: Pick<EndpointRun, 'kind' | 'name'>,
): EndpointDefinition | undefined {
  const uri = kind === 'resource' ? (resources.find(name)?.resource.uri ?? new UriTemplate(name).text) : undefined;
  return catalog.endpoints.find(
    (each) => each.kind === kind && (each.name === name || (each.kind === 'resource' && each.uri === uri)),
  );
}

/** A result as JSON, with its keys in their order; of content what describes it. */
export function toJson(result: ShapedResult): unknown {
  if (result.shape === 'content') return result.blocks.map(describeBlock);
  if (result.shape !== 'array') return result.value;
  return result.items ?? Array.from(result.texts, parseOrdered);
}

function parseText(text: string, mimeType: string): unknown {
  if (mimeType !== 'application/json') return text;
  try {
    return parseOrdered(text);
  } catch {
    // The resource declares JSON but its text is not: printed as it is.
    return text;
  }
}

/** The URI of a resource that was given by its URI, name or template; a template needs all of its parameters. */
function toUri({ listings, resources }: CallableEndpoints, name: string, parameters: SentArguments): string {
  const { text: uri } = new UriTemplate(name);
  const listing = listings.resources.find((resource) => resource.uri === uri || resource.name === name);
  if (listing === undefined) {
    if (resources.find(name) !== undefined) return name;
    const known = listings.resources.flatMap((resource) => [resource.name, resource.uri]);
    throw notFound({ kind: 'resource', name }, known);
  }
  const template = new UriTemplate(listing.uri);
  const missing = template.placeholders.filter((placeholder) => !Object.hasOwn(parameters, placeholder));
  const unknown = Object.keys(parameters).filter((parameter) => !template.placeholders.includes(parameter));
  if (missing.length === 0 && unknown.length === 0) return template.expand(parameters);
  const reasons = [
    ...missing.map((each) => `"${each}" is required`),
    ...unknown.map((each) => `"${each}" is not known`),
  ];
  const label = endpointLabel('resource', listing.uri);
  throw new MxcpError('params_invalid', `invalid arguments for ${label}: ${reasons.join('; ')}`);
}

import { MxcpError } from '../../errors/index.js';
import { ActiveGeneration, CallGate, Generation } from '../../lifecycle/index.js';
import { Renderers } from '../../prompts/index.js';
import type { ShapedResult } from '../../values/index.js';
import { type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import { UriTemplate } from '../definitions/uri-template.js';
import type { EndpointSet } from './endpoint-set.js';
import {
  type CallableGeneration,
  type CallContext,
  LiveEndpointCalls,
  type LiveEndpointCallsOptions,
  notFound,
  type ResourceText,
  type SentArguments,
} from './live-endpoint-calls.js';
import type { PromptMessage } from './render-prompt.js';

export interface EndpointRun {
  readonly kind: EndpointKind;
  /** A tool's or prompt's name; a resource's URI, template or name. */
  readonly name: string;
  readonly parameters: SentArguments;
  readonly context: CallContext;
  readonly limits: Omit<LiveEndpointCallsOptions, 'gate' | 'renderers' | 'log'>;
}

export type EndpointRunResult =
  | { readonly kind: 'tool'; readonly result: ShapedResult }
  | { readonly kind: 'resource'; readonly resource: ResourceText }
  | { readonly kind: 'prompt'; readonly messages: readonly PromptMessage[] };

/**
 * Calls one endpoint without a server, on the same path as a server would. The caller remains the owner of `contents`.
 * Throws what `LiveEndpointCalls` throws.
 */
export async function runEndpoint(
  contents: CallableGeneration,
  { kind, name, parameters, context, limits }: EndpointRun,
): Promise<EndpointRunResult> {
  const active = new ActiveGeneration(new Generation(1, contents, () => Promise.resolve()));
  const gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: 0 });
  const renderers = new Renderers();
  const calls = new LiveEndpointCalls(active, { gate, renderers, ...limits });
  try {
    switch (kind) {
      case 'tool':
        return { kind, result: await calls.callTool(name, parameters, context) };
      case 'resource': {
        const uri = toUri(contents.endpoints, name, parameters);
        return { kind, resource: await calls.readResource(uri, context) };
      }
      case 'prompt':
        return { kind, messages: await calls.getPrompt(name, parameters, context) };
    }
  } finally {
    await renderers.dispose();
  }
}

/** The URI of a resource that was given by its URI, name or template; a template needs all of its parameters. */
function toUri({ listings, resources }: EndpointSet, name: string, parameters: SentArguments): string {
  const { text: uri } = new UriTemplate(name);
  const listing = listings.resources.find((resource) => resource.uri === uri || resource.name === name);
  if (listing === undefined) {
    if (resources.find(name) !== undefined) return name;
    const known = listings.resources.flatMap((resource) => [resource.name, resource.uri]);
    throw notFound({ kind: 'resource', name }, known);
  }
  const template = new UriTemplate(listing.uri);
  const missing = template.placeholders.filter((placeholder) => parameters[placeholder] === undefined);
  const unknown = Object.keys(parameters).filter((parameter) => !template.placeholders.includes(parameter));
  if (missing.length === 0 && unknown.length === 0) return template.expand(parameters);
  const reasons = [
    ...missing.map((each) => `"${each}" is required`),
    ...unknown.map((each) => `"${each}" is not known`),
  ];
  const label = endpointLabel('resource', listing.uri);
  throw new MxcpError('params_invalid', `invalid arguments for ${label}: ${reasons.join('; ')}`);
}

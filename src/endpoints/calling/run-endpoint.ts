import { MxcpError, nearSuggestion } from '../../errors/index.js';
import { ActiveGeneration, CallGate, Generation } from '../../lifecycle/index.js';
import { Renderers } from '../../prompts/index.js';
import type { ShapedResult } from '../../values/index.js';
import { type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import { UriTemplate } from '../definitions/uri-template.js';
import type { CallContext, EndpointCalls, PromptMessage, ResourceText } from './endpoint-calls.js';
import {
  type CallableGeneration,
  LiveEndpointCalls,
  type LiveEndpointCallsOptions,
} from './live-endpoint-calls.js';

export interface EndpointRun {
  readonly kind: EndpointKind;
  /** A tool's or prompt's name; a resource's URI, template or name. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly context: CallContext;
  readonly limits: Pick<
    LiveEndpointCallsOptions,
    'callTimeoutMs' | 'maxResultBytes' | 'skipOutputValidation'
  >;
}

export type EndpointRunResult =
  | { readonly kind: 'tool'; readonly result: ShapedResult }
  | { readonly kind: 'resource'; readonly resource: ResourceText }
  | { readonly kind: 'prompt'; readonly messages: readonly PromptMessage[] };

/**
 * Calls one endpoint without a server, on the same path as a server would. The caller keeps owning the database.
 * Throws what `EndpointCalls` throws.
 */
export async function runEndpoint(
  contents: CallableGeneration,
  run: EndpointRun,
): Promise<EndpointRunResult> {
  const generation = new Generation(1, contents, () => Promise.resolve());
  const gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: 0 });
  const renderers = new Renderers();
  const options = { gate, renderers, ...run.limits };
  try {
    return await callOn(new LiveEndpointCalls(new ActiveGeneration(generation), options), contents, run);
  } finally {
    await renderers.dispose();
  }
}

async function callOn(
  calls: EndpointCalls,
  contents: CallableGeneration,
  { kind, name, parameters, context }: EndpointRun,
): Promise<EndpointRunResult> {
  switch (kind) {
    case 'tool':
      return { kind, result: await calls.callTool(name, parameters, context) };
    case 'resource':
      return { kind, resource: await calls.readResource(toUri(contents, name, parameters), context) };
    case 'prompt':
      return { kind, messages: await calls.getPrompt(name, parameters, context) };
  }
}

/** A resource is asked for by its URI; a template is filled in with the parameters, all of which it needs. */
function toUri(
  { endpoints }: CallableGeneration,
  name: string,
  parameters: EndpointRun['parameters'],
): string {
  const listing = endpoints.listings.resources.find(
    (resource) => resource.uri === name || resource.name === name,
  );
  if (listing === undefined && endpoints.resources.find(name) === undefined)
    throw noResource(endpoints, name);
  if (listing === undefined) return name;
  const template = new UriTemplate(listing.uri);
  const missing = template.placeholders.filter((placeholder) => parameters[placeholder] === undefined);
  const unknown = Object.keys(parameters).filter((parameter) => !template.placeholders.includes(parameter));
  if (missing.length > 0 || unknown.length > 0) {
    const reasons = [
      ...missing.map((each) => `"${each}" is required`),
      ...unknown.map((each) => `"${each}" is not known`),
    ];
    throw new MxcpError(
      'params_invalid',
      `invalid arguments for ${endpointLabel('resource', listing.uri)}: ${reasons.join('; ')}`,
    );
  }
  return template.expand(parameters);
}

function noResource({ listings }: CallableGeneration['endpoints'], asked: string): MxcpError {
  const known = listings.resources.flatMap(({ name, uri }) => [name, uri]);
  return new MxcpError(
    'endpoint_not_found',
    `there is no ${endpointLabel('resource', asked)}${nearSuggestion(asked, known)}`,
  );
}

import type { EndpointKind, EndpointListings } from '../endpoints/index.js';
import { toTokens } from '../values/index.js';

/** About how many tokens a model reads for one entry of a list, before it calls anything. */
export interface EntryTokens {
  readonly kind: EndpointKind;
  /** Of a resource its URI or template. */
  readonly name: string;
  readonly tokens: number;
  /** What texts for people and models have of them. */
  readonly description: number;
  /** The schema of the arguments. */
  readonly input: number;
  /** The schema of the result, which many clients keep from the model. */
  readonly output: number;
}

/** The most expensive entries first. Icons and tags are left out, because clients do not show them to models. */
export function countListTokens({ tools, resources, prompts }: EndpointListings): readonly EntryTokens[] {
  const entries = [
    ...tools.map(({ name, title, description, annotations, inputSchema: input, outputSchema: output }) =>
      count({ kind: 'tool', name }, { name, title, description, annotations }, { input, output }),
    ),
    ...resources.map(({ uri, name, title, description, mimeType, annotations }) =>
      count({ kind: 'resource', name: uri }, { uri, name, title, description, mimeType, annotations }),
    ),
    ...prompts.map(({ name, title, description, arguments: input }) =>
      count({ kind: 'prompt', name }, { name, title, description }, { input }),
    ),
  ];
  return entries.sort((a, b) => b.tokens - a.tokens || (a.name < b.name ? -1 : 1));
}

function count(
  entry: Pick<EntryTokens, 'kind' | 'name'>,
  texts: object,
  { input, output }: { readonly input?: unknown; readonly output?: unknown } = {},
): EntryTokens {
  return {
    ...entry,
    tokens: tokensOf({ ...texts, input, output }),
    description: tokensOf(texts),
    input: tokensOf(input),
    output: tokensOf(output),
  };
}

function tokensOf(value: unknown): number {
  return value === undefined ? 0 : toTokens(Buffer.byteLength(JSON.stringify(value)));
}

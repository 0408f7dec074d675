import { isDeepStrictEqual } from 'node:util';
import type { EndpointSet } from '../endpoints/index.js';
import type { ListChanges } from '../mcp/index.js';

/** Which lists look different to a client. Undefined when none does, so that nobody is told for nothing. */
export function findListChanges(previous: EndpointSet, next: EndpointSet): ListChanges | undefined {
  if (previous === next) return undefined;
  const changes = {
    tools: !isDeepStrictEqual(previous.tools, next.tools),
    resources: !isDeepStrictEqual(previous.resources, next.resources),
    prompts: !isDeepStrictEqual(previous.prompts, next.prompts),
  };
  return changes.tools || changes.resources || changes.prompts ? changes : undefined;
}

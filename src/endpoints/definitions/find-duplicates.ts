import type { Problem } from '../../errors/index.js';
import { UriTemplate } from '../resources/uri-template.js';
import type { EndpointDefinition } from './endpoint-definition.js';
import { endpointLabel } from './endpoint-label.js';

/**
 * Endpoints that a client could not tell apart, with the problem of each. Tools, prompts and resources are separate
 * namespaces in MCP, so a tool and a prompt may share a name; a resource is known by its URI, and two templates that
 * differ only in the names of their placeholders are the same.
 */
export function findDuplicates(definitions: readonly EndpointDefinition[]): Map<EndpointDefinition, Problem> {
  const problems = new Map<EndpointDefinition, Problem>();
  for (const group of groupByIdentity(definitions)) {
    if (group.length < 2) continue;
    for (const definition of group) {
      const others = group.filter((other) => other !== definition).map(({ path }) => path);
      problems.set(definition, {
        ...definition.positions.identity,
        message: `${describe(definition)} is also defined in ${others.join(', ')}; keep one`,
      });
    }
  }
  return problems;
}

function groupByIdentity(definitions: readonly EndpointDefinition[]): EndpointDefinition[][] {
  const groups = new Map<string, EndpointDefinition[]>();
  for (const definition of definitions) {
    const key = `${definition.kind} ${identityOf(definition)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [definition]);
    else group.push(definition);
  }
  return [...groups.values()];
}

function identityOf(definition: EndpointDefinition): string {
  return definition.kind === 'resource' ? new UriTemplate(definition.uri).shape : definition.name;
}

function describe(definition: EndpointDefinition): string {
  return endpointLabel(definition.kind, definition.kind === 'resource' ? definition.uri : definition.name);
}

import { clip, type Problem, suggestion } from '../../errors/index.js';
import type { Finding } from '../../yaml/index.js';
import type { EndpointParts } from './definition-schema.js';
import type { EndpointDefinition, ToolDefinition } from './endpoint-definition.js';
import { ResourceRouter, UriTemplate } from './uri-template.js';

/** What a call changes is known from its arguments. A list or an object is no part of a URI. */
export function checkUpdates(
  { kind, updates = [], parameters }: EndpointParts,
  explainUndeclared: (name: string) => (() => string) | undefined,
): Finding[] {
  return updates.flatMap((uri, index): Finding[] => {
    const at = [kind, 'updates', index];
    const { placeholders, syntaxError } = new UriTemplate(uri);
    if (syntaxError !== undefined) return [{ at, message: `the URI ${syntaxError}` }];
    return placeholders.flatMap((name): Finding[] => {
      const explain = explainUndeclared(name);
      if (explain !== undefined) return [{ at, message: () => `the URI uses {${name}}, which ${explain()}` }];
      const type = parameters.find((each) => each?.name === name)?.type;
      if (type !== 'array' && type !== 'object') return [];
      return [{ at, message: `the URI uses {${name}}, which is of type ${type}; only a single value fits into a URI` }];
    });
  });
}

export function warnOfReadOnly({ kind, updates = [], isReadOnly }: EndpointParts): Finding[] {
  if (updates.length === 0 || !isReadOnly) return [];
  const message = '`readOnlyHint` says that the tool changes nothing, but `updates` names what it changes';
  return [{ at: [kind, 'annotations', 'readOnlyHint'], message }];
}

/** Calls `report` for each URI that no resource of the project has. */
export function findUnknownUpdates(
  definitions: readonly EndpointDefinition[],
  report: (definition: ToolDefinition, problem: Problem) => void,
): void {
  const updating = definitions.filter((each) => each.kind === 'tool').filter(({ updates }) => updates.length > 0);
  if (updating.length === 0) return;
  const known = definitions.flatMap((each) => (each.kind === 'resource' ? [each.uri] : []));
  const router = new ResourceRouter(known.map((uri) => [uri, uri]));
  for (const tool of updating)
    for (const [index, uri] of tool.updates.entries()) {
      if (router.find(exampleOf(new UriTemplate(uri))) !== undefined) continue;
      const message = `there is no resource ${clip(uri, 200)}${suggestion(uri, known)}`;
      report(tool, { ...tool.positions.key('updates', index), message });
    }
}

/** A URI that the template expands to. */
export function exampleOf(template: UriTemplate): string {
  return template.expand(Object.fromEntries(template.placeholders.map((name) => [name, 'any'])));
}

import type { EndpointKind } from './endpoint-definition.js';

/** An endpoint as people read it: `tool "sales"`, or `resource sales://regions`, which is known by its URI. */
export function endpointLabel(kind: EndpointKind, name: string): string {
  return kind === 'resource' ? `resource ${name}` : `${kind} "${name}"`;
}

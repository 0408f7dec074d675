import type { Finding, KeyPath } from '../../yaml/index.js';
import type { EndpointParts } from './definition-schema.js';
import { typesIn } from './type-rules.js';

/** Where `mime_type` may be: on the result of a tool, on its items, and on the fields of either. */
const PLACES = /^(?:items(?:\.properties)?|properties)?$/;

/** Finds each `mime_type` of a type that would turn nothing into content. */
export function checkContentTypes({ kind, parameters, returns }: EndpointParts): Finding[] {
  const ofParameters = parameters.flatMap((type, index) =>
    type === undefined
      ? []
      : findTyped(type, [kind, 'parameters', index]).map(({ at }) => ({
          at,
          message: '`mime_type` is for results; a parameter is always JSON',
        })),
  );
  if (returns === undefined) return ofParameters;
  const root = [kind, 'return'];
  return [
    ...ofParameters,
    ...findTyped(returns, root).flatMap(({ type, at }) => {
      if (kind === 'resource') return [{ at, message: 'the `mime_type` of a resource belongs beside its `uri`' }];
      if (kind === 'prompt') return [{ at, message: '`mime_type` belongs into a message of the prompt' }];
      const message = explainPlace(type.type, at.slice(root.length, -1));
      return message === undefined ? [] : [{ at, message }];
    }),
  ];
}

function findTyped(type: Parameters<typeof typesIn>[0], at: KeyPath) {
  return typesIn(type, at)
    .filter((place) => place.type.mime_type !== undefined)
    .map((place) => ({ type: place.type, at: [...place.at, 'mime_type'] }));
}

function explainPlace(type: string, path: KeyPath): string | undefined {
  if (type !== 'string')
    return `\`mime_type\` is for type string, not ${type}: bytes of SQL and Python are strings here`;
  if (PLACES.test(withoutNames(path).join('.'))) return undefined;
  return '`mime_type` may be on the result, on its items, or on fields of either, and no deeper';
}

/** The names of fields, which follow `properties`, say nothing about the place. */
function withoutNames([step, ...rest]: KeyPath): KeyPath {
  if (step === undefined) return [];
  return [step, ...withoutNames(step === 'properties' ? rest.slice(1) : rest)];
}

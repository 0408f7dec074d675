import type { KeyPath } from '../yaml/yaml-source.js';
import { toDotted } from '../schema/check-schema.js';
import type { VariablePart } from './reference-grammar.js';
import type { ReferenceUse } from './reference-uses.js';

/** One distinct reference and everything that uses it. */
export interface DistinctReference {
  readonly ref: string;
  readonly scheme: string;
  readonly locator: string;
  readonly usedBy: KeyPath[];
  /** The default at each place where it stands, in the order of the file; undefined where there is none. */
  readonly fallbacks: (string | undefined)[];
}

export function collectDistinct(uses: readonly ReferenceUse[]): readonly DistinctReference[] {
  const found = new Map<string, DistinctReference>();
  for (const { path, reference } of uses) {
    for (const { fallback, ...place } of placesIn(reference)) {
      const distinct = found.get(place.ref) ?? { ...place, usedBy: [], fallbacks: [] };
      found.set(place.ref, distinct);
      distinct.fallbacks.push(fallback);
      if (distinct.usedBy.at(-1) !== path) distinct.usedBy.push(path);
    }
  }
  return [...found.values()];
}

type Place = Pick<DistinctReference, 'ref' | 'scheme' | 'locator'> & Pick<VariablePart, 'fallback'>;

function placesIn(reference: ReferenceUse['reference']): readonly Place[] {
  if (reference.kind === 'store') {
    const { ref, scheme, locator } = reference;
    return [{ ref, scheme, locator }];
  }
  const variables = reference.parts.filter((part) => typeof part !== 'string');
  return variables.map(({ name, fallback }) => ({
    ref: `\${${name}}`,
    scheme: 'env',
    locator: name,
    fallback,
  }));
}

/** Dotted configuration paths, sorted. */
export function usedBy(distinct: DistinctReference): readonly string[] {
  return [...new Set(distinct.usedBy.map(toDotted))].sort();
}

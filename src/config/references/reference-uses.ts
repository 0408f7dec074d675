import type { Problem } from '../../errors/index.js';
import type { KeyPath, YamlSource } from '../yaml/yaml-source.js';
import { toDotted } from '../schema/check-schema.js';
import { parseReference, type Reference } from './reference-grammar.js';

/** One text of the user configuration that is, or holds, a reference. */
export interface ReferenceUse {
  readonly path: KeyPath;
  readonly reference: Exclude<Reference, { kind: 'malformed' }>;
}

/** Finds every reference in the values of a file; keys are never references. */
export function findReferences(
  source: YamlSource,
  addedSchemes: readonly string[] = [],
): {
  uses: readonly ReferenceUse[];
  problems: readonly Problem[];
} {
  const uses: ReferenceUse[] = [];
  const problems: Problem[] = [];
  for (const { path, text } of textsOf(source.value, [])) {
    const reference = parseReference(text, addedSchemes);
    if (reference?.kind === 'malformed') {
      const dotted = toDotted(path);
      problems.push({
        ...source.positionOf(path),
        path: dotted,
        message: `\`${dotted}\`: ${reference.reason}`,
      });
    } else if (reference !== undefined) {
      uses.push({ path, reference });
    }
  }
  return { uses, problems };
}

function* textsOf(value: unknown, path: KeyPath): Generator<{ path: KeyPath; text: string }> {
  if (typeof value === 'string') {
    yield { path, text: value };
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* textsOf(item, [...path, index]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* textsOf(item, [...path, key]);
  }
}

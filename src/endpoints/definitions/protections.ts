import type { Problem } from '../../errors/index.js';
import type { DefinitionParts } from './definition-parts.js';
import type { TypeDefinition } from './definition-schema.js';
import { problemAt } from './schema-problems.js';
import type { KeyPath, YamlSource } from '../../config/index.js';

/**
 * Keys that protect something and that nothing enforces yet. An endpoint that has them is refused: serving it without
 * them would hand out what its author wanted kept.
 */
export function findUnenforcedProtections(
  { policies, parameters, returns }: DefinitionParts,
  base: KeyPath,
  source: YamlSource,
): Problem[] {
  const problems: Problem[] = [];
  if (asksForPolicies(policies)) {
    const message =
      'this version cannot enforce "policies", so it does not serve this endpoint; remove the key or the file';
    problems.push(problemAt([...base, 'policies'], message, source));
  }
  const types: [KeyPath, TypeDefinition | undefined][] = [
    ...parameters.map((type, index): [KeyPath, typeof type] => [[...base, 'parameters', index], type]),
    [[...base, 'return'], returns],
  ];
  for (const [path, type] of types) {
    for (const sensitive of type === undefined ? [] : sensitivePaths(type, path)) {
      const message =
        'this version cannot enforce "sensitive", so it does not serve this endpoint; remove the key or the file';
      problems.push(problemAt([...sensitive, 'sensitive'], message, source));
    }
  }
  return problems;
}

/** No rules ask for nothing; any other shape, also one we do not know, is taken as asking. */
function asksForPolicies(policies: unknown): boolean {
  if (policies === undefined || policies === null) return false;
  if (typeof policies !== 'object' || Array.isArray(policies)) return true;
  return Object.values(policies).some(
    (rules) => rules !== null && !(Array.isArray(rules) && rules.length === 0),
  );
}

function sensitivePaths(type: TypeDefinition, path: KeyPath): KeyPath[] {
  const own = type.sensitive === true ? [path] : [];
  const items = type.items === undefined ? [] : sensitivePaths(type.items, [...path, 'items']);
  const properties = Object.entries(type.properties ?? {}).flatMap(([name, property]) =>
    sensitivePaths(property, [...path, 'properties', name]),
  );
  return [...own, ...items, ...properties];
}

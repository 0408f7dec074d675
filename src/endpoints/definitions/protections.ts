import type { Problem } from '../../errors/index.js';
import type { ParameterDefinition, TypeDefinition } from './definition-schema.js';
import { problemAt } from './schema-problems.js';
import type { KeyPath, YamlSource } from '../../config/index.js';

interface Protectable {
  readonly policies?: unknown;
  readonly parameters?: readonly ParameterDefinition[] | undefined;
  readonly return?: TypeDefinition | undefined;
}

/**
 * Keys that protect something and that nothing enforces yet. An endpoint that has them is refused: serving it without
 * them would hand out what its author wanted kept.
 */
export function findUnenforcedProtections(fields: Protectable, base: KeyPath, source: YamlSource): Problem[] {
  const problems: Problem[] = [];
  if (asksForPolicies(fields.policies)) {
    const message =
      'this version cannot enforce "policies", so it does not serve this endpoint; remove the key or the file';
    problems.push(problemAt([...base, 'policies'], message, source));
  }
  const types: [KeyPath, TypeDefinition][] = (fields.parameters ?? []).map((parameter, index) => [
    [...base, 'parameters', index],
    parameter,
  ]);
  if (fields.return !== undefined) types.push([[...base, 'return'], fields.return]);
  for (const [path, type] of types) {
    for (const sensitive of sensitivePaths(type, path)) {
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

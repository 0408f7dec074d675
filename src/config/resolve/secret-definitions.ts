import type { SourcePosition } from '../../errors/index.js';
import { isMapping } from '../schema/conform.js';
import type { UserProfile } from '../schema/user-schema.js';
import type { SecretDefinition, SecretParameter, SecretParameterMap } from '../resolved-config.js';
import { Secret } from '../secret.js';

export function toSecretDefinitions(
  secrets: UserProfile['secrets'],
  positionOf: (index: number) => SourcePosition | undefined,
): readonly SecretDefinition[] {
  return secrets.map(({ name, type, parameters }, index) => ({
    name,
    type,
    parameters: toParameters(parameters),
    declaredAt: positionOf(index),
  }));
}

/** Every text in the parameters, for the scrubber. */
export function secretTexts(definitions: readonly SecretDefinition[]): readonly Secret[] {
  return definitions.flatMap((definition) => textsIn(definition.parameters));
}

function toParameters(values: Readonly<Record<string, unknown>>): SecretParameterMap {
  const entries = Object.entries(values).flatMap(([key, value]): [string, SecretParameter][] => {
    const parameter = toParameter(value);
    return parameter === undefined ? [] : [[key, parameter]];
  });
  return Object.fromEntries(entries);
}

/** A key with nothing behind it is no parameter. */
function toParameter(value: unknown): SecretParameter | undefined {
  if (typeof value === 'string') return new Secret(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.flatMap((item) => toParameter(item) ?? []);
  return isMapping(value) ? toParameters(value) : undefined;
}

function textsIn(parameter: SecretParameter): readonly Secret[] {
  if (parameter instanceof Secret) return [parameter];
  return typeof parameter === 'object' ? Object.values(parameter).flatMap(textsIn) : [];
}

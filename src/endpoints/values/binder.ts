import { DeclaredValue, type ParameterValue } from '../../runtime/index.js';
import type { TypeDefinition } from '../definitions/definition-schema.js';
import { toParameterValue } from './bind.js';
import { toTypeSample } from './sample.js';

/** Makes of a checked argument what SQL gets. */
export type Binder = (value: unknown) => ParameterValue;

/** Made once for each parameter: objects and lists whose members are declared are bound with the types of all of them. */
export function createBinder(type: TypeDefinition): Binder {
  const sample = isDeclared(type) ? toTypeSample(type) : null;
  return sample === null
    ? (value) => toParameterValue(type, value)
    : (value) => new DeclaredValue(toParameterValue(type, value), sample);
}

function isDeclared({ type, properties, items }: TypeDefinition): boolean {
  return (type === 'object' && properties !== undefined) || (type === 'array' && items !== undefined);
}

import type { TypeDefinition } from '../definitions/definition-schema.js';
import { coerce } from './coerce.js';

export function isNumeric({ type }: TypeDefinition): boolean {
  return type === 'integer' || type === 'number';
}

/**
 * Whether clients are told that a declared number may come as text. Of a result always, unless its declaration keeps it
 * within what a JSON number holds. Of a parameter only when its declaration names a number beyond that: models and their
 * interfaces take `integer` better than a choice of types, and texts are taken from those who know.
 */
export function comesAsText(type: TypeDefinition, direction: 'input' | 'output'): boolean {
  if (!isNumeric(type)) return false;
  if (type.enum !== undefined) return type.enum.some((value) => isText(type, value));
  if (direction === 'output') return type.type === 'number' || !isWithinDouble(type);
  const named = [...(type.examples ?? []), type.default];
  return named.some((value) => isText(type, value)) || reachesBeyondDouble(type);
}

function isText(type: TypeDefinition, value: unknown): boolean {
  return typeof coerce(type, value) === 'string';
}

function isWithinDouble(type: TypeDefinition): boolean {
  const least = type.minimum ?? type.exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const most = type.maximum ?? type.exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  return least >= Number.MIN_SAFE_INTEGER && most <= Number.MAX_SAFE_INTEGER;
}

function reachesBeyondDouble(type: TypeDefinition): boolean {
  if (type.type !== 'integer') return false;
  const bounds = [type.minimum, type.exclusiveMinimum, type.maximum, type.exclusiveMaximum];
  return bounds.some((bound) => bound !== undefined && Math.abs(bound) > Number.MAX_SAFE_INTEGER);
}

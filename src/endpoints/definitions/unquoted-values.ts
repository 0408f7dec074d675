import type { KeyPath } from '../../config/index.js';
import { coerce } from '../values/coerce.js';
import type { TypeDefinition } from './definition-schema.js';

/** A value of a definition that YAML reads as no text where the type is text. */
export interface UnquotedValue {
  /** From where the value was looked at. */
  readonly at: KeyPath;
  readonly value: number | boolean;
  /** What becomes of it: not what was written, for `no`, `1.0` and `010`. */
  readonly text: string;
}

/** In a value of a type and in what is within it. Whole numbers that a double cannot hold are text in our YAML. */
export function findUnquoted(
  type: TypeDefinition,
  value: unknown,
  at: KeyPath = [],
): readonly UnquotedValue[] {
  const { items, properties = {} } = type;
  if (type.type === 'string') return toUnquoted(type, value, at);
  if (Array.isArray(value))
    return items === undefined
      ? []
      : value.flatMap((item, index) => findUnquoted(items, item, [...at, index]));
  if (typeof value !== 'object' || value === null) return [];
  const members = new Map<string, unknown>(Object.entries(value));
  return Object.entries(properties).flatMap(([name, property]) =>
    findUnquoted(property, members.get(name), [...at, name]),
  );
}

function toUnquoted(type: TypeDefinition, value: unknown, at: KeyPath): readonly UnquotedValue[] {
  if (typeof value !== 'number' && typeof value !== 'boolean') return [];
  const text = coerce(type, value);
  return typeof text === 'string' ? [{ at, value, text }] : [];
}

import { coerce } from '../values/coerce.js';
import type { TypeDefinition } from './definition-schema.js';

/** A value of a definition that YAML reads as no text where the type is text. */
export interface UnquotedValue {
  readonly value: number | boolean;
  /** What becomes of it: hardly what was written, as in `no`, `1.0` and `010`. */
  readonly text: string;
}

/** In a value of a type and in what is within it. Whole numbers that a double cannot hold are text in our YAML. */
export function findUnquoted(type: TypeDefinition, value: unknown): readonly UnquotedValue[] {
  const { items, properties = {} } = type;
  if (type.type === 'string') return toUnquoted(type, value);
  if (Array.isArray(value))
    return items === undefined ? [] : value.flatMap((item) => findUnquoted(items, item));
  if (typeof value !== 'object' || value === null) return [];
  const members = new Map<string, unknown>(Object.entries(value));
  return Object.entries(properties).flatMap(([name, property]) => findUnquoted(property, members.get(name)));
}

function toUnquoted(type: TypeDefinition, value: unknown): readonly UnquotedValue[] {
  if (typeof value !== 'number' && typeof value !== 'boolean') return [];
  const text = coerce(type, value);
  return typeof text === 'string' ? [{ value, text }] : [];
}

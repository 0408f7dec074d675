import type { JsonValue } from '../../runtime/index.js';

/** A single value as its reader gets it: a text is its own text; anything else is its JSON. */
export function toText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

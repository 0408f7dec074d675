import { TypedText, type ParameterValue } from '../../runtime/index.js';
import type { TypeDefinition } from '../definitions/definition-schema.js';
import { epochSecondsToText, hasZone } from './formats.js';
import { isNumeric } from './number-range.js';

/** A checked argument as SQL gets it: dates and times as their own SQL types, everything else as it is. */
export function toParameterValue(type: TypeDefinition, value: unknown): ParameterValue {
  if (value === null || value === undefined) return null;
  if (type.format === 'timestamp' && (typeof value === 'string' || typeof value === 'number'))
    return new TypedText('TIMESTAMP', epochSecondsToText(Number(value)) ?? String(value));
  // A number that comes as text is a whole one that a double cannot hold.
  if (typeof value === 'string') return isNumeric(type) ? BigInt(value) : toTypedText(type, value);
  if (Array.isArray(value)) return value.map((item) => toParameterValue(type.items ?? ANY, item));
  if (typeof value === 'object') return toStruct(type, value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  throw new Error(`an argument of type ${typeof value} passed its check`);
}

/** A part that no type is declared for. */
const ANY: TypeDefinition = { type: 'object' };

function toTypedText(type: TypeDefinition, text: string): string | TypedText {
  switch (type.format) {
    case 'date':
      return new TypedText('DATE', text);
    case 'time':
      return new TypedText('TIME', text);
    case 'date-time':
      return new TypedText(hasZone(text) ? 'TIMESTAMPTZ' : 'TIMESTAMP', text);
    default:
      return text;
  }
}

function toStruct(type: TypeDefinition, value: object): ParameterValue {
  const { properties = {} } = type;
  const entries = Object.entries(value).map(([key, item]) => {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return [key, toParameterValue(property ?? ANY, item)] as const;
  });
  return Object.fromEntries(entries);
}

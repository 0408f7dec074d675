import { celError, type CelInput } from '@bufbuild/cel';
import type { Caller } from '../../caller/index.js';
import type { DeclaredType } from './declared-type.js';

/** The user of a call as conditions read it: every field is there, and what is not known is null. */
export function toUserRecord(caller: Caller) {
  const { userId, username, email, provider, name, role, permissions, capabilities, scopes } = caller;
  return { user_id: userId, username, email, provider, name, role, permissions, capabilities, scopes };
}

export function toUserValue(caller: Caller): CelInput {
  return new Map<string, CelInput>(Object.entries(toUserRecord(caller)));
}

/**
 * A JSON value in the types of CEL, whose whole numbers and fractions are different types: a declared integer is an `int`, every
 * other number a `double`. A number that a double cannot hold comes as text.
 */
export function toCelValue(value: unknown, declared?: DeclaredType): CelInput {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return declared?.type === 'integer' && Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string') {
    const isNumeric = declared?.type === 'integer' || declared?.type === 'number';
    if (!isNumeric) return value;
    return /^-?\d+$/.test(value) ? BigInt(value) : Number(value);
  }
  if (typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (Array.isArray(value)) return value.map((item) => toCelValue(item, declared?.items));
  if (typeof value !== 'object') throw new Error(`a value of type ${typeof value} is no JSON`);
  const properties = declared?.properties ?? {};
  const members = Object.entries(value).map(([name, member]): [string, CelInput] => {
    return [name, toCelValue(member, Object.hasOwn(properties, name) ? properties[name] : undefined)];
  });
  return new Map(members);
}

/** In place of a value that is not known yet: a condition that depends on it cannot be evaluated. */
export function unknownValue(): CelInput {
  // The library takes its errors as values, which its types do not say (0.6.1).
  return celError('the value is not known yet') as unknown as CelInput;
}

import type { ErrorCode, Problem } from '../../errors/index.js';
import { Secret } from '../../secrets/index.js';
import type { DatabaseSpec } from '../database/generation-database.js';
import { type ParameterValue, TypedText } from '../values/sql-values.js';

/* What the server and the process that checks a file tell each other. Both are of the same version. */

export type CheckRequest =
  | { readonly kind: 'open'; readonly id: number; readonly spec: DatabaseSpec }
  | {
      readonly kind: 'inspect';
      readonly id: number;
      readonly sql: string;
      readonly samples: Readonly<Record<string, ParameterValue>> | undefined;
    };

export type CheckAnswer =
  | { readonly kind: 'opened'; readonly id: number }
  | {
      readonly kind: 'inspected';
      readonly id: number;
      readonly parameterNames: readonly string[];
      readonly isPlainSelect: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly problems: readonly Problem[];
    };

/*
 * Values between the server and the process that checks a file. The channel keeps maps and big integers, and forgets
 * classes: each of these becomes a map, which nothing else in a message is.
 */

/** Throws when a value is of a class that the channel would forget. */
export function toChannel(value: unknown): unknown {
  if (value instanceof Secret) return new Map([['secret', value.reveal()]]);
  if (value instanceof TypedText) return new Map([[value.sqlType, value.text]]);
  if (Array.isArray(value)) return value.map(toChannel);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype)
    throw new TypeError(`a ${value.constructor.name} cannot cross the channel`);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toChannel(each)]));
}

export function fromChannel(value: unknown): unknown {
  if (value instanceof Map) return fromMap(value);
  if (Array.isArray(value)) return value.map(fromChannel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromChannel(each)]));
}

function fromMap(value: ReadonlyMap<unknown, unknown>): Secret | TypedText {
  for (const [kind, text] of value) {
    if (kind === 'secret') return new Secret(String(text));
    if (kind === 'DATE' || kind === 'TIME' || kind === 'TIMESTAMP' || kind === 'TIMESTAMPTZ')
      return new TypedText(kind, String(text));
  }
  throw new TypeError('a map that stands for nothing');
}

import type { ErrorCode, Problem } from '../../errors/index.js';
import { Secret } from '../../secrets/index.js';
import type { DatabaseSpec, RowAccess } from '../database/generation-database.js';
import type { StatementShape } from '../statements/inspection.js';
import { type SqlParameters, TypedText } from '../values/sql-values.js';

/* Messages between the server and the preflight process. Both are of the same version. */

/** To open a file, then to inspect a statement on it. */
export type PreflightRequest =
  | { readonly spec: DatabaseSpec }
  | { readonly sql: string; readonly samples: SqlParameters | undefined; readonly access: RowAccess | undefined };

export interface PreflightAnswer {
  /** Of the request. */
  readonly id: number;
  /** Of an inspected statement. */
  readonly shape?: StatementShape & { readonly isPlainSelect: boolean };
  readonly failure?: { readonly code: ErrorCode; readonly message: string; readonly problems: readonly Problem[] };
}

/**
 * Prepares a message for the channel, which keeps maps and big integers but neither classes nor functions: each of these becomes a
 * map, which nothing else in a message is. The only functions are lazy positions. Throws for other classes.
 */
export function toChannel(value: unknown): unknown {
  if (value instanceof Secret) return new Map([['secret', value.reveal()]]);
  if (value instanceof TypedText) return new Map([[value.sqlType, value.text]]);
  if (typeof value === 'function') return new Map([['position', value()]]);
  if (Array.isArray(value)) return value.map(toChannel);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype)
    throw new TypeError(`a ${value.constructor.name} cannot be sent over the channel`);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toChannel(each)]));
}

export function fromChannel(value: unknown): unknown {
  if (value instanceof Map) return fromMap(value);
  if (Array.isArray(value)) return value.map(fromChannel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromChannel(each)]));
}

function fromMap(value: ReadonlyMap<unknown, unknown>): Secret | TypedText | (() => unknown) {
  for (const [kind, text] of value) {
    if (kind === 'secret') return new Secret(String(text));
    if (kind === 'position') return () => text;
    if (kind === 'DATE' || kind === 'TIME' || kind === 'TIMESTAMP' || kind === 'TIMESTAMPTZ')
      return new TypedText(kind, String(text));
  }
  throw new TypeError('the message has a map of an unknown kind');
}

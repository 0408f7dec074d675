import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import type { Effect, SchemaChange } from './schema-changes.js';
import { type Form, unknownRestrictions, type ValueKind } from './schema-forms.js';

/** The differences between what two schemas say about the values of one kind, leaving out what is within them. */
export function compareKeywords(from: Form, to: Form, at: string): SchemaChange[] {
  const other = [unknownRestrictions(from.schema), unknownRestrictions(to.schema)] as const;
  return [
    ...compareValues(from, to, at),
    ...LIMITS[from.kind].flatMap((limit) => compareLimit(limit, [from, to], at)),
    ...(from.kind === 'string' ? ['pattern', 'format'] : []).flatMap((key) => comparePlain(key, [from, to], at)),
    ...(from.kind === 'number' ? compareMultiple(from, to, at) : []),
    ...(from.kind === 'array' ? compareUnique(from, to, at) : []),
    ...(isDeepStrictEqual(...other) ? [] : [{ at, effect: 'both', code: otherCode(other) } as const]),
  ];
}

function otherCode([from, to]: readonly [JsonObject, JsonObject]): `keyword:${string}` {
  const changed = Object.keys({ ...from, ...to }).filter((key) => !isDeepStrictEqual(from[key], to[key]));
  return `keyword:${changed.join(', ')}`;
}

function compareValues({ values: from }: Form, { values: to }: Form, at: string): SchemaChange[] {
  if (from === undefined && to === undefined) return [];
  if (from === undefined) return [{ at, effect: 'narrows', code: 'values_limited', to: to ?? [] }];
  if (to === undefined) return [{ at, effect: 'widens', code: 'values_unlimited', from }];
  const without = (values: readonly JsonValue[], others: readonly JsonValue[]): JsonValue[] =>
    values.filter((value) => !others.some((other) => isDeepStrictEqual(value, other)));
  const removed = without(from, to);
  const added = without(to, from);
  return [
    ...(removed.length === 0 ? [] : [{ at, effect: 'narrows', code: 'values_removed', from: removed } as const]),
    ...(added.length === 0 ? [] : [{ at, effect: 'widens', code: 'values_added', to: added } as const]),
  ];
}

/** A bound, of a value or of its size. `keys` are the inclusive and the exclusive keyword. */
interface Limit {
  readonly keys: readonly [string, string?];
  readonly isUpper: boolean;
}

const size = (lower: string, upper: string): readonly Limit[] => [
  { keys: [lower], isUpper: false },
  { keys: [upper], isUpper: true },
];

const LIMITS: Readonly<Record<ValueKind, readonly Limit[]>> = {
  string: size('minLength', 'maxLength'),
  array: size('minItems', 'maxItems'),
  number: [
    { keys: ['minimum', 'exclusiveMinimum'], isUpper: false },
    { keys: ['maximum', 'exclusiveMaximum'], isUpper: true },
  ],
  boolean: [],
  object: [],
  null: [],
};

interface Bound {
  readonly key: string;
  readonly value: number;
  readonly isExclusive: boolean;
}

function compareLimit(limit: Limit, [from, to]: readonly [Form, Form], at: string): SchemaChange[] {
  const old = boundOf(limit, from);
  const now = boundOf(limit, to);
  const order = compareBounds(old, now, limit.isUpper);
  if (order === 0) return [];
  const shown = (bound: Bound | undefined): JsonValue | undefined =>
    bound && (bound.isExclusive ? { exclusive: bound.value } : bound.value);
  const key = (now ?? old)?.key ?? limit.keys[0];
  return [{ at, effect: order > 0 ? 'narrows' : 'widens', code: `keyword:${key}`, from: shown(old), to: shown(now) }];
}

/** The stricter one of the inclusive and the exclusive bound; undefined if nothing is excluded. */
function boundOf(
  { keys: [inclusive, exclusive = ''], isUpper }: Limit,
  { schema, kind, isInteger }: Form,
): Bound | undefined {
  const read = (key: string, isExclusive: boolean): Bound | undefined => {
    const value = schema[key];
    if (typeof value !== 'number') return undefined;
    return isInteger ? toWholeBound({ key, value, isExclusive }, isUpper) : { key, value, isExclusive };
  };
  const bounds = [read(inclusive, false), read(exclusive, true)].filter((bound) => bound !== undefined);
  const [strictest] = bounds.sort((a, b) => compareBounds(b, a, isUpper));
  // Every size is at least 0.
  return strictest?.value === 0 && kind !== 'number' && !isUpper ? undefined : strictest;
}

/** Whole numbers beyond 5 are those from 6 on. */
function toWholeBound({ key, value, isExclusive }: Bound, isUpper: boolean): Bound {
  const step = isUpper ? -1 : 1;
  const whole = isUpper ? Math.floor(value) : Math.ceil(value);
  const isBeyond = isExclusive && whole === value;
  // A double may have no neighbour at a distance of 1.
  if (isBeyond && !Number.isSafeInteger(whole)) return { key, value, isExclusive };
  return { key, value: isBeyond ? whole + step : whole, isExclusive: false };
}

/** Positive if `b` is stricter than `a`. */
function compareBounds(a: Bound | undefined, b: Bound | undefined, isUpper: boolean): number {
  if (a === undefined || b === undefined) return Number(b !== undefined) - Number(a !== undefined);
  const distance = isUpper ? a.value - b.value : b.value - a.value;
  return distance === 0 ? Number(b.isExclusive) - Number(a.isExclusive) : distance;
}

/** Two patterns or formats are only equal or different. */
function comparePlain(key: string, [from, to]: readonly [Form, Form], at: string): SchemaChange[] {
  const [old, now] = [from.schema[key], to.schema[key]];
  if (old === now) return [];
  return [{ at, effect: effectOf(old !== undefined, now !== undefined), code: `keyword:${key}`, from: old, to: now }];
}

function compareMultiple(from: Form, to: Form, at: string): SchemaChange[] {
  const of = ({ schema: { multipleOf }, isInteger }: Form): number | undefined =>
    typeof multipleOf === 'number' ? multipleOf : isInteger ? 1 : undefined;
  const [old, now] = [of(from), of(to)];
  // Each whole number is a multiple of 1, and that a type is whole is reported as its type.
  const narrows = now !== undefined && to.schema['multipleOf'] !== undefined && !isMultiple(old, now);
  const widens = old !== undefined && from.schema['multipleOf'] !== undefined && !isMultiple(now, old);
  if (!narrows && !widens) return [];
  return [{ at, effect: effectOf(widens, narrows), code: 'keyword:multipleOf', from: old, to: now }];
}

function isMultiple(value: number | undefined, of: number): boolean {
  return value !== undefined && Number.isInteger(value / of) && (value / of) * of === value;
}

function compareUnique(from: Form, to: Form, at: string): SchemaChange[] {
  const [old, now] = [from.schema['uniqueItems'] === true, to.schema['uniqueItems'] === true];
  return old === now ? [] : [{ at, effect: effectOf(old, now), code: 'keyword:uniqueItems', from: old, to: now }];
}

/** Of a restriction that was there, is there, or was replaced. */
function effectOf(wasThere: boolean, isThere: boolean): Effect {
  if (wasThere && isThere) return 'both';
  return isThere ? 'narrows' : 'widens';
}

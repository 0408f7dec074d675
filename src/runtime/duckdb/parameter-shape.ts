import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  HUGEINT,
  LIST,
  SQLNULL,
  STRUCT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
  type DuckDBType,
} from '@duckdb/node-api';
import { TypedText, type ParameterValue } from './query.js';

/** What SQL type a value has, while the values beside it in a list may still widen it. */
export type Shape =
  | { readonly kind: 'scalar'; readonly type: DuckDBType }
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, Shape> };

const NULL: Shape = { kind: 'scalar', type: SQLNULL };
const TEXT: Shape = { kind: 'scalar', type: VARCHAR };
/** Each holds what those before it hold. */
const NUMBERS: readonly DuckDBType[] = [BIGINT, HUGEINT, DOUBLE];

/** Integers are BIGINT whatever their size, so that the type of a result column does not depend on a value. */
export function shapeOf(value: ParameterValue): Shape {
  if (value === null) return NULL;
  switch (typeof value) {
    case 'string':
      return TEXT;
    case 'boolean':
      return { kind: 'scalar', type: BOOLEAN };
    case 'bigint':
      return { kind: 'scalar', type: HUGEINT };
    case 'number':
      return { kind: 'scalar', type: Number.isSafeInteger(value) ? BIGINT : DOUBLE };
    default:
      return shapeOfObject(value);
  }
}

function shapeOfObject(value: Exclude<ParameterValue, string | number | bigint | boolean | null>): Shape {
  if (isList(value)) return { kind: 'list', item: value.map(shapeOf).reduce(merge, NULL) };
  if (value instanceof TypedText) return { kind: 'scalar', type: TYPED_TEXT_TYPES[value.sqlType] };
  return {
    kind: 'struct',
    fields: new Map(Object.entries(value).map(([key, item]) => [key, shapeOf(item)])),
  };
}

/** The shape that holds both. A list has one element type; where there is none, elements become their JSON text. */
function merge(a: Shape, b: Shape): Shape {
  if (isNull(a) || isNull(b)) return isNull(a) ? b : a;
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: merge(a.item, b.item) };
  if (a.kind === 'struct' && b.kind === 'struct') {
    const fields = new Map(a.fields);
    for (const [key, shape] of b.fields) fields.set(key, merge(fields.get(key) ?? NULL, shape));
    return { kind: 'struct', fields };
  }
  if (a.kind !== 'scalar' || b.kind !== 'scalar') return TEXT;
  if (a.type === b.type) return a;
  const widest = Math.max(NUMBERS.indexOf(a.type), NUMBERS.indexOf(b.type));
  return NUMBERS.includes(a.type) && NUMBERS.includes(b.type)
    ? { kind: 'scalar', type: NUMBERS[widest] ?? DOUBLE }
    : TEXT;
}

export function toType(shape: Shape): DuckDBType {
  switch (shape.kind) {
    case 'scalar':
      return shape.type;
    case 'list':
      return LIST(toType(shape.item));
    case 'struct':
      // DuckDB has no STRUCT without fields; its JSON text is what is left of an empty object.
      if (shape.fields.size === 0) return VARCHAR;
      return STRUCT(
        Object.fromEntries([...shape.fields].map(([key, field]) => [key, toType(field)] as const)),
      );
  }
}

const TYPED_TEXT_TYPES: Readonly<Record<TypedText['sqlType'], DuckDBType>> = {
  DATE,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
};

function isNull(shape: Shape): boolean {
  return shape.kind === 'scalar' && shape.type === SQLNULL;
}

function isList(value: object): value is readonly ParameterValue[] {
  return Array.isArray(value);
}

import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  DuckDBStructType,
  HUGEINT,
  LIST,
  MAP,
  SQLNULL,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
  type DuckDBType,
} from '@duckdb/node-api';
import {
  DeclaredValue,
  MapEntries,
  SqlValue,
  StructEntries,
  TypedText,
  type ParameterValue,
} from './sql-values.js';
import { mergeTypes } from './type-merging.js';

/** What SQL type a value has, while the values beside it in a list may still widen it. */
export type Shape =
  | { readonly kind: 'scalar'; readonly type: DuckDBType }
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'map'; readonly key: Shape; readonly value: Shape }
  | StructShape;

export interface StructShape {
  readonly kind: 'struct';
  readonly fields: ReadonlyMap<string, Shape>;
  /** Whether it is Python's, which has the names that DuckDB's own package lets through. */
  readonly hasAnyNames: boolean;
}

const NULL: Shape = { kind: 'scalar', type: SQLNULL };
const TEXT: Shape = { kind: 'scalar', type: VARCHAR };

/** Integers are BIGINT as long as they fit, so that the type of a result column hardly ever depends on a value. */
export function shapeOf(value: ParameterValue): Shape {
  if (value === null) return NULL;
  switch (typeof value) {
    case 'string':
      return TEXT;
    case 'boolean':
      return { kind: 'scalar', type: BOOLEAN };
    case 'bigint':
      return { kind: 'scalar', type: BigInt.asIntN(64, value) === value ? BIGINT : HUGEINT };
    case 'number':
      return { kind: 'scalar', type: Number.isSafeInteger(value) ? BIGINT : DOUBLE };
    default:
      return shapeOfObject(value);
  }
}

type ParameterObject = Exclude<ParameterValue, string | number | bigint | boolean | null>;

function shapeOfObject(value: ParameterObject): Shape {
  if (value instanceof DeclaredValue) return complete(shapeOf(value.value), shapeOf(value.sample));
  if (isList(value)) return { kind: 'list', item: mergeAll(value) };
  if (value instanceof TypedText) return { kind: 'scalar', type: TYPED_TEXT_TYPES[value.sqlType] };
  if (value instanceof SqlValue) return { kind: 'scalar', type: value.type };
  if (value instanceof MapEntries) {
    const [key, item] = [mergeAll(value.entries.map(([k]) => k)), mergeAll(value.entries.map(([, v]) => v))];
    return { kind: 'map', key, value: item };
  }
  const fields = new Map(entriesOf(value).map(([key, item]) => [key, shapeOf(item)]));
  return { kind: 'struct', fields, hasAnyNames: value instanceof StructEntries };
}

/** The fields of what is bound as STRUCT. */
export function entriesOf(value: ParameterObject): readonly (readonly [string, ParameterValue])[] {
  return value instanceof StructEntries ? value.entries : Object.entries(value);
}

function mergeAll(values: readonly ParameterValue[]): Shape {
  return values.map(shapeOf).reduce(merge, NULL);
}

/** The shape that holds both. A list has one element type; where there is none, elements become their JSON text. */
function merge(a: Shape, b: Shape): Shape {
  if (isNull(a) || isNull(b)) return isNull(a) ? b : a;
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: merge(a.item, b.item) };
  if (a.kind === 'map' && b.kind === 'map')
    return { kind: 'map', key: merge(a.key, b.key), value: merge(a.value, b.value) };
  if (a.kind === 'struct' && b.kind === 'struct') return mergeFields(a, b);
  if (a.kind !== 'scalar' || b.kind !== 'scalar') return mergeEmptyMap(a, b) ?? TEXT;
  return { kind: 'scalar', type: mergeTypes(a.type, b.type) ?? VARCHAR };
}

function mergeFields(a: StructShape, b: StructShape): Shape {
  const fields = new Map(a.fields);
  for (const [key, shape] of b.fields) fields.set(key, merge(fields.get(key) ?? NULL, shape));
  return { ...a, fields };
}

/** The shape with all that the declared one has and it lacks, declared fields first. */
function complete(shape: Shape, declared: Shape): Shape {
  if (isNull(shape)) return declared;
  if (shape.kind === 'list' && declared.kind === 'list')
    return { kind: 'list', item: complete(shape.item, declared.item) };
  if (shape.kind !== 'struct' || declared.kind !== 'struct') return shape;
  const others = [...shape.fields].filter(([key]) => !declared.fields.has(key));
  const fields = [...declared.fields].map(
    ([key, field]) => [key, complete(shape.fields.get(key) ?? NULL, field)] as const,
  );
  return { ...shape, fields: new Map([...fields, ...others]) };
}

/** Python's `{}` is a MAP of nothing; beside a STRUCT it is one whose fields are all missing. */
function mergeEmptyMap(a: Shape, b: Shape): Shape | undefined {
  if (a.kind === 'map' && b.kind === 'struct') return isNull(a.key) ? b : undefined;
  return a.kind === 'struct' && b.kind === 'map' && isNull(b.key) ? a : undefined;
}

export function toType(shape: Shape): DuckDBType {
  switch (shape.kind) {
    case 'scalar':
      return shape.type;
    case 'list':
      return LIST(toType(shape.item));
    case 'map':
      return MAP(toType(shape.key), toType(shape.value));
    case 'struct':
      // DuckDB has no STRUCT without fields; its JSON text is what is left of an empty object.
      if (shape.fields.size === 0) return VARCHAR;
      return new DuckDBStructType([...shape.fields.keys()], [...shape.fields.values()].map(toType));
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

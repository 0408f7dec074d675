import {
  BIGINT,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBDecimalType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBVarCharType,
  HUGEINT,
  LIST,
  MAP,
  SQLNULL,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UHUGEINT,
  VARCHAR,
  type DuckDBValue,
} from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';

/** A value with the SQL type that it is bound as. */
export class SqlValue {
  constructor(
    readonly type: DuckDBType,
    readonly value: Exclude<DuckDBValue, null>,
  ) {}
}

/**
 * A value of a declared type; `sample` has all members of that type and an item for each list. The value is bound as the whole
 * type: members that it lacks are NULL, and an empty list has the declared item type.
 */
export class DeclaredValue {
  constructor(
    readonly value: ParameterValue,
    readonly sample: ParameterValue,
  ) {}
}

/** Bound as STRUCT, with its fields in this order and under any name. */
export class StructEntries {
  constructor(readonly entries: readonly (readonly [string, ParameterValue])[]) {}
}

/** Bound as MAP. */
export class MapEntries {
  constructor(readonly entries: readonly (readonly [ParameterValue, ParameterValue])[]) {}
}

/** Text that is bound as an SQL type other than VARCHAR. A class, so that no object from a caller can be mistaken for one. */
export class TypedText {
  constructor(
    readonly sqlType: 'DATE' | 'TIME' | 'TIMESTAMP' | 'TIMESTAMPTZ',
    readonly text: string,
  ) {}
}

/** What can be bound to `$name`: JSON values (lists become LIST, objects STRUCT), dates and times, and typed values. */
export type ParameterValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | TypedText
  | SqlValue
  | StructEntries
  | MapEntries
  | DeclaredValue
  | readonly ParameterValue[]
  | { readonly [key: string]: ParameterValue };

/** Parameters by name, without the dollar sign. */
export type SqlParameters = Readonly<Record<string, ParameterValue>>;

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

type ParameterObject = Exclude<ParameterValue, string | number | bigint | boolean | null>;

/** The SQL type of a value, which the values beside it in a list may still widen. */
export type Shape =
  | ScalarShape
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'map'; readonly key: Shape; readonly value: Shape }
  | StructShape;

interface ScalarShape {
  readonly kind: 'scalar';
  readonly type: DuckDBType;
  /** Whether a double holds the number exactly. */
  readonly fitsDouble?: boolean;
}

export interface StructShape {
  readonly kind: 'struct';
  readonly fields: Map<string, Shape>;
  /** Whether the value came from Python, which may use any names that DuckDB's own package accepts. */
  readonly hasAnyNames: boolean;
  /** How many objects of a list have this shape, how many members they have together, and how many of the fields are declared. */
  objects: number;
  members: number;
  readonly declared: number;
}

/** The shape as which a parameter is bound. Throws `params_invalid`. `place` names the parameter. */
export function bindableShapeOf(parameter: ParameterValue, place: string): Shape {
  const shape = limitNulls(shapeOf(parameter), place);
  refuseUnclearNames(shape, place);
  return shape;
}

const TEXT_TYPES = { DATE, TIME, TIMESTAMP, TIMESTAMPTZ };
const NULL: Shape = { kind: 'scalar', type: SQLNULL };
const TEXT: Shape = { kind: 'scalar', type: VARCHAR };
const JSON_TYPE = DuckDBVarCharType.create('JSON');
export const JSON_TEXT: Shape = { kind: 'scalar', type: JSON_TYPE };

/** Integers that fit are BIGINT, so that the type of a result column rarely depends on a value. */
export function shapeOf(value: ParameterValue): Shape {
  if (value === null) return NULL;
  switch (typeof value) {
    case 'string':
      return TEXT;
    case 'boolean':
      return { kind: 'scalar', type: BOOLEAN };
    case 'bigint': {
      const fitsDouble = BigInt(Number(value)) === value;
      return { kind: 'scalar', type: BigInt.asIntN(64, value) === value ? BIGINT : HUGEINT, fitsDouble };
    }
    case 'number':
      return { kind: 'scalar', type: Number.isSafeInteger(value) ? BIGINT : DOUBLE, fitsDouble: true };
    default:
      return shapeOfObject(value);
  }
}

function shapeOfObject(value: ParameterObject): Shape {
  if (value instanceof DeclaredValue) return complete(shapeOf(value.value), shapeOf(value.sample));
  if (isList(value)) return { kind: 'list', item: mergeAll(value) };
  if (value instanceof TypedText) return { kind: 'scalar', type: TEXT_TYPES[value.sqlType] };
  if (value instanceof SqlValue) return { kind: 'scalar', type: value.type };
  if (value instanceof MapEntries) {
    const [keys, values] = [value.entries.map(([key]) => key), value.entries.map(([, item]) => item)];
    return { kind: 'map', key: mergeAll(keys), value: mergeAll(values) };
  }
  const fields = new Map(entriesOf(value).map(([key, item]) => [key, shapeOf(item)]));
  const hasAnyNames = value instanceof StructEntries;
  return { kind: 'struct', fields, hasAnyNames, objects: 1, members: fields.size, declared: 0 };
}

/** The fields of a value that is bound as STRUCT. */
export function entriesOf(value: ParameterObject): readonly (readonly [string, ParameterValue])[] {
  return value instanceof StructEntries ? value.entries : Object.entries(value);
}

export function isList(value: object): value is readonly ParameterValue[] {
  return Array.isArray(value);
}

function isNull(shape: Shape): boolean {
  return shape.kind === 'scalar' && shape.type === SQLNULL;
}

function mergeAll(values: readonly ParameterValue[]): Shape {
  return values.map(shapeOf).reduce(merge, NULL);
}

/**
 * The shape that holds both; the first one is used up. A list has one element type; if no type holds all elements, they become
 * JSON text.
 */
function merge(a: Shape, b: Shape): Shape {
  if (isNull(a) || isNull(b)) return isNull(a) ? b : a;
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: merge(a.item, b.item) };
  if (a.kind === 'map' && b.kind === 'map')
    return { kind: 'map', key: merge(a.key, b.key), value: merge(a.value, b.value) };
  if (a.kind === 'struct' && b.kind === 'struct') return mergeFields(a, b);
  if (a.kind === 'scalar' && b.kind === 'scalar') {
    const fitsDouble = a.fitsDouble === true && b.fitsDouble === true;
    return { kind: 'scalar', type: mergeTypes(a.type, b.type) ?? VARCHAR, fitsDouble };
  }
  // Python's `{}` is an empty MAP; beside a STRUCT it is one whose fields are all missing.
  if (a.kind === 'map' && b.kind === 'struct' && isNull(a.key)) return b;
  return a.kind === 'struct' && b.kind === 'map' && isNull(b.key) ? a : TEXT;
}

/** Changes `a`: a copy for each object of a list would take quadratic time. */
function mergeFields(a: StructShape, b: StructShape): Shape {
  for (const [key, shape] of b.fields) a.fields.set(key, merge(a.fields.get(key) ?? NULL, shape));
  a.objects += b.objects;
  a.members += b.members;
  return a;
}

/** The shape with all that it lacks of the declared one, declared fields first. */
function complete(shape: Shape, declared: Shape): Shape {
  if (isNull(shape)) return declared;
  if (shape.kind === 'list' && declared.kind === 'list')
    return { kind: 'list', item: complete(shape.item, declared.item) };
  if (shape.kind === 'scalar' && declared.kind === 'scalar')
    return declared.type === DOUBLE && shape.fitsDouble === true ? declared : shape;
  if (shape.kind !== 'struct' || declared.kind !== 'struct') return shape;
  const others = [...shape.fields].filter(([key]) => !declared.fields.has(key));
  const fields = [...declared.fields].map(
    ([key, field]) => [key, complete(shape.fields.get(key) ?? NULL, field)] as const,
  );
  return { ...shape, fields: new Map([...fields, ...others]), declared: fields.length };
}

/** Members that the objects of lists lack in one argument; they are bound as NULL. */
const MAX_NULLS = 10_000;
/** Undeclared fields of a STRUCT that a caller sent: each takes DuckDB 10 µs (1.5.6). */
const MAX_FIELDS = 1000;

/**
 * Objects that have too little in common for one STRUCT are bound as JSON: each would have a NULL for every member of the others.
 * So are objects of very many members, which are data rather than a type. Throws `params_invalid` for such objects of a declared
 * type, which must stay STRUCT.
 */
function limitNulls(shape: Shape, place: string, left = { nulls: MAX_NULLS }): Shape {
  if (shape.kind === 'scalar') return shape;
  if (shape.kind === 'list') return { kind: 'list', item: limitNulls(shape.item, `${place}[]`, left) };
  if (shape.kind === 'map') return { ...shape, value: limitNulls(shape.value, `${place}{}`, left) };
  const undeclared = shape.fields.size - shape.declared;
  const nulls = shape.objects * undeclared - shape.members;
  if (nulls > left.nulls || (undeclared > MAX_FIELDS && !shape.hasAnyNames)) {
    if (shape.declared === 0) return JSON_TEXT;
    const what = 'too many different members that are not declared; send fewer, or declare a type without members';
    throw unclear(place, what);
  }
  left.nulls -= Math.max(0, nulls);
  for (const [name, field] of shape.fields) shape.fields.set(name, limitNulls(field, `${place}.${name}`, left));
  return shape;
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
      if (shape.fields.size === 0) return JSON_TYPE;
      return new DuckDBStructType([...shape.fields.keys()], [...shape.fields.values()].map(toType));
  }
}

export const MAX_DECIMAL_WIDTH = 38;
/** Each type holds the values of those before it, and this many decimal digits. */
const INTEGERS: readonly DuckDBType[] = [BOOLEAN, BIGINT, HUGEINT];
const INTEGER_DIGITS: readonly number[] = [1, 19, 39];

/** The type that holds the values of both; undefined if only text does. */
function mergeTypes(a: DuckDBType, b: DuckDBType): DuckDBType | undefined {
  if (String(a) === String(b)) return a;
  if ((a === DATE && b === TIMESTAMP) || (a === TIMESTAMP && b === DATE)) return TIMESTAMP;
  const [digitsA, digitsB] = [digitsOf(a), digitsOf(b)];
  if (digitsA === undefined || digitsB === undefined) return undefined;
  const [atA, atB] = [INTEGERS.indexOf(a), INTEGERS.indexOf(b)];
  if (atA >= 0 && atB >= 0) return INTEGERS[Math.max(atA, atB)];
  const scale = Math.max(digitsA.scale, digitsB.scale);
  const width = Math.max(digitsA.whole, digitsB.whole) + scale;
  return width <= MAX_DECIMAL_WIDTH ? DECIMAL(width, scale) : DOUBLE;
}

/** The digits before and after the decimal point; undefined for what is no number. */
function digitsOf(type: DuckDBType): { readonly whole: number; readonly scale: number } | undefined {
  if (type instanceof DuckDBDecimalType) return { whole: type.width - type.scale, scale: type.scale };
  // UHUGEINT has no sign, so it merges with any other number to a double.
  const whole = type === UHUGEINT || type === DOUBLE ? Infinity : INTEGER_DIGITS[INTEGERS.indexOf(type)];
  return whole === undefined ? undefined : { whole, scale: 0 };
}

/**
 * Throws `params_invalid` for objects with members that SQL cannot address. To SQL, `a` is the first of `a` and `A`, even when
 * only one of them is declared and was checked; and if the first member has no name, all are found by position (DuckDB 1.5.6).
 */
function refuseUnclearNames(shape: Shape, place: string): void {
  if (shape.kind === 'list') return refuseUnclearNames(shape.item, `${place}[]`);
  if (shape.kind !== 'struct' || shape.hasAnyNames) return;
  const known = new Map<string, string>();
  for (const [name, member] of shape.fields) {
    // Letters beyond ASCII are not folded.
    const sqlName = name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
    const twin = known.get(sqlName);
    if (name === '') throw unclear(place, 'a member without a name, which SQL cannot have; give it a name');
    if (twin !== undefined)
      throw unclear(
        place,
        `the members "${twin}" and "${name}", sent or declared, which are the same to SQL; use one spelling`,
      );
    known.set(sqlName, name);
    refuseUnclearNames(member, `${place}.${name}`);
  }
}

function unclear(place: string, what: string): MxcpError {
  return new MxcpError('params_invalid', `"${place}" has ${what}`);
}

/** Of columns, which SQL allows to have the same name: later ones get a number. */
export function toUniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let count = 1; seen.has(unique) || (unique !== name && taken.has(unique)); count += 1)
      unique = `${name}_${count}`;
    seen.add(unique);
    return unique;
  });
}

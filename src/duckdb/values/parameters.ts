import {
  BIGINT,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  type DuckDBPreparedStatement,
  DuckDBStructType,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBType,
  type DuckDBValue,
  HUGEINT,
  LIST,
  listValue,
  MAP,
  mapValue,
  SQLNULL,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UHUGEINT,
  VARCHAR,
} from '@duckdb/node-api';
import { MxcpError, nearestName } from '../../errors/index.js';
import { MICROS_PER_DAY, parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
import { toStructValue } from './chunk-columns.js';
import { toJson } from './json-values.js';
import {
  DeclaredValue,
  MapEntries,
  type ParameterValue,
  type SqlParameters,
  SqlValue,
  StructEntries,
  TypedText,
} from './sql-values.js';

type Present = Exclude<DuckDBValue, null>;
type ParameterObject = Exclude<ParameterValue, string | number | bigint | boolean | null>;

/**
 * Binds the parameters that this statement uses, and returns their names; a text of several statements spreads its
 * parameters over them. Names are those of SQL, where `$ID` and `$id` are the same. Throws `query_failed`, `params_invalid`.
 */
export function bindParameters(statement: DuckDBPreparedStatement, parameters: SqlParameters): string[] {
  const used: string[] = [];
  for (let index = 1; index <= statement.parameterCount; index += 1) {
    const name = statement.parameterName(index);
    const given = findName(parameters, name);
    const parameter = given === undefined ? undefined : parameters[given];
    if (given === undefined || parameter === undefined) throw missing(name, statement, parameters);
    used.push(given);
    const shape = shapeOf(parameter);
    refuseUnclearNames(shape, given);
    statement.bindValue(index, toValue(parameter, shape), toType(shape));
  }
  return used;
}

function findName(parameters: SqlParameters, name: string): string | undefined {
  if (Object.hasOwn(parameters, name)) return name;
  const lowerCase = name.toLowerCase();
  return Object.keys(parameters).find((given) => given.toLowerCase() === lowerCase);
}

/** Suggests a given parameter of a similar name that the statement does not use. */
function missing(name: string, statement: DuckDBPreparedStatement, parameters: SqlParameters): MxcpError {
  const used = Array.from({ length: statement.parameterCount }, (_, index) =>
    findName(parameters, statement.parameterName(index + 1)),
  );
  const unused = Object.keys(parameters).filter((given) => !used.includes(given));
  const nearest = nearestName(name, unused);
  const hint = nearest === undefined ? '' : `; "${nearest}" was`;
  return new MxcpError('query_failed', `the SQL uses $${name}, but no parameter "${name}" was given${hint}`);
}

/** Throws `query_failed` for a parameter that no statement uses: most often a name is misspelt. */
export function refuseExcess(parameters: SqlParameters, used: readonly string[]): void {
  const excess = Object.keys(parameters).filter((name) => !used.includes(name));
  if (excess.length === 0) return;
  throw new MxcpError(
    'query_failed',
    `the SQL does not use the parameters ${list(excess)}; it uses ${list([...new Set(used)]) || 'none'}`,
  );
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
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

function toValue(parameter: ParameterValue, shape: Shape): DuckDBValue {
  if (parameter === null) return null;
  if (parameter instanceof DeclaredValue) return toValue(parameter.value, shape);
  if (shape.kind === 'scalar') return toScalar(parameter, shape.type);
  if (typeof parameter !== 'object') throw new Error('a scalar has the shape of a list or object');
  if (shape.kind === 'struct') return toStruct(parameter, shape.fields);
  if (shape.kind === 'list') return listValue(Object.values(parameter).map((item) => toValue(item, shape.item)));
  const entries = parameter instanceof MapEntries ? parameter.entries : [];
  return mapValue(
    entries.map(([key, value]) => ({ key: toValue(key, shape.key), value: toValue(value, shape.value) })),
  );
}

/** Fields that this object lacks and others in its list have are NULL. */
function toStruct(parameter: ParameterObject, fields: StructShape['fields']): DuckDBValue {
  if (fields.size === 0) return '{}';
  const entries = new Map(parameter instanceof MapEntries ? [] : entriesOf(parameter));
  const values = [...fields].map(([key, field]) => toValue(entries.get(key) ?? null, field));
  return toStructValue([...fields.keys()], values);
}

function toScalar(parameter: Exclude<ParameterValue, null>, type: DuckDBType): DuckDBValue {
  if (type === VARCHAR) return toText(parameter);
  if (typeof parameter !== 'object') return widen(parameter, type);
  if (parameter instanceof SqlValue) return widen(parameter.value, type);
  return parameter instanceof TypedText ? widen(parseTypedText(parameter), type) : toText(parameter);
}

function toText(parameter: Exclude<ParameterValue, null>): string {
  if (typeof parameter === 'string') return parameter;
  const json = toPlain(parameter);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

function toPlain(parameter: ParameterValue): unknown {
  if (typeof parameter === 'bigint') return parameter.toString();
  if (typeof parameter !== 'object' || parameter === null) return parameter;
  if (parameter instanceof TypedText) return parameter.text;
  if (parameter instanceof SqlValue) return toJson(parameter.value);
  if (parameter instanceof DeclaredValue) return toPlain(parameter.value);
  if (isList(parameter)) return parameter.map(toPlain);
  const entries =
    parameter instanceof MapEntries
      ? parameter.entries.map(([key, value]) => [toText(key ?? ''), value] as const)
      : entriesOf(parameter);
  return Object.fromEntries(entries.map(([key, value]) => [key, toPlain(value)]));
}

const TEXT_TYPES = { DATE, TIME, TIMESTAMP, TIMESTAMPTZ };

/** Throws `params_invalid` when the text is not of its type. */
function parseTypedText({ sqlType, text }: TypedText): Present {
  const parsed = <Parsed>(value: Parsed | undefined): Parsed => {
    if (value !== undefined) return value;
    throw new MxcpError('params_invalid', `"${text}" is not a ${sqlType}`);
  };
  switch (sqlType) {
    case 'DATE':
      return new DuckDBDateValue(parsed(parseIsoDate(text)));
    case 'TIME':
      return new DuckDBTimeValue(parsed(parseIsoTime(text)));
    case 'TIMESTAMP':
      return new DuckDBTimestampValue(parsed(parseIsoTimestamp(text)));
    case 'TIMESTAMPTZ':
      return new DuckDBTimestampTZValue(parsed(parseIsoTimestamp(text)));
  }
}

/** The SQL type of a value, which the values beside it in a list may still widen. */
type Shape =
  | { readonly kind: 'scalar'; readonly type: DuckDBType }
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'map'; readonly key: Shape; readonly value: Shape }
  | StructShape;

interface StructShape {
  readonly kind: 'struct';
  readonly fields: ReadonlyMap<string, Shape>;
  /** Whether the value came from Python, which may use any names that DuckDB's own package accepts. */
  readonly hasAnyNames: boolean;
}

const NULL: Shape = { kind: 'scalar', type: SQLNULL };
const TEXT: Shape = { kind: 'scalar', type: VARCHAR };

/** Integers that fit are BIGINT, so that the type of a result column rarely depends on a value. */
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
  return { kind: 'struct', fields, hasAnyNames: value instanceof StructEntries };
}

/** The fields of a value that is bound as STRUCT. */
export function entriesOf(value: ParameterObject): readonly (readonly [string, ParameterValue])[] {
  return value instanceof StructEntries ? value.entries : Object.entries(value);
}

function isList(value: object): value is readonly ParameterValue[] {
  return Array.isArray(value);
}

function isNull(shape: Shape): boolean {
  return shape.kind === 'scalar' && shape.type === SQLNULL;
}

function mergeAll(values: readonly ParameterValue[]): Shape {
  return values.map(shapeOf).reduce(merge, NULL);
}

/** The shape that holds both. A list has one element type; if no type holds all elements, they become JSON text. */
function merge(a: Shape, b: Shape): Shape {
  if (isNull(a) || isNull(b)) return isNull(a) ? b : a;
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: merge(a.item, b.item) };
  if (a.kind === 'map' && b.kind === 'map')
    return { kind: 'map', key: merge(a.key, b.key), value: merge(a.value, b.value) };
  if (a.kind === 'struct' && b.kind === 'struct') return mergeFields(a, b);
  if (a.kind === 'scalar' && b.kind === 'scalar')
    return { kind: 'scalar', type: mergeTypes(a.type, b.type) ?? VARCHAR };
  // Python's `{}` is an empty MAP; beside a STRUCT it is one whose fields are all missing.
  if (a.kind === 'map' && b.kind === 'struct' && isNull(a.key)) return b;
  return a.kind === 'struct' && b.kind === 'map' && isNull(b.key) ? a : TEXT;
}

function mergeFields(a: StructShape, b: StructShape): Shape {
  const fields = new Map(a.fields);
  for (const [key, shape] of b.fields) fields.set(key, merge(fields.get(key) ?? NULL, shape));
  return { ...a, fields };
}

/** The shape with all that it lacks of the declared one, declared fields first. */
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

export function toType(shape: Shape): DuckDBType {
  switch (shape.kind) {
    case 'scalar':
      return shape.type;
    case 'list':
      return LIST(toType(shape.item));
    case 'map':
      return MAP(toType(shape.key), toType(shape.value));
    case 'struct':
      // DuckDB has no STRUCT without fields; an empty object is bound as its JSON text.
      if (shape.fields.size === 0) return VARCHAR;
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

/** Converts a value to a type that holds it. */
function widen(value: Present, type: DuckDBType): DuckDBValue {
  if (type instanceof DuckDBDecimalType) return toDecimal(value, type);
  if (type === DOUBLE) return value instanceof DuckDBDecimalValue ? Number(String(value)) : Number(value);
  if (type === BIGINT || type === HUGEINT || type === UHUGEINT)
    return typeof value === 'object' || typeof value === 'string' ? value : BigInt(value);
  if (type === TIMESTAMP && value instanceof DuckDBDateValue)
    return new DuckDBTimestampValue(BigInt(value.days) * MICROS_PER_DAY);
  return value;
}

function toDecimal(value: Present, { width, scale }: DuckDBDecimalType): DuckDBValue {
  const [digits, ownScale] =
    value instanceof DuckDBDecimalValue
      ? [value.value, value.scale]
      : [typeof value === 'bigint' ? value : BigInt(Number(value)), 0];
  return new DuckDBDecimalValue(digits * 10n ** BigInt(scale - ownScale), width, scale);
}

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
import { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
import { toJson, toStructValue } from './json-rows.js';
import {
  DeclaredValue,
  MapEntries,
  type ParameterValue,
  SqlValue,
  StructEntries,
  TypedText,
} from './sql-values.js';

type Parameters = Readonly<Record<string, ParameterValue>>;

/**
 * Binds the parameters that this statement uses, and tells which; a text of several statements spreads its parameters
 * over them. Names are those of SQL, where `$ID` is `$id` too.
 */
export function bindParameters(statement: DuckDBPreparedStatement, parameters: Parameters): string[] {
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

/** Names another parameter that was given where it is most likely the one that is meant. */
function missing(name: string, statement: DuckDBPreparedStatement, parameters: Parameters): MxcpError {
  const used = Array.from({ length: statement.parameterCount }, (_, index) =>
    findName(parameters, statement.parameterName(index + 1)),
  );
  const nearest = nearestName(
    name,
    Object.keys(parameters).filter((given) => !used.includes(given)),
  );
  const hint = nearest === undefined ? '' : `; "${nearest}" was`;
  return new MxcpError('query_failed', `the SQL uses $${name}, but no parameter "${name}" was given${hint}`);
}

function findName(parameters: Parameters, name: string): string | undefined {
  if (Object.hasOwn(parameters, name)) return name;
  const lowerCase = name.toLowerCase();
  return Object.keys(parameters).find((given) => given.toLowerCase() === lowerCase);
}

/** Throws `query_failed` for a parameter that no statement uses: most often its name, or that in the SQL, is misspelt. */
export function refuseExcess(parameters: Parameters, used: ReadonlySet<string>): void {
  const excess = Object.keys(parameters).filter((name) => !used.has(name));
  if (excess.length === 0) return;
  throw new MxcpError(
    'query_failed',
    `the SQL does not use the parameters that were given as ${list(excess)}; it uses ${list([...used]) || 'none'}`,
  );
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function toValue(parameter: ParameterValue, shape: Shape): DuckDBValue {
  if (parameter === null) return null;
  if (parameter instanceof DeclaredValue) return toValue(parameter.value, shape);
  if (shape.kind === 'scalar') return toScalar(parameter, shape.type);
  if (typeof parameter !== 'object') throw new Error('a scalar has the shape of a list or object');
  if (shape.kind === 'struct') return toStruct(parameter, shape.fields);
  if (shape.kind === 'map') {
    const entries = parameter instanceof MapEntries ? parameter.entries : [];
    return mapValue(
      entries.map(([key, value]) => ({ key: toValue(key, shape.key), value: toValue(value, shape.value) })),
    );
  }
  return listValue(Object.values(parameter).map((item) => toValue(item, shape.item)));
}

/** Fields that this object lacks and others of its list have are NULL. */
function toStruct(
  parameter: Exclude<ParameterValue, string | number | bigint | boolean | null>,
  fields: ReadonlyMap<string, Shape>,
): DuckDBValue {
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
  if (parameter instanceof MapEntries)
    return Object.fromEntries(parameter.entries.map(([key, value]) => [toText(key ?? ''), toPlain(value)]));
  if (parameter instanceof StructEntries || !Array.isArray(parameter))
    return Object.fromEntries(entriesOf(parameter).map(([key, value]) => [key, toPlain(value)]));
  return parameter.map(toPlain);
}

/** Throws `params_invalid` when the text is not of its type. */
function parseTypedText(typedText: TypedText): Exclude<DuckDBValue, null> {
  const value = toTimeValue(typedText);
  if (value !== undefined) return value;
  throw new MxcpError('params_invalid', `"${typedText.text}" is not a ${typedText.sqlType}`);
}

function toTimeValue({ sqlType, text }: TypedText): Exclude<DuckDBValue, null> | undefined {
  if (sqlType === 'DATE') {
    const days = parseIsoDate(text);
    return days === undefined ? undefined : new DuckDBDateValue(days);
  }
  if (sqlType === 'TIME') {
    const micros = parseIsoTime(text);
    return micros === undefined ? undefined : new DuckDBTimeValue(micros);
  }
  const micros = parseIsoTimestamp(text);
  if (micros === undefined) return undefined;
  return sqlType === 'TIMESTAMP' ? new DuckDBTimestampValue(micros) : new DuckDBTimestampTZValue(micros);
}

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

/**
 * Throws `params_invalid` for objects with members that SQL cannot ask for. To SQL, `a` is the first of `a` and `A`, also when
 * only one of them is declared and was checked, and without a name for the first member all are found by their place
 * (DuckDB 1.5.6).
 */
export function refuseUnclearNames(shape: Shape, place: string): void {
  if (shape.kind === 'list') return refuseUnclearNames(shape.item, `${place}[]`);
  if (shape.kind !== 'struct' || shape.hasAnyNames) return;
  const known = new Map<string, string>();
  for (const [name, member] of shape.fields) {
    const twin = known.get(toSqlName(name));
    if (name === '') throw refused(place, 'a member without a name, which SQL cannot have; give it a name');
    if (twin !== undefined)
      throw refused(
        place,
        `the members "${twin}" and "${name}", sent or declared, which are the same to SQL; use one spelling`,
      );
    known.set(toSqlName(name), name);
    refuseUnclearNames(member, `${place}.${name}`);
  }
}

/** Letters beyond ASCII are not folded. */
function toSqlName(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function refused(place: string, what: string): MxcpError {
  return new MxcpError('params_invalid', `"${place}" has ${what}`);
}

const MAX_DECIMAL_WIDTH = 38;
const MICROS_PER_DAY = 86_400_000_000n;
/** Each holds what those before it hold; UHUGEINT has no sign, so what it shares with others is a double. */
const INTEGERS: readonly DuckDBType[] = [BOOLEAN, BIGINT, HUGEINT];
const NUMBERS: readonly DuckDBType[] = [...INTEGERS, UHUGEINT, DOUBLE];
const INTEGER_DIGITS: readonly number[] = [1, 19, 39];

/** The type that holds the values of both; undefined when only text does. */
export function mergeTypes(a: DuckDBType, b: DuckDBType): DuckDBType | undefined {
  if (String(a) === String(b)) return a;
  if (isNumeric(a) && isNumeric(b)) return mergeNumbers(a, b);
  if ((a === DATE && b === TIMESTAMP) || (a === TIMESTAMP && b === DATE)) return TIMESTAMP;
  return undefined;
}

function isNumeric(type: DuckDBType): boolean {
  return NUMBERS.includes(type) || type instanceof DuckDBDecimalType;
}

function mergeNumbers(a: DuckDBType, b: DuckDBType): DuckDBType | undefined {
  const [atA, atB] = [INTEGERS.indexOf(a), INTEGERS.indexOf(b)];
  if (atA >= 0 && atB >= 0) return INTEGERS[Math.max(atA, atB)];
  const [wholeA, wholeB] = [wholeDigits(a), wholeDigits(b)];
  if (wholeA === undefined || wholeB === undefined) return DOUBLE;
  const scale = Math.max(scaleOf(a), scaleOf(b));
  const width = Math.max(wholeA, wholeB) + scale;
  return width <= MAX_DECIMAL_WIDTH ? DECIMAL(width, scale) : DOUBLE;
}

function wholeDigits(type: DuckDBType): number | undefined {
  if (type instanceof DuckDBDecimalType) return type.width - type.scale;
  return INTEGER_DIGITS[INTEGERS.indexOf(type)];
}

function scaleOf(type: DuckDBType): number {
  return type instanceof DuckDBDecimalType ? type.scale : 0;
}

/** A value as one of a type that holds it. */
export function widen(value: Exclude<DuckDBValue, null>, type: DuckDBType): DuckDBValue {
  if (type instanceof DuckDBDecimalType) return toDecimal(value, type);
  if (type === DOUBLE) return value instanceof DuckDBDecimalValue ? Number(String(value)) : Number(value);
  if (type === BIGINT || type === HUGEINT || type === UHUGEINT)
    return typeof value === 'object' || typeof value === 'string' ? value : BigInt(value);
  if (type === TIMESTAMP && value instanceof DuckDBDateValue)
    return new DuckDBTimestampValue(BigInt(value.days) * MICROS_PER_DAY);
  return value;
}

function toDecimal(value: Exclude<DuckDBValue, null>, { width, scale }: DuckDBDecimalType): DuckDBValue {
  const { digits, ownScale } =
    value instanceof DuckDBDecimalValue
      ? { digits: value.value, ownScale: value.scale }
      : { digits: typeof value === 'bigint' ? value : BigInt(Number(value)), ownScale: 0 };
  return new DuckDBDecimalValue(digits * 10n ** BigInt(scale - ownScale), width, scale);
}

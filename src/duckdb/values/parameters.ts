import {
  BIGINT,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  type DuckDBPreparedStatement,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBUUIDValue,
  type DuckDBValue,
  DuckDBVarCharType,
  HUGEINT,
  TIMESTAMP,
  UHUGEINT,
} from '@duckdb/node-api';
import native, { type LogicalType, type Value } from '@duckdb/node-bindings';
import { MxcpError, nearestName } from '../../errors/index.js';
import { MICROS_PER_DAY, parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
import { toJson } from './json-values.js';
import {
  bindableShapeOf,
  entriesOf,
  isList,
  JSON_TEXT,
  type Shape,
  type StructShape,
  DeclaredValue,
  MapEntries,
  type ParameterValue,
  type SqlParameters,
  SqlValue,
  TypedText,
} from './sql-values.js';

type Present = Exclude<DuckDBValue, null>;

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
    const shape = bindableShapeOf(parameter, given);
    native.bind_value(statement['prepared_statement'], index, createEncoder(shape).encode(parameter));
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

/** Creates native values of one shape. */
interface Encoder {
  readonly type: LogicalType;
  readonly encode: (parameter: ParameterValue) => Value;
}

type PresentParameter = Exclude<ParameterValue, DeclaredValue | null>;

/** Native types are created once for all values of a shape: creating them takes longer than creating the values. */
function createEncoder(shape: Shape): Encoder {
  switch (shape.kind) {
    case 'scalar': {
      const { type } = shape;
      const createType = (): LogicalType => type.toLogicalType().logical_type;
      const encode = (value: PresentParameter): Value => createScalar(toScalar(value, type), type);
      if (shape !== JSON_TEXT) return encoderOf(createType, encode);
      return encoderOf(createType, (value) => createTyped(createType(), encode(value)));
    }
    case 'list': {
      const item = createEncoder(shape.item);
      return encoderOf(
        () => native.create_list_type(item.type),
        (value) => native.create_list_value(item.type, Object.values(value).map(item.encode)),
      );
    }
    case 'map':
      return mapEncoder(createEncoder(shape.key), createEncoder(shape.value));
    case 'struct':
      // DuckDB has no STRUCT without fields; an empty object is bound as JSON.
      return shape.fields.size === 0 ? createEncoder(JSON_TEXT) : structEncoder(shape);
  }
}

function mapEncoder(key: Encoder, item: Encoder): Encoder {
  const type = native.create_map_type(key.type, item.type);
  return encoderOf(
    () => type,
    (value) => {
      const entries = value instanceof MapEntries ? value.entries : [];
      const keys = entries.map((entry) => key.encode(entry[0]));
      const items = entries.map((entry) => item.encode(entry[1]));
      return native.create_map_value(type, keys, items);
    },
  );
}

/** Fields that an object lacks and others in its list have are NULL. */
function structEncoder({ fields }: StructShape): Encoder {
  const members = [...fields].map(([name, field]) => [name, createEncoder(field)] as const);
  const types = members.map(([, member]) => member.type);
  const type = native.create_struct_type(types, [...fields.keys()]);
  return encoderOf(
    () => type,
    (value) => {
      const given = new Map(typeof value === 'object' && !(value instanceof MapEntries) ? entriesOf(value) : []);
      const values = members.map(([name, member]) => member.encode(given.get(name) ?? null));
      return native.create_struct_value(type, values);
    },
  );
}

/** A scalar that is not NULL needs no native type. */
function encoderOf(createType: () => LogicalType, encodePresent: (value: PresentParameter) => Value): Encoder {
  let type: LogicalType | undefined;
  let typedNull: Value | undefined;
  const encoder: Encoder = {
    get type() {
      type ??= createType();
      return type;
    },
    encode: (parameter) => {
      if (parameter instanceof DeclaredValue) return encoder.encode(parameter.value);
      if (parameter !== null) return encodePresent(parameter);
      typedNull ??= createTyped(encoder.type, native.create_null_value());
      return typedNull;
    },
  };
  return encoder;
}

/** A value with a type that the bindings give to fields of a STRUCT only: NULL, by whose type DuckDB chooses functions, and JSON. */
function createTyped(type: LogicalType, value: Value): Value {
  return native.get_struct_child(native.create_struct_value(native.create_struct_type([type], ['a']), [value]), 0);
}

function createScalar(value: Present, type: DuckDBType): Value {
  if (typeof value === 'string') return native.create_varchar(value);
  if (typeof value === 'number') return native.create_double(value);
  if (typeof value === 'boolean') return native.create_bool(value);
  if (typeof value === 'bigint') {
    if (type === UHUGEINT) return native.create_uhugeint(value);
    return type === HUGEINT ? native.create_hugeint(value) : native.create_int64(value);
  }
  if (value instanceof DuckDBDateValue) return native.create_date(value);
  if (value instanceof DuckDBTimeValue) return native.create_time(value);
  if (value instanceof DuckDBTimeTZValue) return native.create_time_tz_value(value);
  if (value instanceof DuckDBTimestampValue) return native.create_timestamp(value);
  if (value instanceof DuckDBTimestampTZValue) return native.create_timestamp_tz(value);
  if (value instanceof DuckDBDecimalValue) return native.create_decimal(value);
  if (value instanceof DuckDBIntervalValue) return native.create_interval(value);
  if (value instanceof DuckDBUUIDValue) return native.create_uuid(value.toUint128());
  if (value instanceof DuckDBBlobValue) return native.create_blob(value.bytes);
  throw new Error(`no parameter is bound as ${String(type)}`);
}

function toScalar(parameter: PresentParameter, type: DuckDBType): Present {
  if (type instanceof DuckDBVarCharType) return toText(parameter);
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

/** Converts a value to a type that holds it. */
function widen(value: Present, type: DuckDBType): Present {
  if (type instanceof DuckDBDecimalType) return toDecimal(value, type);
  if (type === DOUBLE) return value instanceof DuckDBDecimalValue ? Number(String(value)) : Number(value);
  if (type === BIGINT || type === HUGEINT || type === UHUGEINT)
    return typeof value === 'object' || typeof value === 'string' ? value : BigInt(value);
  if (type === TIMESTAMP && value instanceof DuckDBDateValue)
    return new DuckDBTimestampValue(BigInt(value.days) * MICROS_PER_DAY);
  return value;
}

function toDecimal(value: Present, { width, scale }: DuckDBDecimalType): Present {
  const [digits, ownScale] =
    value instanceof DuckDBDecimalValue
      ? [value.value, value.scale]
      : [typeof value === 'bigint' ? value : BigInt(Number(value)), 0];
  return new DuckDBDecimalValue(digits * 10n ** BigInt(scale - ownScale), width, scale);
}

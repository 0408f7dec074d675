import {
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  listValue,
  mapValue,
  VARCHAR,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { MxcpError, nearestName } from '../../errors/index.js';
import { toStructValue } from './column-values.js';
import { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
import { toJson } from './json-conversion.js';
import { refuseUnclearNames } from './member-names.js';
import { entriesOf, shapeOf, toType, type Shape } from './parameter-shape.js';
import {
  DeclaredValue,
  MapEntries,
  SqlValue,
  StructEntries,
  TypedText,
  type ParameterValue,
} from './sql-values.js';
import { widen } from './type-merging.js';

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

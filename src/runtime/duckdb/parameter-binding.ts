import {
  BIGINT,
  DOUBLE,
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  HUGEINT,
  listValue,
  structValue,
  VARCHAR,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';
import { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
import { shapeOf, toType, type Shape } from './parameter-shape.js';
import { TypedText, type ParameterValue } from './query.js';

/** Binds the parameters that this statement uses; a text of several statements spreads its parameters over them. */
export function bindParameters(
  statement: DuckDBPreparedStatement,
  parameters: Readonly<Record<string, ParameterValue>>,
): void {
  for (let index = 1; index <= statement.parameterCount; index += 1) {
    const name = statement.parameterName(index);
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      throw new MxcpError('query_failed', `the SQL uses $${name}, but no parameter "${name}" was given`);
    }
    const shape = shapeOf(parameter);
    statement.bindValue(index, toValue(parameter, shape), toType(shape));
  }
}

function toValue(parameter: ParameterValue, shape: Shape): DuckDBValue {
  if (parameter === null) return null;
  if (shape.kind === 'scalar') return toScalar(parameter, shape.type);
  if (typeof parameter !== 'object') throw new Error('a scalar has the shape of a list or object');
  if (shape.kind === 'struct') return toStruct(new Map(Object.entries(parameter)), shape.fields);
  return listValue(Object.values(parameter).map((item) => toValue(item, shape.item)));
}

/** Fields that this object lacks and others of its list have are NULL. */
function toStruct(
  entries: ReadonlyMap<string, ParameterValue>,
  fields: ReadonlyMap<string, Shape>,
): DuckDBValue {
  if (fields.size === 0) return '{}';
  return structValue(
    Object.fromEntries([...fields].map(([key, field]) => [key, toValue(entries.get(key) ?? null, field)])),
  );
}

function toScalar(parameter: Exclude<ParameterValue, null>, type: DuckDBType): DuckDBValue {
  if (type === VARCHAR) return toText(parameter);
  if (typeof parameter === 'object')
    return parameter instanceof TypedText ? parseTypedText(parameter) : toText(parameter);
  if (typeof parameter === 'number' && (type === BIGINT || type === HUGEINT)) return BigInt(parameter);
  return type === DOUBLE ? Number(parameter) : parameter;
}

function toText(parameter: Exclude<ParameterValue, null>): string {
  if (typeof parameter === 'string') return parameter;
  const json = JSON.stringify(parameter, (_key, value: unknown) => {
    if (typeof value === 'bigint') return value.toString();
    return value instanceof TypedText ? value.text : value;
  });
  return parameter instanceof TypedText ? parameter.text : json;
}

/** Throws `params_invalid` when the text is not of its type. */
function parseTypedText(typedText: TypedText): DuckDBValue {
  const value = toTimeValue(typedText);
  if (value !== undefined) return value;
  throw new MxcpError('params_invalid', `"${typedText.text}" is not a ${typedText.sqlType}`);
}

function toTimeValue({ sqlType, text }: TypedText): DuckDBValue | undefined {
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

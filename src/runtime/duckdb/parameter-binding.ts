import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  HUGEINT,
  LIST,
  listValue,
  SQLNULL,
  STRUCT,
  structValue,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';
import { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
import type { ParameterValue, TypedText } from './query.js';

interface BoundValue {
  readonly value: DuckDBValue;
  readonly type: DuckDBType;
}

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
    const { value, type } = toBound(parameter);
    statement.bindValue(index, value, type);
  }
}

/** Integers are bound as BIGINT whatever their size, so that the type of a result column does not depend on a value. */
function toBound(parameter: ParameterValue): BoundValue {
  if (parameter === null) return { value: null, type: SQLNULL };
  switch (typeof parameter) {
    case 'string':
      return { value: parameter, type: VARCHAR };
    case 'boolean':
      return { value: parameter, type: BOOLEAN };
    case 'bigint':
      return { value: parameter, type: HUGEINT };
    case 'number':
      return Number.isSafeInteger(parameter)
        ? { value: BigInt(parameter), type: BIGINT }
        : { value: parameter, type: DOUBLE };
    default:
      return objectToBound(parameter);
  }
}

function objectToBound(
  parameter: Exclude<ParameterValue, string | boolean | number | bigint | null>,
): BoundValue {
  if (isList(parameter)) return listToBound(parameter);
  if (isTypedText(parameter)) return typedTextToBound(parameter);
  const entries = Object.entries(parameter).map(([key, value]) => [key, toBound(value)] as const);
  // DuckDB has no STRUCT without fields; its JSON text is what is left of an empty object.
  if (entries.length === 0) return { value: '{}', type: VARCHAR };
  return {
    value: structValue(Object.fromEntries(entries.map(([key, bound]) => [key, bound.value]))),
    type: STRUCT(Object.fromEntries(entries.map(([key, bound]) => [key, bound.type]))),
  };
}

/** A list has one element type; where the elements differ, each becomes its JSON text. */
function listToBound(items: readonly ParameterValue[]): BoundValue {
  const bound = items.map(toBound);
  const types = new Map(
    bound.filter(({ type }) => type !== SQLNULL).map(({ type }) => [type.toString(), type]),
  );
  const [only] = types.values();
  if (types.size <= 1)
    return { value: listValue(bound.map(({ value }) => value)), type: LIST(only ?? SQLNULL) };
  if ([...types.values()].every((type) => type === BIGINT || type === DOUBLE)) {
    return {
      value: listValue(items.map((item) => (item === null ? null : Number(item)))),
      type: LIST(DOUBLE),
    };
  }
  return { value: listValue(items.map((item) => toText(item))), type: LIST(VARCHAR) };
}

function toText(item: ParameterValue): string | null {
  if (item === null || typeof item === 'string') return item;
  return JSON.stringify(item, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}

function typedTextToBound({ sqlType, text }: TypedText): BoundValue {
  const bound = parseTypedText(sqlType, text);
  if (bound === undefined) throw new MxcpError('params_invalid', `"${text}" is not a ${sqlType}`);
  return bound;
}

function parseTypedText(sqlType: TypedText['sqlType'], text: string): BoundValue | undefined {
  if (sqlType === 'DATE') {
    const days = parseIsoDate(text);
    return days === undefined ? undefined : { value: new DuckDBDateValue(days), type: DATE };
  }
  if (sqlType === 'TIME') {
    const micros = parseIsoTime(text);
    return micros === undefined ? undefined : { value: new DuckDBTimeValue(micros), type: TIME };
  }
  const micros = parseIsoTimestamp(text);
  if (micros === undefined) return undefined;
  return sqlType === 'TIMESTAMP'
    ? { value: new DuckDBTimestampValue(micros), type: TIMESTAMP }
    : { value: new DuckDBTimestampTZValue(micros), type: TIMESTAMPTZ };
}

function isList(parameter: object): parameter is readonly ParameterValue[] {
  return Array.isArray(parameter);
}

function isTypedText(parameter: object): parameter is TypedText {
  return 'sqlType' in parameter && 'text' in parameter && Object.keys(parameter).length === 2;
}

import {
  BIGINT,
  BLOB,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
  HUGEINT,
  INTERVAL,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  TIMETZ,
  UHUGEINT,
  UUID,
} from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';
import { toJson } from './json-values.js';
import {
  entriesOf,
  MAX_DECIMAL_WIDTH,
  DeclaredValue,
  type JsonObject,
  type JsonValue,
  MapEntries,
  type ParameterValue,
  type SqlParameters,
  SqlValue,
  StructEntries,
  TypedText,
} from './sql-values.js';

/**
 * The parameters of a query as the Python worker sends them: JSON, with other types as `{ "$": kind, "v": … }`
 * (`parameters.py` writes it). Throws `query_failed` for what the worker never sends.
 */
export function parseTaggedParameters(parameters: JsonValue): SqlParameters {
  if (typeof parameters !== 'object' || parameters === null || isList(parameters)) throw malformed();
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, parseValue(value)]));
}

function parseValue(value: JsonValue): ParameterValue {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(parseValue);
  const parse = TAGS[String(value['$'])];
  const content = value['v'];
  if (parse === undefined || content === undefined) throw malformed();
  return parse(content);
}

const TAGS: Readonly<Record<string, (content: JsonValue) => ParameterValue>> = {
  int: toInteger,
  float: (text) => new SqlValue(DOUBLE, toDouble(String(text))),
  decimal: (text) => toDecimal(String(text)),
  date: (days) => new SqlValue(DATE, new DuckDBDateValue(Number(days))),
  time: (micros) => new SqlValue(TIME, new DuckDBTimeValue(toBigInt(micros))),
  timetz: (pair) => {
    const [micros, offset] = toPair(pair);
    return new SqlValue(TIMETZ, DuckDBTimeTZValue.fromMicrosAndOffset(toBigInt(micros), Number(offset)));
  },
  timestamp: (micros) => new SqlValue(TIMESTAMP, new DuckDBTimestampValue(toBigInt(micros))),
  timestamptz: (micros) => new SqlValue(TIMESTAMPTZ, new DuckDBTimestampTZValue(toBigInt(micros))),
  interval: (pair) => {
    const [days, micros] = toPair(pair);
    return new SqlValue(INTERVAL, new DuckDBIntervalValue(0, Number(days), toBigInt(micros)));
  },
  uuid: (text) => new SqlValue(UUID, DuckDBUUIDValue.fromUint128(toBigInt(`0x${String(text).replaceAll('-', '')}`))),
  bytes: (text) => new SqlValue(BLOB, new DuckDBBlobValue(new Uint8Array(Buffer.from(String(text), 'base64')))),
  struct: (pairs) => new StructEntries(toPairs(pairs).map(([key, value]) => [String(key), parseValue(value)])),
  map: (pairs) => new MapEntries(toPairs(pairs).map(([key, value]) => [parseValue(key), parseValue(value)])),
};

function toInteger(digits: JsonValue): SqlValue {
  const value = toBigInt(digits);
  if (BigInt.asIntN(64, value) === value) return new SqlValue(BIGINT, value);
  return new SqlValue(BigInt.asIntN(128, value) === value ? HUGEINT : UHUGEINT, value);
}

function toDouble(text: string): number {
  if (text === 'nan') return Number.NaN;
  return text.endsWith('inf') ? Number(`${text}inity`.replace('inf', 'Inf')) : Number(text);
}

/** `-12.50` as DECIMAL(4,2). A number with more digits than a DECIMAL holds is a double, as in DuckDB's Python package. */
function toDecimal(text: string): SqlValue {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw malformed();
  const [, sign = '', whole = '', fraction = ''] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const width = Math.max(digits.length, fraction.length, 1);
  if (width > MAX_DECIMAL_WIDTH) return new SqlValue(DOUBLE, Number(text));
  const value = toBigInt(`${sign}${digits === '' ? '0' : digits}`);
  return new SqlValue(DECIMAL(width, fraction.length), new DuckDBDecimalValue(value, width, fraction.length));
}

function toPairs(value: JsonValue): readonly (readonly [JsonValue, JsonValue])[] {
  if (!isList(value)) throw malformed();
  return value.map(toPair);
}

function toPair(value: JsonValue): readonly [JsonValue, JsonValue] {
  if (!isList(value)) throw malformed();
  const [first = null, second = null] = value;
  return [first, second];
}

function toBigInt(value: JsonValue): bigint {
  try {
    return BigInt(String(value));
  } catch (cause) {
    throw malformed(cause);
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function malformed(cause?: unknown): MxcpError {
  const message = 'the Python worker sent query parameters in an unknown format';
  return new MxcpError('query_failed', message, { cause });
}

/** The arguments of a call as the Python worker reads them (`values.py`): JSON, with other types as `{ "$": kind, "v": … }`. */
export function toTaggedArguments(callArguments: SqlParameters): JsonObject {
  return Object.fromEntries(Object.entries(callArguments).map(([name, value]) => [name, toTagged(value)]));
}

function toTagged(value: ParameterValue): JsonValue {
  if (typeof value === 'bigint') return tag('int', value.toString());
  // A double without a fraction would arrive as an integer whose last digits are invented.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return tag('float', String(value));
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toTagged);
  if (value instanceof TypedText) return tag(value.sqlType.toLowerCase(), value.text);
  // A dict contains only what the client sent; `in` and `get` show what was left out.
  if (value instanceof DeclaredValue) return toTagged(value.value);
  // Only parameters that Python sent to the database have these types; they never come back as arguments.
  if (value instanceof SqlValue) return toJson(value.value);
  if (value instanceof MapEntries) return value.entries.map(([key, item]) => [toTagged(key), toTagged(item)]);
  const entries = Object.fromEntries(entriesOf(value).map(([key, item]) => [key, toTagged(item)]));
  return Object.hasOwn(entries, '$') ? tag('object', entries) : entries;
}

function tag(kind: string, value: JsonValue): JsonObject {
  return { $: kind, v: value };
}

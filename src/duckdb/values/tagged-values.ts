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
import { toJson } from './json-rows.js';
import { entriesOf } from './parameters.js';
import {
  DeclaredValue,
  type JsonObject,
  type JsonValue,
  MapEntries,
  type ParameterValue,
  SqlValue,
  StructEntries,
  TypedText,
} from './sql-values.js';

const MAX_DECIMAL_WIDTH = 38;

/**
 * The parameters of a query as the Python worker sends them: JSON, with what JSON does not have as
 * `{ "$": kind, "v": … }` (`parameters.py` writes it). Throws `query_failed` for what it would never send.
 */
export function parseTaggedParameters(parameters: JsonValue): Readonly<Record<string, ParameterValue>> {
  if (typeof parameters !== 'object' || parameters === null || isList(parameters)) throw refused();
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, parseValue(value)]));
}

function parseValue(value: JsonValue): ParameterValue {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(parseValue);
  const parse = TAGS[String(value['$'])];
  const content = value['v'];
  if (parse === undefined || content === undefined) throw refused();
  return parse(content);
}

const TAGS: Readonly<Record<string, (content: JsonValue) => ParameterValue>> = {
  int: (digits) => toInteger(toBigInt(digits)),
  float: (text) => new SqlValue(DOUBLE, toDouble(String(text))),
  decimal: (text) => toDecimal(String(text)),
  date: (days) => new SqlValue(DATE, new DuckDBDateValue(Number(days))),
  time: (micros) => new SqlValue(TIME, new DuckDBTimeValue(toBigInt(micros))),
  timetz: (pair) => new SqlValue(TIMETZ, toTimeWithZone(pair)),
  timestamp: (micros) => new SqlValue(TIMESTAMP, new DuckDBTimestampValue(toBigInt(micros))),
  timestamptz: (micros) => new SqlValue(TIMESTAMPTZ, new DuckDBTimestampTZValue(toBigInt(micros))),
  interval: (pair) => new SqlValue(INTERVAL, toInterval(pair)),
  uuid: (text) =>
    new SqlValue(UUID, DuckDBUUIDValue.fromUint128(toBigInt(`0x${String(text).replaceAll('-', '')}`))),
  bytes: (text) =>
    new SqlValue(BLOB, new DuckDBBlobValue(new Uint8Array(Buffer.from(String(text), 'base64')))),
  struct: (pairs) =>
    new StructEntries(toPairs(pairs).map(([key, value]) => [String(key), parseValue(value)])),
  map: (pairs) => new MapEntries(toPairs(pairs).map(([key, value]) => [parseValue(key), parseValue(value)])),
};

function toInteger(value: bigint): SqlValue {
  if (BigInt.asIntN(64, value) === value) return new SqlValue(BIGINT, value);
  return new SqlValue(BigInt.asIntN(128, value) === value ? HUGEINT : UHUGEINT, value);
}

function toDouble(text: string): number {
  if (text === 'nan') return Number.NaN;
  return text.endsWith('inf') ? Number(`${text}inity`.replace('inf', 'Inf')) : Number(text);
}

/** `-12.50` as DECIMAL(4,2); what has more digits than a DECIMAL holds is a double, as in DuckDB's Python package. */
function toDecimal(text: string): SqlValue {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw refused();
  const [, sign = '', whole = '', fraction = ''] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const width = Math.max(digits.length, fraction.length, 1);
  if (width > MAX_DECIMAL_WIDTH) return new SqlValue(DOUBLE, Number(text));
  const value = toBigInt(`${sign}${digits === '' ? '0' : digits}`);
  return new SqlValue(DECIMAL(width, fraction.length), new DuckDBDecimalValue(value, width, fraction.length));
}

function toTimeWithZone(pair: JsonValue): DuckDBTimeTZValue {
  const [micros = null, offset = null] = toList(pair);
  return DuckDBTimeTZValue.fromMicrosAndOffset(toBigInt(micros), Number(offset));
}

function toInterval(pair: JsonValue): DuckDBIntervalValue {
  const [days = null, micros = null] = toList(pair);
  return new DuckDBIntervalValue(0, Number(days), toBigInt(micros));
}

function toPairs(value: JsonValue): readonly (readonly [JsonValue, JsonValue])[] {
  return toList(value).map((pair) => {
    const [key = null, item = null] = toList(pair);
    return [key, item];
  });
}

function toList(value: JsonValue): readonly JsonValue[] {
  if (!isList(value)) throw refused();
  return value;
}

function toBigInt(value: JsonValue): bigint {
  try {
    return BigInt(String(value));
  } catch (cause) {
    throw refused(cause);
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function refused(cause?: unknown): MxcpError {
  return new MxcpError(
    'query_failed',
    'the parameters of the query are not as the Python worker sends them',
    {
      cause,
    },
  );
}

/**
 * The arguments of a call as the Python worker reads them (`values.py`): JSON, with what JSON does not have as
 * `{ "$": kind, "v": … }`.
 */
export function toTaggedArguments(callArguments: Readonly<Record<string, ParameterValue>>): JsonObject {
  return Object.fromEntries(Object.entries(callArguments).map(([name, value]) => [name, toTagged(value)]));
}

function toTagged(value: ParameterValue): JsonValue {
  if (typeof value === 'bigint') return tag('int', value.toString());
  if (typeof value === 'number') return toTaggedNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toTagged);
  if (value instanceof TypedText) return tag(value.sqlType.toLowerCase(), value.text);
  // A dict has what was sent and no more; `in` and `get` say what was left out.
  if (value instanceof DeclaredValue) return toTagged(value.value);
  // Only what Python sent to the database is of these types; it does not come back as an argument.
  if (value instanceof SqlValue) return toJson(value.value);
  if (value instanceof MapEntries) return value.entries.map(([key, item]) => [toTagged(key), toTagged(item)]);
  const entries = Object.fromEntries(entriesOf(value).map(([key, item]) => [key, toTagged(item)]));
  return Object.hasOwn(entries, '$') ? tag('object', entries) : entries;
}

/** A double without a fraction would arrive as an integer whose last digits are made up. */
function toTaggedNumber(value: number): JsonValue {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? tag('float', String(value)) : value;
}

function tag(kind: string, value: JsonValue): JsonObject {
  return { $: kind, v: value };
}

import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBGeometryValue,
  DuckDBIntervalValue,
  DuckDBTimeNSValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  DuckDBTypeId,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { toIsoDate, toIsoTimestamp } from './iso-time.js';
import type { JsonValue } from './query.js';
import type { ValueCodec } from './value-codec.js';

type Present = Exclude<DuckDBValue, null>;

const MICROS_PER_DAY = 86_400_000_000n;
/** 0001-01-01 and 9999-12-31 in days since 1970: what Python's dates reach. DuckDB's Python package gives others as text. */
const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;
const FIRST_MICROS = BigInt(FIRST_DAY) * MICROS_PER_DAY;
const LAST_MICROS = BigInt(LAST_DAY + 1) * MICROS_PER_DAY - 1n;

const integers: ValueCodec = { descriptor: 'int', encode: encodeInteger };
const doubles: ValueCodec = { descriptor: 'float', encode: encodeDouble };
const timestamps: ValueCodec = { descriptor: 'timestamp', encode: (value) => encodeTimestamp(value, '') };
const times: ValueCodec = { descriptor: 'time', encode: encodeTime };
const bytes: ValueCodec = { descriptor: 'bytes', encode: encodeBytes };
/** What JSON, or the text that DuckDB itself writes, is right for. */
const texts: ValueCodec = { descriptor: 'json', encode: String };

const asItIs: ValueCodec = { descriptor: 'json', encode: encodePlain };

const CODECS: Readonly<Partial<Record<DuckDBTypeId, ValueCodec>>> = {
  [DuckDBTypeId.BOOLEAN]: asItIs,
  [DuckDBTypeId.TINYINT]: asItIs,
  [DuckDBTypeId.SMALLINT]: asItIs,
  [DuckDBTypeId.INTEGER]: asItIs,
  [DuckDBTypeId.UTINYINT]: asItIs,
  [DuckDBTypeId.USMALLINT]: asItIs,
  [DuckDBTypeId.UINTEGER]: asItIs,
  [DuckDBTypeId.VARCHAR]: asItIs,
  [DuckDBTypeId.BIGINT]: integers,
  [DuckDBTypeId.UBIGINT]: integers,
  [DuckDBTypeId.HUGEINT]: integers,
  [DuckDBTypeId.UHUGEINT]: integers,
  [DuckDBTypeId.FLOAT]: doubles,
  [DuckDBTypeId.DOUBLE]: doubles,
  [DuckDBTypeId.DECIMAL]: { descriptor: 'decimal', encode: String },
  [DuckDBTypeId.DATE]: { descriptor: 'date', encode: encodeDate },
  [DuckDBTypeId.TIME]: times,
  [DuckDBTypeId.TIME_NS]: times,
  [DuckDBTypeId.TIME_TZ]: { descriptor: 'timetz', encode: encodeTimeWithZone },
  [DuckDBTypeId.TIMESTAMP]: timestamps,
  [DuckDBTypeId.TIMESTAMP_S]: timestamps,
  [DuckDBTypeId.TIMESTAMP_MS]: timestamps,
  [DuckDBTypeId.TIMESTAMP_NS]: timestamps,
  [DuckDBTypeId.INTERVAL]: { descriptor: 'interval', encode: encodeInterval },
  [DuckDBTypeId.UUID]: { descriptor: 'uuid', encode: String },
  [DuckDBTypeId.BLOB]: bytes,
  [DuckDBTypeId.GEOMETRY]: bytes,
};

export function scalarCodec(type: DuckDBType, timeZone: string): ValueCodec {
  if (type.typeId === DuckDBTypeId.TIMESTAMP_TZ)
    return { descriptor: ['timestamptz', timeZone], encode: (value) => encodeTimestamp(value, '+00') };
  return CODECS[type.typeId] ?? texts;
}

function encodePlain(value: Present): JsonValue {
  return typeof value === 'object' || typeof value === 'bigint' ? String(value) : value;
}

function encodeInteger(value: Present): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** JSON has neither NaN nor infinities nor -0. */
function encodeDouble(value: Present): JsonValue {
  if (typeof value !== 'number') return null;
  if (Object.is(value, -0)) return '-0.0';
  return Number.isFinite(value) ? value : String(value);
}

function encodeDate(value: Present): JsonValue {
  if (!(value instanceof DuckDBDateValue)) return null;
  const { days, isFinite } = value;
  if (!isFinite) return days < 0 ? '-infinity' : 'infinity';
  return days >= FIRST_DAY && days <= LAST_DAY ? days : toDuckDbDate(toIsoDate(days));
}

/** Microseconds, behind `#` when a double does not hold them; text for what Python does not have. */
function encodeTimestamp(value: Present, suffix: string): JsonValue {
  const micros = toMicros(value);
  if (typeof value === 'object' && 'isFinite' in value && !value.isFinite)
    return micros < 0n ? '-infinity' : 'infinity';
  if (micros < FIRST_MICROS || micros > LAST_MICROS) return toDuckDbTimestamp(micros) + suffix;
  const number = Number(micros);
  return Number.isSafeInteger(number) ? number : `#${micros}`;
}

/** Nanoseconds are cut towards 1970, as DuckDB's Python package does. */
function toMicros(value: Present): bigint {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return value.micros;
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1_000n;
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000n;
  return value instanceof DuckDBTimestampNanosecondsValue ? value.nanos / 1_000n : 0n;
}

/** `0044-03-15 (BC)` for `-000043-03-15`, `12024-01-01` for `+012024-01-01`. */
function toDuckDbDate(isoDate: string): string {
  const [, year = '', rest = ''] = /^(.*)(-\d\d-\d\d)$/.exec(isoDate) ?? [];
  const number = Number(year);
  if (number > 0) return `${number}${rest}`;
  return `${String(1 - number).padStart(4, '0')}${rest} (BC)`;
}

function toDuckDbTimestamp(micros: bigint): string {
  const [date = '', clock = ''] = toIsoTimestamp(micros * 1_000n).split('T');
  return `${toDuckDbDate(date)} ${clock}`;
}

function encodeTime(value: Present): JsonValue {
  const micros =
    value instanceof DuckDBTimeValue
      ? value.micros
      : value instanceof DuckDBTimeNSValue
        ? value.nanos / 1_000n
        : 0n;
  // Python's day ends before 24:00:00.
  return micros >= MICROS_PER_DAY ? '24:00:00' : Number(micros);
}

function encodeTimeWithZone(value: Present): JsonValue {
  if (!(value instanceof DuckDBTimeTZValue)) return null;
  return value.micros >= MICROS_PER_DAY ? String(value) : [Number(value.micros), value.offset];
}

function encodeInterval(value: Present): JsonValue {
  if (!(value instanceof DuckDBIntervalValue)) return null;
  return [value.months, value.days, encodeInteger(value.micros)];
}

function encodeBytes(value: Present): JsonValue {
  return value instanceof DuckDBBlobValue || value instanceof DuckDBGeometryValue
    ? Buffer.from(value.bytes).toString('base64')
    : null;
}

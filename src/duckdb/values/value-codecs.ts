import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBGeometryValue,
  DuckDBIntervalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimeNSValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantValue,
  SQLNULL,
} from '@duckdb/node-api';
import { toIsoDate, toIsoTimestamp } from './iso-time.js';
import { isUnnamed } from './json-rows.js';
import type { JsonValue } from './sql-values.js';

/** How the values of one type travel to Python: what Python is told of the type (`rows.py` reads it), and each value. */
export interface ValueCodec {
  readonly descriptor: JsonValue;
  /** Never given NULL, which is always null. */
  readonly encode: (value: Exclude<DuckDBValue, null>) => JsonValue;
}

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

/** Key types that no Python dict can have as keys; the map is two lists then, as DuckDB's Python package gives it. */
const UNHASHABLE: readonly DuckDBTypeId[] = [
  DuckDBTypeId.LIST,
  DuckDBTypeId.ARRAY,
  DuckDBTypeId.STRUCT,
  DuckDBTypeId.MAP,
  DuckDBTypeId.VARIANT,
];

/** `timeZone` is the one whose clock TIMESTAMPTZ values show. */
export function valueCodec(type: DuckDBType, timeZone: string): ValueCodec {
  if (type instanceof DuckDBListType) return sequenceCodec('list', type.valueType, timeZone);
  if (type instanceof DuckDBArrayType) return sequenceCodec('tuple', type.valueType, timeZone);
  if (type instanceof DuckDBStructType) return structCodec(type, timeZone);
  if (type instanceof DuckDBMapType) return mapCodec(type, timeZone);
  if (type instanceof DuckDBUnionType) return unionCodec(type, timeZone);
  if (type.typeId === DuckDBTypeId.VARIANT) return variantCodec(timeZone);
  return scalarCodec(type, timeZone);
}

export function encodeWith(codec: ValueCodec, value: DuckDBValue): JsonValue {
  return value === null ? null : codec.encode(value);
}

function sequenceCodec(kind: 'list' | 'tuple', itemType: DuckDBType, timeZone: string): ValueCodec {
  const item = valueCodec(itemType, timeZone);
  return {
    descriptor: [kind, item.descriptor],
    encode: (value) => itemsOf(value).map((each) => encodeWith(item, each)),
  };
}

function itemsOf(value: DuckDBValue): readonly DuckDBValue[] {
  return value instanceof DuckDBListValue || value instanceof DuckDBArrayValue ? value.items : [];
}

/** Values by place: a JSON object would move names that are numbers to the front. */
function structCodec(type: DuckDBStructType, timeZone: string): ValueCodec {
  const fields = type.entryTypes.map((entryType) => valueCodec(entryType, timeZone));
  const descriptors = fields.map(({ descriptor }) => descriptor);
  if (isUnnamed(type)) {
    return {
      descriptor: ['row', descriptors],
      encode: (value) => {
        const items = itemsOf(value);
        return fields.map((field, at) => encodeWith(field, items[at] ?? null));
      },
    };
  }
  const names = type.entryNames;
  return {
    descriptor: ['struct', names, descriptors],
    encode: (value) => {
      const entries = value instanceof DuckDBStructValue ? value.entries : {};
      return fields.map((field, at) => encodeWith(field, entries[names[at] ?? ''] ?? null));
    },
  };
}

function mapCodec({ keyType, valueType }: DuckDBMapType, timeZone: string): ValueCodec {
  const [keys, values] = [valueCodec(keyType, timeZone), valueCodec(valueType, timeZone)];
  // A UNION without a value cannot be told from one with a list in it, so all of them count.
  const isHashable = !UNHASHABLE.includes(keyType.typeId) && !holdsUnhashable(keyType);
  return {
    descriptor: [isHashable ? 'map' : 'lists-of-map', keys.descriptor, values.descriptor],
    encode: (map) =>
      map instanceof DuckDBMapValue
        ? map.entries.map(({ key, value }) => [encodeWith(keys, key), encodeWith(values, value)])
        : [],
  };
}

function holdsUnhashable(type: DuckDBType): boolean {
  return (
    type instanceof DuckDBUnionType &&
    type.memberTypes.some((member) => UNHASHABLE.includes(member.typeId) || holdsUnhashable(member))
  );
}

function unionCodec(type: DuckDBUnionType, timeZone: string): ValueCodec {
  const members = type.memberTypes.map((memberType) => valueCodec(memberType, timeZone));
  return {
    descriptor: ['union', members.map(({ descriptor }) => descriptor)],
    encode: (value) => {
      if (!(value instanceof DuckDBUnionValue)) return null;
      const at = type.memberIndexForTag(value.tag);
      const member = members[at];
      return member === undefined ? null : [at, encodeWith(member, value.value)];
    },
  };
}

/** Each value has a type of its own, which travels with it. */
function variantCodec(timeZone: string): ValueCodec {
  return {
    descriptor: 'variant',
    encode: (value) => {
      if (!(value instanceof DuckDBVariantValue)) return null;
      const codec = valueCodec(value.type ?? SQLNULL, timeZone);
      return [codec.descriptor, encodeWith(codec, value.value)];
    },
  };
}

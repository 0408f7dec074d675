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
import { MICROS_PER_DAY, toIsoDate, toIsoTimestamp } from './iso-time.js';
import { isUnnamed } from './chunk-columns.js';
import { infinityText, integerToJson, toTimestamp } from './json-values.js';
import type { JsonValue } from './sql-values.js';

type Present = Exclude<DuckDBValue, null>;

/** How the values of one type travel to Python: the descriptor of the type (`rows.py` reads it), and each value. */
export interface ValueCodec {
  readonly descriptor: JsonValue;
  /** Never called with NULL, which is always null. */
  readonly encode: (value: Present) => JsonValue;
}

/** 0001-01-01 and 9999-12-31 in days since 1970, the range of Python's dates. DuckDB's Python package gives others as text. */
const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;
const FIRST_MICROS = BigInt(FIRST_DAY) * MICROS_PER_DAY;
const LAST_MICROS = BigInt(LAST_DAY + 1) * MICROS_PER_DAY - 1n;

/** For types that JSON has, and for all without a codec, for which the text that DuckDB itself writes is right. */
const plain: ValueCodec = {
  descriptor: 'json',
  encode: (value) => (typeof value === 'object' || typeof value === 'bigint' ? String(value) : value),
};
const integers: ValueCodec = {
  descriptor: 'int',
  encode: (value) => (typeof value === 'bigint' ? integerToJson(value) : plain.encode(value)),
};
/** JSON has neither NaN nor infinities nor -0. */
const doubles: ValueCodec = {
  descriptor: 'float',
  encode: (value) => {
    if (typeof value !== 'number') return null;
    if (Object.is(value, -0)) return '-0.0';
    return Number.isFinite(value) ? value : String(value);
  },
};
const timestamps: ValueCodec = { descriptor: 'timestamp', encode: (value) => encodeTimestamp(value) };

const CODECS: Readonly<Partial<Record<DuckDBTypeId, ValueCodec>>> = {
  [DuckDBTypeId.BIGINT]: integers,
  [DuckDBTypeId.UBIGINT]: integers,
  [DuckDBTypeId.HUGEINT]: integers,
  [DuckDBTypeId.UHUGEINT]: integers,
  [DuckDBTypeId.FLOAT]: doubles,
  [DuckDBTypeId.DOUBLE]: doubles,
  [DuckDBTypeId.DECIMAL]: { descriptor: 'decimal', encode: String },
  [DuckDBTypeId.UUID]: { descriptor: 'uuid', encode: String },
  [DuckDBTypeId.DATE]: codecOf('date', DuckDBDateValue, encodeDate),
  [DuckDBTypeId.TIME]: codecOf('time', DuckDBTimeValue, ({ micros }) => encodeTime(micros)),
  [DuckDBTypeId.TIME_NS]: codecOf('time', DuckDBTimeNSValue, ({ nanos }) => encodeTime(nanos / 1_000n)),
  [DuckDBTypeId.TIME_TZ]: codecOf('timetz', DuckDBTimeTZValue, (value) =>
    value.micros >= MICROS_PER_DAY ? String(value) : [Number(value.micros), value.offset],
  ),
  [DuckDBTypeId.TIMESTAMP]: timestamps,
  [DuckDBTypeId.TIMESTAMP_S]: timestamps,
  [DuckDBTypeId.TIMESTAMP_MS]: timestamps,
  [DuckDBTypeId.TIMESTAMP_NS]: timestamps,
  [DuckDBTypeId.INTERVAL]: codecOf('interval', DuckDBIntervalValue, ({ months, days, micros }) => [
    months,
    days,
    integerToJson(micros),
  ]),
  [DuckDBTypeId.BLOB]: codecOf('bytes', DuckDBBlobValue, encodeBytes),
  [DuckDBTypeId.GEOMETRY]: codecOf('bytes', DuckDBGeometryValue, encodeBytes),
};

function codecOf<Value extends DuckDBValue & object>(
  descriptor: JsonValue,
  valueClass: abstract new (...parts: never[]) => Value,
  encode: (value: Value) => JsonValue,
): ValueCodec {
  return { descriptor, encode: (value) => (value instanceof valueClass ? encode(value) : null) };
}

function encodeDate({ days, isFinite }: DuckDBDateValue): JsonValue {
  if (!isFinite) return infinityText(days < 0);
  return days >= FIRST_DAY && days <= LAST_DAY ? days : toDuckDbDate(toIsoDate(days));
}

/** Microseconds, with a leading `#` when a double does not hold them; text for what Python's type cannot hold. */
function encodeTimestamp(value: Present, zone = ''): JsonValue {
  const timestamp = toTimestamp(value);
  if (timestamp === undefined) return null;
  // Nanoseconds are cut towards 1970, as DuckDB's Python package does.
  const micros = timestamp.nanos / 1_000n;
  if (!timestamp.isFinite) return infinityText(micros < 0n);
  if (micros < FIRST_MICROS || micros > LAST_MICROS) return toDuckDbTimestamp(micros) + zone;
  const number = Number(micros);
  return Number.isSafeInteger(number) ? number : `#${micros}`;
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

/** Python's day ends before 24:00:00. */
function encodeTime(micros: bigint): JsonValue {
  return micros >= MICROS_PER_DAY ? '24:00:00' : Number(micros);
}

function encodeBytes({ bytes }: { readonly bytes: Uint8Array }): JsonValue {
  return Buffer.from(bytes).toString('base64');
}

export function encodeWith(codec: ValueCodec, value: DuckDBValue): JsonValue {
  return value === null ? null : codec.encode(value);
}

/** Key types that a Python dict cannot have: DuckDB's Python package returns such a map as two lists. */
const UNHASHABLE: readonly DuckDBTypeId[] = [
  DuckDBTypeId.LIST,
  DuckDBTypeId.ARRAY,
  DuckDBTypeId.STRUCT,
  DuckDBTypeId.MAP,
  DuckDBTypeId.VARIANT,
];

/** `timeZone` is the one in which TIMESTAMPTZ values are shown. */
export function valueCodec(type: DuckDBType, timeZone: string): ValueCodec {
  if (type instanceof DuckDBListType) return sequenceCodec('list', type.valueType, timeZone);
  if (type instanceof DuckDBArrayType) return sequenceCodec('tuple', type.valueType, timeZone);
  if (type instanceof DuckDBStructType) return structCodec(type, timeZone);
  if (type instanceof DuckDBMapType) return mapCodec(type, timeZone);
  if (type instanceof DuckDBUnionType) return unionCodec(type, timeZone);
  if (type.typeId === DuckDBTypeId.VARIANT) return variantCodec(timeZone);
  if (type.typeId === DuckDBTypeId.TIMESTAMP_TZ)
    return { descriptor: ['timestamptz', timeZone], encode: (value) => encodeTimestamp(value, '+00') };
  return CODECS[type.typeId] ?? plain;
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

/** Values by position: a JSON object would move names that are numbers to the front. */
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
  return codecOf(['struct', names, descriptors], DuckDBStructValue, ({ entries }) =>
    fields.map((field, at) => encodeWith(field, entries[names[at] ?? ''] ?? null)),
  );
}

function mapCodec({ keyType, valueType }: DuckDBMapType, timeZone: string): ValueCodec {
  const [keys, values] = [valueCodec(keyType, timeZone), valueCodec(valueType, timeZone)];
  const kind = isUnhashable(keyType) ? 'lists-of-map' : 'map';
  return codecOf([kind, keys.descriptor, values.descriptor], DuckDBMapValue, ({ entries }) =>
    entries.map(({ key, value }) => [encodeWith(keys, key), encodeWith(values, value)]),
  );
}

/** A UNION without a value looks like one that has a list, so a UNION with one unhashable member counts. */
function isUnhashable(type: DuckDBType): boolean {
  return UNHASHABLE.includes(type.typeId) || (type instanceof DuckDBUnionType && type.memberTypes.some(isUnhashable));
}

function unionCodec(type: DuckDBUnionType, timeZone: string): ValueCodec {
  const members = type.memberTypes.map((memberType) => valueCodec(memberType, timeZone));
  const descriptor = ['union', members.map((member) => member.descriptor)];
  return codecOf(descriptor, DuckDBUnionValue, ({ tag, value }) => {
    const at = type.memberIndexForTag(tag);
    const member = members[at];
    return member === undefined ? null : [at, encodeWith(member, value)];
  });
}

/** Each value has a type of its own, which travels with it. */
function variantCodec(timeZone: string): ValueCodec {
  return codecOf('variant', DuckDBVariantValue, (variant) => {
    const codec = valueCodec(variant.type ?? SQLNULL, timeZone);
    return [codec.descriptor, encodeWith(codec, variant.value)];
  });
}

import {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTypeId,
  DuckDBUnionType,
  DuckDBUnionValue,
  DuckDBVariantValue,
  SQLNULL,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { isUnnamed } from './column-values.js';
import type { JsonValue } from './query.js';
import { scalarCodec } from './scalar-codecs.js';
import type { ValueCodec } from './value-codec.js';

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

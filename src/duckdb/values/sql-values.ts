import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';

/** A value with the SQL type that it is bound as. */
export class SqlValue {
  readonly type: DuckDBType;
  readonly value: Exclude<DuckDBValue, null>;

  constructor(type: DuckDBType, value: Exclude<DuckDBValue, null>) {
    this.type = type;
    this.value = value;
  }
}

/**
 * A value of a declared type; `sample` has all members of that type and an item for each list. The value is bound as the whole
 * type: members that it lacks are NULL, and an empty list has the declared item type.
 */
export class DeclaredValue {
  readonly value: ParameterValue;
  readonly sample: ParameterValue;

  constructor(value: ParameterValue, sample: ParameterValue) {
    this.value = value;
    this.sample = sample;
  }
}

/** Bound as STRUCT, with its fields in this order and under any name. */
export class StructEntries {
  readonly entries: readonly (readonly [string, ParameterValue])[];

  constructor(entries: StructEntries['entries']) {
    this.entries = entries;
  }
}

/** Bound as MAP. */
export class MapEntries {
  readonly entries: readonly (readonly [ParameterValue, ParameterValue])[];

  constructor(entries: MapEntries['entries']) {
    this.entries = entries;
  }
}

/** Text that is bound as an SQL type other than VARCHAR. A class, so that no object from a caller can be mistaken for one. */
export class TypedText {
  readonly sqlType: 'DATE' | 'TIME' | 'TIMESTAMP' | 'TIMESTAMPTZ';
  readonly text: string;

  constructor(sqlType: TypedText['sqlType'], text: string) {
    this.sqlType = sqlType;
    this.text = text;
  }
}

/** What can be bound to `$name`: JSON values (lists become LIST, objects STRUCT), dates and times, and typed values. */
export type ParameterValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | TypedText
  | SqlValue
  | StructEntries
  | MapEntries
  | DeclaredValue
  | readonly ParameterValue[]
  | { readonly [key: string]: ParameterValue };

/** Parameters by name, without the dollar sign. */
export type SqlParameters = Readonly<Record<string, ParameterValue>>;

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';

/** A value with the SQL type that it is bound as. */
export class SqlValue {
  constructor(
    readonly type: DuckDBType,
    readonly value: Exclude<DuckDBValue, null>,
  ) {}
}

/**
 * A value of a declared type; `sample` has all members of that type and an item for each list. The value is bound as the whole
 * type: members that it lacks are NULL, and an empty list has the declared item type.
 */
export class DeclaredValue {
  constructor(
    readonly value: ParameterValue,
    readonly sample: ParameterValue,
  ) {}
}

/** Bound as STRUCT, with its fields in this order and under any name. */
export class StructEntries {
  constructor(readonly entries: readonly (readonly [string, ParameterValue])[]) {}
}

/** Bound as MAP. */
export class MapEntries {
  constructor(readonly entries: readonly (readonly [ParameterValue, ParameterValue])[]) {}
}

/** Text that is bound as an SQL type other than VARCHAR. A class, so that no object from a caller can be mistaken for one. */
export class TypedText {
  constructor(
    readonly sqlType: 'DATE' | 'TIME' | 'TIMESTAMP' | 'TIMESTAMPTZ',
    readonly text: string,
  ) {}
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

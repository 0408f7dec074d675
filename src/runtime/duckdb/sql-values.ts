import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';

/** A value with the SQL type it is bound as. */
export class SqlValue {
  readonly type: DuckDBType;
  readonly value: Exclude<DuckDBValue, null>;

  constructor(type: DuckDBType, value: Exclude<DuckDBValue, null>) {
    this.type = type;
    this.value = value;
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

/** Text that is bound as a SQL type other than VARCHAR. A class, so that no object a caller sends can be taken for one. */
export class TypedText {
  readonly sqlType: 'DATE' | 'TIME' | 'TIMESTAMP' | 'TIMESTAMPTZ';
  readonly text: string;

  constructor(sqlType: TypedText['sqlType'], text: string) {
    this.sqlType = sqlType;
    this.text = text;
  }
}

/** What can be bound to `$name`: JSON values (lists become LIST, objects STRUCT), dates and times, and what has a type. */
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
  | readonly ParameterValue[]
  | { readonly [key: string]: ParameterValue };

import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { ParameterValue } from './query.js';

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

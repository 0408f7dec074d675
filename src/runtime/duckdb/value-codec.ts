import type { DuckDBValue } from '@duckdb/node-api';
import type { JsonValue } from './query.js';

/** How the values of one type travel to Python: what Python is told of the type (`rows.py` reads it), and each value. */
export interface ValueCodec {
  readonly descriptor: JsonValue;
  /** Never given NULL, which is always null. */
  readonly encode: (value: Exclude<DuckDBValue, null>) => JsonValue;
}

import type { Disposable } from '../../lifecycle/index.js';
import type { JsonValue } from './query.js';
import type { ParameterValue } from './sql-values.js';

/** A column of a result. `type` is in the words that Python's side of the worker decodes values by. */
export interface ColumnType {
  readonly name: string;
  readonly type: JsonValue;
}

export interface SessionExecution {
  /** Aborting interrupts the statement. */
  readonly signal: AbortSignal;
  /** Once, before the first row. */
  readonly onColumns: (columns: readonly ColumnType[]) => void;
  /** A promise is waited for before the next row: whoever takes the rows is behind. What it throws ends the statement. */
  readonly onRow: (row: readonly JsonValue[]) => void | Promise<void>;
}

/** One call's database. Statements run one after the other on one connection, which the first one opens. */
export interface DatabaseSession extends Disposable {
  /** Throws `query_failed`, `query_interrupted`. Values lose nothing on their way: they are tagged by their column's type. */
  execute(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    execution: SessionExecution,
  ): Promise<void>;
  /** Rolls back what is open. */
  dispose(): Promise<void>;
}

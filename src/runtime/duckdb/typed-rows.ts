import { DuckDBTypeId, type DuckDBPreparedStatement, type DuckDBResult } from '@duckdb/node-api';
import { EventLoopBudget } from '../../lifecycle/index.js';
import type { SessionExecution } from './database-session.js';
import { throwIfInterrupted } from './duckdb-errors.js';
import type { JsonValue } from './query.js';
import { readColumns, RowRefused, toColumns, type ColumnValues } from './row-reading.js';
import type { ValueCodec } from './value-codec.js';
import { encodeWith, valueCodec } from './value-codecs.js';

export interface TypedRowReader extends SessionExecution {
  /** The zone whose clock TIMESTAMPTZ values show. */
  readonly timeZone: string;
}

/**
 * Gives the columns of a result and all its rows as they come, so that Python can make of each value what DuckDB's own
 * Python package makes of it. Throws `RowRefused` with its cause, `query_interrupted`.
 */
export async function readTypedRows(result: DuckDBResult, reader: TypedRowReader): Promise<void> {
  const columns = toColumns(result);
  const codecs = result.columnTypes().map((type) => valueCodec(type, reader.timeZone));
  await handOver(reader, () =>
    reader.onColumns(columns.map(({ name }, at) => ({ name, type: codecs[at]?.descriptor ?? 'json' }))),
  );
  const budget = new EventLoopBudget();
  for (;;) {
    const chunk = await result.fetchChunk();
    throwIfInterrupted(reader.signal);
    if (chunk === null || chunk.rowCount === 0) return;
    const values = await readColumns(chunk, columns, budget);
    for (let row = 0; row < chunk.rowCount; row += 1) {
      if (budget.isSpent) await budget.renew();
      throwIfInterrupted(reader.signal);
      const pending = handOver(reader, () => reader.onRow(encodeRow(values, codecs, row)));
      if (pending !== undefined) await pending;
    }
  }
}

/** Whether the result may show a clock, so that its zone has to be known before. */
export function mayHaveTimeZone(statement: DuckDBPreparedStatement): boolean {
  for (let index = 0; index < statement.columnCount; index += 1) {
    const id = statement.columnTypeId(index);
    // What has types inside is looked at by name; a VARIANT tells them with each value, a parameter when it is bound.
    if (id === DuckDBTypeId.INVALID || id === DuckDBTypeId.VARIANT) return true;
    if (/TIME ZONE|VARIANT|ANY/.test(String(statement.columnType(index)))) return true;
  }
  return false;
}

function encodeRow(
  values: readonly ColumnValues[],
  codecs: readonly ValueCodec[],
  row: number,
): readonly JsonValue[] {
  return codecs.map((codec, at) => encodeWith(codec, values[at]?.values.at(row) ?? null));
}

/** Undefined when there is nothing to wait for, which spares each row a turn of the microtask queue. */
function handOver({ signal }: TypedRowReader, take: () => void | Promise<void>): Promise<void> | undefined {
  try {
    const taken = take();
    return taken === undefined ? undefined : untilAborted(taken, signal);
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  }
}

/** Who takes the rows may be gone, and never settle. */
async function untilAborted(taken: Promise<void>, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true, signal: settled.signal });
  });
  try {
    await Promise.race([taken, aborted]);
  } catch (error) {
    throw new RowRefused('the row was refused', { cause: error });
  } finally {
    settled.abort();
  }
  throwIfInterrupted(signal);
}

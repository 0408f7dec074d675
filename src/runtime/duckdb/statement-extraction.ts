import type { DuckDBConnection, DuckDBExtractedStatements } from '@duckdb/node-api';
import { messageOf, MxcpError } from '../../errors/index.js';

/** What the bindings put before DuckDB's own words when a text cannot be parsed (DuckDB 1.5.6). */
const PREFIX = 'Failed to extract statements: ';
/** What they say when there is nothing to extract. */
const NOTHING_FOUND = 'Error in native callback';

/** Parses a text into its statements. Throws `query_failed`, also when there are none. */
export async function extractStatements(
  connection: DuckDBConnection,
  sql: string,
): Promise<DuckDBExtractedStatements> {
  try {
    return await connection.extractStatements(sql);
  } catch (error) {
    const message = messageOf(error);
    const reason = message === NOTHING_FOUND ? 'the SQL has no statement' : message.replace(PREFIX, '');
    throw new MxcpError('query_failed', `Failed to execute SQL: ${reason}`, { cause: error });
  }
}

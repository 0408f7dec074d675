import type { DuckDBConnection, DuckDBExtractedStatements } from '@duckdb/node-api';
import { isCatalogError, toQueryError } from './duckdb-errors.js';
import { scanParameterNames } from './parameter-scan.js';
import type { StatementShape } from './query.js';
import { extractStatements } from './statement-extraction.js';

/**
 * Compiles every statement of a text without running it. A later statement may need what an earlier one creates; its
 * catalog errors are then no proof that it is wrong, and its parameters are read from the text. Throws `query_failed`.
 */
export async function inspectStatements(connection: DuckDBConnection, sql: string): Promise<StatementShape> {
  const names = new Set<string>();
  try {
    const statements = await extractStatements(connection, sql);
    for (let index = 0; index < statements.count; index += 1) {
      const prepared = await prepareNames(statements, index);
      for (const name of prepared ?? scanParameterNames(sql)) names.add(name);
    }
  } catch (error) {
    throw toQueryError(error);
  }
  return { parameterNames: [...names] };
}

async function prepareNames(
  statements: DuckDBExtractedStatements,
  index: number,
): Promise<string[] | undefined> {
  try {
    const statement = await statements.prepare(index);
    const names = Array.from({ length: statement.parameterCount }, (_, at) =>
      statement.parameterName(at + 1),
    );
    statement.destroySync();
    return names;
  } catch (error) {
    if (index > 0 && isCatalogError(error)) return undefined;
    throw error;
  }
}

import { DuckDBInstance } from '@duckdb/node-api';
import { findDatabaseFile } from './database-file.js';
import { toOpenError } from './duckdb-errors.js';

/**
 * Opens a database file. This is the only place that creates an instance, because two of them on the same file in one
 * process both accept writes and lose half of them, and closing either drops the lock of both (DuckDB 1.5.6): whoever
 * calls this knows that the file is not open in this process. Throws `database_locked`, `database_failed`, in which the file
 * is called `shownAs`.
 */
export async function openNative(
  path: string,
  { readonly, shownAs = path }: { readonly readonly: boolean; readonly shownAs?: string },
): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, { access_mode: readonly ? 'READ_ONLY' : 'READ_WRITE' });
  } catch (error) {
    const isThere = (await findDatabaseFile(path)) !== null;
    throw toOpenError(error, { path: shownAs, openedAs: path, readonly, isThere });
  }
}

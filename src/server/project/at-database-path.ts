import type { ResolvedConfig } from '../../config/index.js';
import { MxcpError, problemsError } from '../../errors/index.js';

const ABOUT_THE_FILE: readonly string[] = ['database_missing', 'database_failed'];

/** An error about the file of the database, told where the configuration names that file. */
export function atDatabasePath(error: unknown, { duckdb: { declaredAt } }: ResolvedConfig): unknown {
  if (!(error instanceof MxcpError) || !ABOUT_THE_FILE.includes(error.code)) return error;
  if (declaredAt === undefined) return error;
  const problem = { ...declaredAt, path: 'duckdb.path', message: error.message };
  return problemsError(error.code, 'the database cannot be opened:', [problem], error);
}

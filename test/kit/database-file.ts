import { DuckDBInstance } from '@duckdb/node-api';

/**
 * Makes a database file with these statements. Never one that a server in this process has open: closing a second
 * instance on a file drops the lock of the first.
 */
export async function createDatabaseFile(path: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    for (const statement of statements) await connection.run(statement);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

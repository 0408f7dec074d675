import type { DuckDBConnection } from '@duckdb/node-api';
import type { SecretDefinition } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError } from '../../errors/index.js';
import {
  isForDuckDB,
  toCreateSecret,
  toDropSecret,
  toSecretError,
  withoutValues,
} from './secret-statement.js';

/**
 * Makes the secrets of an instance those of the configuration, in one open transaction on `connection`: until it is
 * committed, only this connection sees them. The caller commits or rolls back. Returns the names that DuckDB took, in
 * lower case. Throws `secret_failed`.
 */
export async function stageSecrets(
  connection: DuckDBConnection,
  definitions: readonly SecretDefinition[],
  installed: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  let candidates = definitions.filter(isForDuckDB);
  for (;;) {
    await connection.run('BEGIN TRANSACTION');
    const unknown = await createUntilUnknown(connection, candidates);
    if (unknown === undefined) break;
    // A statement that fails ends the transaction, so it begins anew without this type.
    await connection.run('ROLLBACK');
    candidates = candidates.filter(({ type }) => type !== unknown.type);
  }
  // DuckDB keeps names in lower case: `Store` and `store` are one secret.
  const taken = new Set(candidates.map(({ name }) => name.toLowerCase()));
  for (const name of installed) {
    if (!taken.has(name)) await dropSecret(connection, name);
  }
  return taken;
}

/** Creates secrets up to the first whose type DuckDB does not know, and returns that one. */
async function createUntilUnknown(
  connection: DuckDBConnection,
  definitions: readonly SecretDefinition[],
): Promise<SecretDefinition | undefined> {
  for (const definition of definitions) {
    if (!(await createSecret(connection, definition))) return definition;
  }
  return undefined;
}

/** False when DuckDB does not know the type: such a secret is for endpoint code only. */
async function createSecret(connection: DuckDBConnection, definition: SecretDefinition): Promise<boolean> {
  const statement = toCreateSecret(definition);
  try {
    await connection.run(statement.sql, { ...statement.values });
    return true;
  } catch (error) {
    const message = withoutValues(messageOf(error), statement);
    if (/Secret type '.*' not found/.test(message)) return false;
    // The cause is left out: its message may hold a value.
    throw toSecretError(
      definition,
      `DuckDB refused secret "${definition.name}" of type ${definition.type}: ${mend(message)}`,
    );
  }
}

async function dropSecret(connection: DuckDBConnection, name: string): Promise<void> {
  try {
    await connection.run(toDropSecret(name));
  } catch (error) {
    throw new MxcpError('secret_failed', `DuckDB cannot drop secret "${name}": ${mend(messageOf(error))}`, {
      cause: error,
    });
  }
}

function mend(message: string): string {
  if (message.includes('write-write conflict'))
    return 'a query that still runs is changing it too; reload again when it has ended';
  const extension = /required extension '([^']+)'/.exec(message)?.[1];
  const firstLine = firstLineOf(message);
  return extension === undefined
    ? `${firstLine}; correct the secret or remove it`
    : `it needs the extension ${extension}, which cannot be installed here; install it first (INSTALL ${extension}) or remove the secret`;
}

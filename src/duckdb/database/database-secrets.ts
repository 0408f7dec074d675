import type { DuckDBConnection } from '@duckdb/node-api';
import type { SecretDefinition, SecretParameter } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, problemsError } from '../../errors/index.js';
import { Secret } from '../../secrets/index.js';

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

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A statement whose values are bound, never part of its text; so the text may be logged, the values never. */
export interface SecretStatement {
  readonly sql: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Throws `secret_failed` when a name cannot be a parameter of a DuckDB secret. */
export function toCreateSecret(definition: SecretDefinition): SecretStatement {
  const values: Record<string, string> = {};
  const bind = (text: string): string => {
    const name = `p${Object.keys(values).length}`;
    values[name] = text;
    return `$${name}`;
  };
  const options = Object.entries(definition.parameters).map(([key, parameter]) => {
    if (!IDENTIFIER.test(key)) {
      throw toSecretError(
        definition,
        `secret "${definition.name}": "${key}" cannot be a parameter of a DuckDB secret`,
      );
    }
    return `${key} ${toExpression(parameter, bind)}`;
  });
  const sql = `CREATE OR REPLACE TEMPORARY SECRET ${quoteIdentifier(definition.name)} (${[`TYPE ${definition.type}`, ...options].join(', ')})`;
  return { sql, values };
}

/** An error about one secret, at the place of the user configuration where it stands. */
export function toSecretError({ declaredAt }: SecretDefinition, message: string): MxcpError {
  if (declaredAt === undefined) return new MxcpError('secret_failed', message);
  return problemsError('secret_failed', 'a secret cannot be created:', [{ ...declaredAt, message }]);
}

/** Whether DuckDB may be asked at all: other secrets (no parameters, a free-text type) are for Python and TypeScript. */
export function isForDuckDB(definition: SecretDefinition): boolean {
  return IDENTIFIER.test(definition.type) && Object.keys(definition.parameters).length > 0;
}

export function toDropSecret(name: string): string {
  return `DROP TEMPORARY SECRET IF EXISTS ${quoteIdentifier(name)}`;
}

/** Some errors of DuckDB print a bound value (a failed cast does); every one of them is taken out, however short. */
export function withoutValues(message: string, statement: SecretStatement): string {
  const values = Object.values(statement.values)
    .filter((value) => value !== '')
    .sort((a, b) => b.length - a.length)
    .map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  // In one pass, or a short value would be found again within `[secret]`.
  return values.length === 0 ? message : message.replace(new RegExp(values.join('|'), 'g'), '[secret]');
}

function toExpression(parameter: SecretParameter, bind: (text: string) => string): string {
  if (parameter instanceof Secret) return bind(parameter.reveal());
  if (typeof parameter === 'number' || typeof parameter === 'boolean') return bind(String(parameter));
  if (isList(parameter)) return `[${parameter.map((item) => toExpression(item, bind)).join(', ')}]`;
  const entries = Object.entries(parameter).map(
    ([key, value]) => `${bind(key)}: ${toExpression(value, bind)}`,
  );
  return `MAP {${entries.join(', ')}}`;
}

function isList(parameter: SecretParameter): parameter is readonly SecretParameter[] {
  return Array.isArray(parameter);
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

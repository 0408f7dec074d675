import type { DuckDBConnection } from '@duckdb/node-api';
import type { SecretDefinition, SecretParameter } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, problemsError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { Secret } from '../../secrets/index.js';
import type { PooledConnection } from '../statements/connections.js';
import type { DatabaseInstance } from './database-instance.js';

/**
 * The secrets of a candidate, in an open transaction on a connection of their own: until `commit()`, only this connection
 * sees them. The database of the generation commits or disposes it.
 */
export class SecretStaging implements Disposable {
  readonly #instance: DatabaseInstance;
  readonly #connection: PooledConnection;
  readonly #names: ReadonlySet<string>;
  #isEnded = false;

  private constructor(instance: DatabaseInstance, connection: PooledConnection, names: ReadonlySet<string>) {
    this.#instance = instance;
    this.#connection = connection;
    this.#names = names;
  }

  /** Creates the defined secrets and drops installed ones that are no longer defined. Throws `secret_failed`. */
  static async begin(instance: DatabaseInstance, definitions: readonly SecretDefinition[]): Promise<SecretStaging> {
    const connection = await instance.connections.open();
    try {
      const names = await stageSecrets(connection.native, definitions, instance.installedSecrets);
      return new SecretStaging(instance, connection, names);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Sees the staged secrets. */
  get connection(): DuckDBConnection {
    return this.#connection.native;
  }

  /** Throws `secret_failed`, after which the secrets of the instance are as before. */
  async commit(): Promise<void> {
    this.#isEnded = true;
    try {
      await this.connection.run('COMMIT');
      this.#instance.installedSecrets = this.#names;
    } catch (error) {
      const message = `the secrets could not be committed: ${messageOf(error)}`;
      throw new MxcpError('secret_failed', message, { cause: error });
    } finally {
      this.#connection.close();
    }
  }

  /** Rolls back what was not committed, by closing the connection. */
  dispose(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#connection.close();
  }
}

/** Returns the names of the secrets as DuckDB keeps them, in lower case: `Store` and `store` are one secret. */
async function stageSecrets(
  connection: DuckDBConnection,
  definitions: readonly SecretDefinition[],
  installed: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  let candidates = definitions.filter(isForDuckDB);
  for (;;) {
    await connection.run('BEGIN TRANSACTION');
    const unknown = await createUntilUnknown(connection, candidates);
    if (unknown === undefined) break;
    // A statement that fails ends the transaction, so it begins again without this type.
    await connection.run('ROLLBACK');
    candidates = candidates.filter(({ type }) => type !== unknown.type);
  }
  const names = new Set(candidates.map(({ name }) => name.toLowerCase()));
  for (const name of installed) if (!names.has(name)) await dropSecret(connection, name);
  return names;
}

/** Creates secrets up to the first whose type DuckDB does not know, and returns that one: it is for endpoint code only. */
async function createUntilUnknown(
  connection: DuckDBConnection,
  definitions: readonly SecretDefinition[],
): Promise<SecretDefinition | undefined> {
  for (const definition of definitions) if (!(await createSecret(connection, definition))) return definition;
  return undefined;
}

/** Returns false if DuckDB does not know the type. Throws `secret_failed`. */
export async function createSecret(connection: DuckDBConnection, definition: SecretDefinition): Promise<boolean> {
  const statement = toCreateSecret(definition);
  try {
    await connection.run(statement.sql, { ...statement.values });
    return true;
  } catch (error) {
    const message = messageOf(error);
    const { name, type } = definition;
    if (message === `Invalid Input Error: Secret type '${type.toLowerCase()}' not found`) return false;
    // Without the cause: its message may contain a value.
    const reason = explain(message, redactValues(message, statement));
    throw toSecretError(definition, `DuckDB refused secret "${name}" of type ${type}: ${reason}`);
  }
}

async function dropSecret(connection: DuckDBConnection, name: string): Promise<void> {
  try {
    await connection.run(toDropSecret(name));
  } catch (error) {
    const reason = explain(messageOf(error));
    throw new MxcpError('secret_failed', `DuckDB cannot drop secret "${name}": ${reason}`, { cause: error });
  }
}

/** DuckDB's message, as it may be shown, with what to do about it. Only the original is recognised: a value may be any word of it. */
function explain(message: string, shown = message): string {
  if (message.includes('write-write conflict'))
    return 'a running query is changing it too; reload again when the query has ended';
  const extension = /required extension '([^']+)'/.exec(message)?.[1];
  return extension === undefined
    ? `${firstLineOf(shown)}; correct the secret or remove it`
    : `it needs the extension ${extension}, which cannot be installed here; install it first (INSTALL ${extension}) or remove the secret`;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A statement whose values are bound, never part of its text: the text may be logged, the values may not. */
export interface SecretStatement {
  readonly sql: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Throws `secret_failed` when a name cannot be a parameter of a DuckDB secret. */
export function toCreateSecret(definition: SecretDefinition): SecretStatement {
  const { name, type } = definition;
  const values: Record<string, string> = {};
  const bind = (text: string): string => {
    const parameter = `p${Object.keys(values).length}`;
    values[parameter] = text;
    return `$${parameter}`;
  };
  const options = Object.entries(definition.parameters).map(([key, parameter]) => {
    if (!IDENTIFIER.test(key))
      throw toSecretError(definition, `secret "${name}": "${key}" cannot be a parameter of a DuckDB secret`);
    return `, ${key} ${toExpression(parameter, bind)}`;
  });
  const sql = `CREATE OR REPLACE TEMPORARY SECRET ${quoteIdentifier(name)} (TYPE ${type}${options.join('')})`;
  return { sql, values };
}

function toExpression(parameter: SecretParameter, bind: (text: string) => string): string {
  if (parameter instanceof Secret) return bind(parameter.reveal());
  if (typeof parameter === 'number' || typeof parameter === 'boolean') return bind(String(parameter));
  if (isList(parameter)) return `[${parameter.map((item) => toExpression(item, bind)).join(', ')}]`;
  const entries = Object.entries(parameter).map(([key, item]) => `${bind(key)}: ${toExpression(item, bind)}`);
  return `MAP {${entries.join(', ')}}`;
}

function isList(parameter: SecretParameter): parameter is readonly SecretParameter[] {
  return Array.isArray(parameter);
}

export function toDropSecret(name: string): string {
  return `DROP TEMPORARY SECRET IF EXISTS ${quoteIdentifier(name)}`;
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether to offer the secret to DuckDB: others (no parameters, a free-text type) are for Python and TypeScript. */
export function isForDuckDB({ type, parameters }: SecretDefinition): boolean {
  return IDENTIFIER.test(type) && Object.keys(parameters).length > 0;
}

/** An error about one secret, with its position in the user configuration. */
function toSecretError({ declaredAt }: SecretDefinition, message: string): MxcpError {
  if (declaredAt === undefined) return new MxcpError('secret_failed', message);
  return problemsError('secret_failed', 'a secret cannot be created:', [{ ...declaredAt(), message }]);
}

/** Shorter values are removed only where DuckDB quotes or lists values: elsewhere, a gap in its words would tell them. */
const MINIMUM_LENGTH = 6;

/** Some errors of DuckDB contain a bound value (a failed cast does); every value is removed, however short. */
export function redactValues(message: string, { values }: SecretStatement): string {
  const patterns = Object.values(values)
    .filter((value) => value !== '')
    .sort((a, b) => b.length - a.length)
    .map((value) => {
      const plain = value.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
      return value.length < MINIMUM_LENGTH ? String.raw`(?<=['"[({,=:] ?)${plain}(?=['"\])},=:])` : plain;
    });
  // In one pass, or a short value would be found again within `[secret]`.
  return patterns.length === 0 ? message : message.replace(new RegExp(patterns.join('|'), 'g'), '[secret]');
}

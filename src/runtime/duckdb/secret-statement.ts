import { Secret, type SecretDefinition, type SecretParameter } from '../../config/index.js';
import { problemsError, MxcpError } from '../../errors/index.js';

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

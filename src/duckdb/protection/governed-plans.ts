import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../errors/index.js';
import { listOf } from '../statements/allowed-files.js';
import { depthsOf, type GovernedPlan, isSame, parsePlan, type PlanNode, plansOf, tableKey } from './plan-check.js';

/** A table or view as the database has it. */
export interface Relation {
  /** Without schema and database. */
  readonly name: string;
  /** Its whole name, quoted, which leads to it whatever a connection has under the short name. */
  readonly source: string;
  /** Of a table; undefined for a view. */
  readonly key: string | undefined;
  /** The tables that a view reads. */
  readonly reads: readonly { readonly key: string; readonly name: string }[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The bound plan of a text as JSON, or JSON that says why DuckDB has none. */
export async function bindPlan(connection: DuckDBConnection, sql: string): Promise<string> {
  const statement = 'SELECT json_serialize_plan($sql::VARCHAR, skip_null := true, skip_empty := true)';
  const [[plan] = []] = (await connection.runAndReadAll(statement, { sql })).getRowsJS();
  return String(plan);
}

const NAME_PART = /"((?:[^"]|"")+)"|[^."]+/g;

/** Throws when there is no such table or view. */
export async function describeRelation(connection: DuckDBConnection, table: string): Promise<Relation> {
  const parts = Array.from(table.matchAll(NAME_PART), ([part, quoted]) => quoted?.replaceAll('""', '"') ?? part);
  const written = parts.map(quoteName).join('.');
  const columns = await columnsOf(connection, written);
  const [found] = await catalogEntries(connection, parts);
  if (found === undefined)
    throw new Error(`"${table}" is not a table or view of a DuckDB database, so its rows cannot be protected`);
  const source = [found.catalog, found.schema, found.table].map(quoteName).join('.');
  if (!found.isView) return { name: found.table, source, key: tableKey(found), reads: [], columns };
  const [plan] = plansOf(parsePlan(await bindPlan(connection, `FROM ${source}`)));
  if (plan === undefined)
    throw new Error(`the plan of the view "${table}" cannot be read, so its rows cannot be protected`);
  const reads = depthsOf(plan).map(({ table: key }) => ({ key, name: key.split('\u0000').join('.') }));
  return { name: found.table, source, key: undefined, reads, columns };
}

interface ConnectionPair {
  /** With the views. */
  readonly connection: DuckDBConnection;
  readonly plain: DuckDBConnection;
}

/** Whether the names still lead to the same tables, or to views on the same tables, and the rules still fit. */
export async function areAsBefore(pair: ConnectionPair, relations: readonly Relation[]): Promise<boolean> {
  for (const relation of relations) if (!(await isAsBefore(pair, relation))) return false;
  return true;
}

async function isAsBefore({ connection, plain }: ConnectionPair, { name, source, key, reads }: Relation) {
  const [plan] = plansOf(parsePlan(await bindPlan(plain, `FROM ${source}`)));
  const [governed] = plansOf(parsePlan(await bindPlan(connection, `FROM ${quoteName(name)}`)));
  if (plan === undefined || governed === undefined) return false;
  const found = depthsOf(plan).map(({ table }) => table);
  const before = key === undefined ? reads.map((each) => each.key) : [key];
  return found.length === before.length && found.every((table, at) => table === before[at]);
}

async function columnsOf(connection: DuckDBConnection, table: string): Promise<Relation['columns']> {
  const statement = await connection.prepare(`SELECT * FROM ${table}`);
  try {
    return Array.from({ length: statement.columnCount }, (_, at) => ({
      name: statement.columnName(at),
      type: String(statement.columnType(at)),
    }));
  } finally {
    statement.destroySync();
  }
}

interface CatalogEntry {
  readonly catalog: string;
  readonly schema: string;
  readonly table: string;
  readonly isView: boolean;
}

/** The tables and views that a name of one to three parts can mean, the most likely first. */
async function catalogEntries(
  connection: DuckDBConnection,
  parts: readonly string[],
): Promise<readonly CatalogEntry[]> {
  const [table = '', schema, catalog] = [...parts].reverse();
  const sql = `SELECT database_name, schema_name, name, is_view FROM (
      SELECT database_name, schema_name, table_name AS name, false AS is_view FROM duckdb_tables() WHERE NOT temporary
      UNION ALL SELECT database_name, schema_name, view_name, true FROM duckdb_views() WHERE NOT temporary AND NOT internal)
    WHERE lower(name) = lower($table)
      AND CASE WHEN $catalog IS NOT NULL THEN lower(database_name) = lower($catalog) AND lower(schema_name) = lower($schema)
        WHEN $schema IS NOT NULL THEN (database_name = current_database() AND lower(schema_name) = lower($schema))
          OR (lower(database_name) = lower($schema) AND schema_name = 'main')
        ELSE database_name = current_database() AND schema_name = current_schema() END
    ORDER BY database_name = current_database() DESC`;
  const values = { table, schema: schema ?? null, catalog: catalog ?? null };
  const rows = (await connection.runAndReadAll(sql, values)).getRowsJS();
  return rows.map(([database, schemaName, name, isView]) => ({
    catalog: String(database),
    schema: String(schemaName),
    table: String(name),
    isView: isView === true,
  }));
}

/** Reads the plan of a protected table where the views already are. Throws when DuckDB cannot write it. */
export async function readGovernedPlan(connection: DuckDBConnection, name: string): Promise<GovernedPlan> {
  const outer = await onlyPlan(connection, `SELECT * FROM ${quoteName(name)}`);
  const [root] = nodesOf(outer['children']);
  if (outer['type'] !== 'LOGICAL_PROJECTION' || root === undefined)
    throw new Error('the plan of the rule cannot be read');
  return { name, root, depths: depthsOf(root), width: await findWidth(connection, name, root) };
}

async function onlyPlan(connection: DuckDBConnection, sql: string): Promise<PlanNode> {
  const read = parsePlan(await bindPlan(connection, sql));
  const [plan] = plansOf(read);
  if (plan === undefined) throw new Error(`the plan of the rule cannot be read: ${messageOf(read['error_message'])}`);
  return plan;
}

/** How many columns are below the first projection of a protected table: what DuckDB adds in a correlated subquery comes after them. */
async function findWidth(connection: DuckDBConnection, name: string, root: PlanNode): Promise<number | undefined> {
  const text = `FROM (VALUES (1)) AS outer_rows(x), LATERAL (SELECT inner_rows.*, x FROM ${quoteName(name)} AS inner_rows)`;
  const own = listOf(root['expressions']);
  const pending = [await onlyPlan(connection, text)];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const children = nodesOf(node['children']);
    pending.push(...children);
    const [join] = children;
    if (node['type'] !== 'LOGICAL_PROJECTION' || join?.['type'] !== 'LOGICAL_CROSS_PRODUCT') continue;
    const expressions = listOf(node['expressions']);
    const [added] = nodesOf(expressions.slice(own.length));
    const isOwn =
      isSame(listOf(join['children'])[0], listOf(root['children'])[0]) && isSame(expressions.slice(0, own.length), own);
    if (isOwn && added?.['expression_class'] === 'BOUND_REF') return Number(added['index'] ?? 0);
  }
  return undefined;
}

function nodesOf(value: unknown): readonly PlanNode[] {
  return listOf(value).filter(
    (each): each is PlanNode => typeof each === 'object' && each !== null && !Array.isArray(each),
  );
}

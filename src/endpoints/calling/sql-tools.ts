import type { ResolvedConfig } from '../../config/index.js';
import type { ParameterDefinition, TypeDefinition } from '../../values/index.js';

/** A tool that comes with the server. It is not an endpoint, so only MCP clients see it. */
export interface SqlTool {
  readonly name: 'execute_sql_query' | 'list_tables' | 'get_table_schema';
  readonly title: string;
  readonly description: string;
  readonly parameters: readonly ParameterDefinition[];
  readonly changesData: boolean;
  /** Undefined for the tool whose argument `sql` is the statement. */
  readonly sql: { readonly text: string } | undefined;
}

/** What every SQL tool returns. */
export const ROWS: TypeDefinition = { type: 'array', items: { type: 'object' } };

const TABLES = `SELECT table_name AS name, table_type AS type
FROM information_schema.tables WHERE table_schema = 'main' ORDER BY table_name`;

const COLUMNS = `SELECT column_name AS name, data_type AS type, is_nullable = 'YES' AS nullable
FROM information_schema.columns WHERE table_schema = 'main' AND table_name = $table_name ORDER BY ordinal_position`;

/** The SQL tools, with the descriptions that the configuration gives them. Empty when they are switched off. */
export function createSqlTools({ enabled, descriptions }: ResolvedConfig['sqlTools']): readonly SqlTool[] {
  if (!enabled) return [];
  return [
    {
      name: 'execute_sql_query',
      title: 'SQL Query Executor',
      description:
        descriptions.executeSqlQuery ??
        'Runs SQL of the DuckDB dialect on the database and returns the rows as objects.',
      parameters: [{ name: 'sql', type: 'string', description: 'The SQL to run.', minLength: 1 }],
      changesData: true,
      sql: undefined,
    },
    {
      name: 'list_tables',
      title: 'Database Table Lister',
      description: descriptions.listTables ?? 'Lists the tables and views of the database with their type.',
      parameters: [],
      changesData: false,
      sql: { text: TABLES },
    },
    {
      name: 'get_table_schema',
      title: 'Table Schema Inspector',
      description:
        descriptions.getTableSchema ??
        'Lists the columns of a table or view: name, type, and whether they can be null.',
      parameters: [{ name: 'table_name', type: 'string', description: 'Name of the table or view.' }],
      changesData: false,
      sql: { text: COLUMNS },
    },
  ];
}

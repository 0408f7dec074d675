import type { ResolvedConfig } from '../../config/index.js';
import type { ParameterDefinition } from '../../values/index.js';
import type { ToolDefinition } from '../definitions/endpoint-definition.js';

/** A tool that comes with the server. It is not an endpoint, so only MCP clients see it. */
export type SqlTool = Pick<
  ToolDefinition,
  'kind' | 'name' | 'description' | 'parameters' | 'returns' | 'annotations'
> & {
  /** `sql` is undefined for the tool whose argument `sql` is the statement. */
  readonly source: {
    readonly language: 'sql';
    readonly sql: { readonly text: string } | undefined;
    /** Of the argument: whether it may reach files, the network and settings of DuckDB. */
    readonly externalAccess?: boolean;
  };
};

const TABLES = `SELECT table_name AS name, table_type AS type
FROM information_schema.tables WHERE table_schema = 'main' ORDER BY table_name`;

const COLUMNS = `SELECT column_name AS name, data_type AS type, is_nullable = 'YES' AS nullable
FROM information_schema.columns WHERE table_schema = 'main' AND table_name = $table_name ORDER BY ordinal_position`;

/** The SQL tools, with the descriptions that the configuration gives them. Empty when they are switched off. */
export function createSqlTools({
  enabled,
  externalAccess,
  descriptions,
}: ResolvedConfig['sqlTools']): readonly SqlTool[] {
  if (!enabled) return [];
  const sql: ParameterDefinition = { name: 'sql', type: 'string', description: 'The SQL to run.', minLength: 1 };
  const tableName: ParameterDefinition = {
    name: 'table_name',
    type: 'string',
    description: 'Name of the table or view.',
  };
  return [
    {
      ...toolOf('execute_sql_query', 'SQL Query Executor', [sql], undefined),
      source: { language: 'sql', sql: undefined, externalAccess },
      description:
        descriptions.executeSqlQuery ??
        'Runs SQL of the DuckDB dialect on the database and returns the rows as objects.',
    },
    {
      ...toolOf('list_tables', 'Database Table Lister', [], TABLES),
      description: descriptions.listTables ?? 'Lists the tables and views of the database with their type.',
    },
    {
      ...toolOf('get_table_schema', 'Table Schema Inspector', [tableName], COLUMNS),
      description:
        descriptions.getTableSchema ??
        'Lists the columns of a table or view: name, type, and whether they can be null.',
    },
  ];
}

/** Without a text, the tool may change data. */
function toolOf(name: string, title: string, parameters: readonly ParameterDefinition[], text: string | undefined) {
  const isQuery = text !== undefined;
  return {
    kind: 'tool',
    name,
    parameters,
    returns: { type: 'array', items: { type: 'object' } },
    annotations: {
      title,
      readOnlyHint: isQuery,
      destructiveHint: !isQuery,
      idempotentHint: isQuery,
      openWorldHint: false,
    },
    source: { language: 'sql', sql: isQuery ? { text } : undefined },
  } as const;
}

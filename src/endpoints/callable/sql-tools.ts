import type { ResolvedConfig } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import type { ParameterDefinition } from '../../values/index.js';
import type { ToolDefinition } from '../definitions/endpoint-definition.js';

/** A tool that comes with the server. It is not an endpoint, so only MCP clients see it. */
export type SqlTool = Pick<
  ToolDefinition,
  'kind' | 'name' | 'description' | 'parameters' | 'returns' | 'annotations' | 'policies'
> & {
  /** `sql` is undefined for the tool whose argument `sql` is the statement. */
  readonly source: {
    readonly language: 'sql';
    readonly sql: { readonly text: string } | undefined;
    /** Of the argument: whether it may reach files, the network and settings of DuckDB. */
    readonly externalAccess?: boolean;
    /** Of the argument: the folders whose files it may read. */
    readonly allowedFolders?: readonly string[];
    /** Of the argument: whether it may have more than one statement. */
    readonly severalStatements?: boolean;
    /** It reads names and types, but no rows. */
    readonly readsCatalog?: boolean;
  };
};

/** What a model can read, and about what a person looks at. */
const DEFAULT_ROW_LIMIT = 1000;

const SQL: ParameterDefinition = { name: 'sql', type: 'string', description: 'The SQL to run.', minLength: 1 };
const LIMIT: ParameterDefinition = {
  name: 'limit',
  type: 'integer',
  description: 'The most rows to return. If there are more, the answer says `truncated`.',
  minimum: 1,
  default: DEFAULT_ROW_LIMIT,
};
const TABLE_NAME: ParameterDefinition = {
  name: 'table_name',
  type: 'string',
  description: 'Name of the table or view as SQL writes it, also with schema and database.',
};

/** Each name as SQL must write it from here: with schema and database where they are not the current ones, quoted where needed. */
const TABLES = `SELECT array_to_string(list_transform(
    CASE WHEN is_current THEN [table_name] WHEN table_catalog = current_database() THEN [table_schema, table_name]
      ELSE [table_catalog, table_schema, table_name] END,
    lambda part: CASE WHEN regexp_full_match(part, '[A-Za-z_][A-Za-z0-9_]*') AND NOT list_contains(reserved, lower(part))
      THEN part ELSE '"' || replace(part, '"', '""') || '"' END), '.') AS name, table_type AS type
FROM (SELECT *, table_catalog IN (current_database(), 'temp') AND table_schema = current_schema() AS is_current
    FROM information_schema.tables WHERE NOT starts_with(table_catalog, '__mxcp_')),
  (SELECT list(keyword_name) AS reserved FROM duckdb_keywords() WHERE keyword_category = 'reserved')
ORDER BY is_current DESC, table_catalog, table_schema, table_name`;

/** Finds the table as SQL does: in any case, with or without quotes, schema and database; throws for one that is unknown. */
const COLUMNS = 'SELECT name, type, NOT "notnull" AS nullable FROM pragma_table_info($table_name)';

/** The SQL tools, with the descriptions that the configuration gives them. Empty when they are switched off. */
export function createSqlTools({
  enabled,
  descriptions,
  policies,
  ...limits
}: ResolvedConfig['sqlTools']): readonly SqlTool[] {
  if (!enabled) return [];
  const tools: readonly Omit<SqlTool, 'policies'>[] = [
    {
      ...toolOf('execute_sql_query', 'SQL Query Executor', [SQL, LIMIT], undefined),
      source: { language: 'sql', sql: undefined, ...limits },
      description:
        descriptions.executeSqlQuery ??
        'Runs SQL of the DuckDB dialect on the database and returns the rows as objects.',
    },
    {
      ...toolOf('list_tables', 'Database Table Lister', [], TABLES),
      description:
        descriptions.listTables ?? 'Lists the tables and views of the database and of attached ones, with their type.',
    },
    {
      ...toolOf('get_table_schema', 'Table Schema Inspector', [TABLE_NAME], COLUMNS),
      description:
        descriptions.getTableSchema ??
        'Lists the columns of a table or view: name, type, and whether they can be null.',
    },
  ];
  return tools.map((tool) => ({ ...tool, policies }));
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
    source: { language: 'sql', sql: isQuery ? { text } : undefined, readsCatalog: isQuery },
  } as const;
}

/** DuckDB quotes the statement, which the caller of such a tool has not written. */
export function throwWithoutStatement(error: unknown): never {
  if (!(error instanceof MxcpError) || error.code !== 'query_failed') throw error;
  throw new MxcpError(error.code, error.message.replace(/\n+LINE \d+:[^]*$/, ''), { cause: error });
}

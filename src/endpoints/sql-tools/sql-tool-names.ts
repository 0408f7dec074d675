/** The names of the built-in SQL tools: reserved while they are switched on. */
export const SQL_TOOL_NAMES: readonly string[] = ['execute_sql_query', 'list_tables', 'get_table_schema'];

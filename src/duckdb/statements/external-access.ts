import { type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';

/*
 * Keeps SQL of a caller within the database: no files, no network, no settings of the instance. DuckDB has a setting for this
 * (`enable_external_access`), but only for a whole instance, whose other SQL is that of the project and may read files
 * (DuckDB 1.5.6). So the text is judged before it is compiled, and each statement before it runs. The expressions do not depend on
 * where DuckDB sees a string or a comment begin: they refuse too much rather than too little. What a view or macro of
 * the database reads is the project's own.
 */

/** What may be written between the name of a function and its arguments. A comment may hide the parenthesis. */
const CALLED = String.raw`"?\s*(?:\(|--|\/\*)`;
/** Names that are not called: those of tables that are written to, dropped or created. */
const NOT_A_TARGET = String.raw`(?<!\b(?:into|table|exists)\s+"?)`;
/** Table functions of DuckDB and its extensions that read or write outside of the database, or run text as SQL. */
const REACHING_FUNCTION = new RegExp(
  String.raw`${NOT_A_TARGET}\b(?<name>read_\w+|st_read\w*|\w+_scan(?:_\w+)?|scan_\w+|parquet_\w+|sniff_\w+|glob|query|query_table|\w+_query|\w+_execute\w*|\w+_attach|iceberg_\w+|ducklake_\w+|delta_\w+|shapefile_\w+|http_\w+|load_\w+|import_\w+|start_ui\w*|which_secret|getenv|(?:en|dis)able_(?:logging|profiling|peg_parser)|truncate_duckdb_logs)${CALLED}`,
  'i',
);

/** A name that DuckDB or an extension opens as a file when no table has it. */
const FILE_LIKE =
  /\.\s*"?(?:csv|tsv|txt|parquet|json|jsonl|ndjson|geojson|xlsx?|shp|gpkg|fgb|avro|orc|arrows?|ipc|feather|duckdb|ddb|db|sqlite3?|lance|vortex)\b/i;
/** Ways to write a name so that `FILE_LIKE` misses it: escapes, dollar quotes, strings joined over lines, comments in a name. */
const DISGUISED = /(?<![\w'])e'|\$[\w\u0080-\uffff]*\$|'[^\S\n]*\n\s*'|\.\s*(?:--|\/\*)|\/\*(?:(?!\*\/)[\s\S])*\/\*/i;

const NAMES_A_TABLE = /\b(?:from|join|using|table|un_?pivot\w*|pivot\w*|describe|desc|summarize|show)\b/i;

/** After one of these come tables, until one of the next: words that cannot be the alias of a table. */
const TABLES_FOLLOW = /^(?:from|join|using|table|un_?pivot\w*|pivot\w*|describe|desc|summarize|show)$/i;
const VALUES_FOLLOW = /^(?:select|where|group|order|having|on|limit|offset|qualify|returning|when|then|window)$/i;
/** Comments, strings, names with their parts, parentheses and ends of statements. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|(?:"(?:[^"]|"")*"|[\p{L}_]\w*)(?:\s*\.\s*(?:"(?:[^"]|"")*"|\w+))*|[();]/gu;

/** Whether a text has, where a table is named, a name that DuckDB may open as a file. */
function findFile(sql: string): string | undefined {
  let isTable = false;
  const outer: boolean[] = [];
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === '(') outer.push(isTable);
    else if (token === ')') isTable = outer.pop() ?? false;
    else if (token === ';' || VALUES_FOLLOW.test(token)) isTable = false;
    else if (TABLES_FOLLOW.test(token)) isTable = true;
    else if (isTable && FILE_LIKE.test(token) && !/^(?:--|\/\*)/.test(token)) return token;
  }
  return undefined;
}

const REFUSED_TYPES = new Map([
  [StatementType.COPY, 'COPY'],
  [StatementType.ATTACH, 'ATTACH'],
  [StatementType.DETACH, 'DETACH'],
  [StatementType.EXPORT, 'EXPORT'],
  [StatementType.LOAD, 'LOAD and INSTALL'],
]);

/** Settings of a connection that only change how values are read and written. */
const CHANGED_SETTING =
  /\b(?:set|reset|pragma)\s+(?:(?:session|local)\s+)?(?!(?:variable|timezone|time|calendar|schema|search_path)\b)\S+/i;
const SECRET = /\bsecret\b/i;

/** Before anything is compiled. Throws `query_failed`. */
export function assertWithinDatabase(sql: string): void {
  const called = REACHING_FUNCTION.exec(sql)?.groups?.['name'];
  if (called !== undefined) throw refused(`the function \`${called}\``);
  if (DISGUISED.test(sql) && NAMES_A_TABLE.test(sql))
    throw refused('a string with escapes, dollar quotes or comments, which may name a file');
  const file = findFile(sql);
  if (file !== undefined) throw refused(`the file ${file}`);
}

/** Before a statement runs. Throws `query_failed`. */
export function assertStatementWithin({ statementType }: DuckDBPreparedStatement, sql: string): void {
  const type = REFUSED_TYPES.get(statementType);
  if (type !== undefined) throw refused(type);
  if (statementType === StatementType.SET && CHANGED_SETTING.test(sql)) throw refused('a setting of DuckDB');
  const isDefinition = statementType === StatementType.CREATE || statementType === StatementType.DROP;
  if (isDefinition && SECRET.test(sql)) throw refused('a secret of DuckDB');
}

function refused(what: string): MxcpError {
  return new MxcpError(
    'query_failed',
    `SQL of a caller stays within the database, and this uses ${what}; \`sql_tools.external_access: true\` in mxcp-site.yml allows it`,
  );
}

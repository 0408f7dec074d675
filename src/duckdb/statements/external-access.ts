import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';
import { assertInFolders, findUses, parseSelects, refusedBesideFolders, withoutExisting } from './allowed-files.js';

/*
 * Keeps SQL of a caller within the database: no files, no network, no settings of the instance. DuckDB has a setting for this
 * (`enable_external_access`), but only for a whole instance, whose other SQL is that of the project and may read files
 * (DuckDB 1.5.6). So the text is judged before it is compiled, because compiling opens files already, and each statement before it runs. DuckDB
 * itself parses SELECTs, and their tree has no spellings. It gives no tree of other statements; for those, the expressions refuse too
 * much rather than too little. What a view or macro of the database reads is the project's own.
 */

/** What may be written between the name of a function and its arguments. A comment may hide the parenthesis. */
const CALLED = String.raw`"?\s*(?:\(|--|\/\*)`;
/** Names that are not called: those of tables that are written to, dropped or created. */
const NOT_A_TARGET = String.raw`(?<!\b(?:into|table|exists)\s+"?)`;
/** Table functions of DuckDB and its extensions that read or write outside of the database, or run text as SQL. */
const REACHING = String.raw`(?<name>read_\w+|st_read\w*|\w+_scan(?:_\w+)?|scan_\w+|parquet_\w+|sniff_\w+|glob|query|query_table|\w+_query|\w+_execute\w*|\w+_attach|iceberg_\w+|ducklake_\w+|delta_\w+|shapefile_\w+|http_\w+|load_\w+|import_\w+|start_ui\w*|which_secret|getenv|(?:en|dis)able_(?:logging|profiling|peg_parser)|truncate_duckdb_logs)`;
const REACHING_CALL = new RegExp(String.raw`${NOT_A_TARGET}\b${REACHING}${CALLED}`, 'i');
const REACHING_FUNCTION = new RegExp(`^${REACHING}$`, 'i');

/** A name that DuckDB or an extension opens as a file, or looks for on the disk or the network, when no table has it. */
const FILE_LIKE =
  /\/|\.\s*"?(?:csv|tsv|txt|parquet|json|jsonl|ndjson|geojson|xlsx?|shp|gpkg|fgb|avro|orc|arrows?|ipc|feather|duckdb|ddb|db|sqlite3?|lance|vortex)\b/i;
/** Ways to write a name so that `FILE_LIKE` misses it: escapes, dollar quotes, strings joined over lines, comments in a name. */
const DISGUISED =
  /(?<![\w'])e'|\$[\w\u0080-\uffff]*\$|'(?:[^\S\n]|--[^\n]*)*\n(?:\s|--[^\n]*\n)*'|\.\s*(?:--|\/\*)|\/\*(?:(?!\*\/)[\s\S])*\/\*/i;

const NAMES_A_TABLE = /\b(?:from|join|using|table|un_?pivot\w*|pivot\w*|describe|desc|summarize|show)\b/i;

/** After one of these come tables, until one of the next: words that cannot be the alias of a table. */
const TABLES_FOLLOW = /^(?:from|join|using|table|un_?pivot\w*|pivot\w*|describe|desc|summarize|show)$/i;
const VALUES_FOLLOW = /^(?:select|where|group|order|having|limit|offset|qualify|returning|window)$/i;
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
    else if (isTable && !/^(?:--|\/\*)/.test(token) && FILE_LIKE.test(token)) return token;
  }
  return undefined;
}

/** Statements that stay within the database, apart from what the text may name. */
const ALLOWED_TYPES: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.MERGE_INTO,
  StatementType.CREATE,
  StatementType.DROP,
  StatementType.ALTER,
  StatementType.TRANSACTION,
  StatementType.EXPLAIN,
  StatementType.VACUUM,
  StatementType.CALL,
  StatementType.SET,
]);

/** For statements that also have uses beyond the database: every word of the first kind must begin text of the second. */
const LIMITED_USES = new Map<StatementType, readonly [what: string, word: RegExp, use: RegExp]>([
  [
    StatementType.SET,
    [
      'a setting of DuckDB',
      /\b(?:set|reset|pragma)\b/gi,
      /\b(?:set|reset)\s+(?:(?:session|local)\s+)?(?:variable|timezone|time\s+zone|calendar|schema|search_path)\b/gi,
    ],
  ],
  [
    StatementType.EXPLAIN,
    [
      'EXPLAIN of a statement that is not a query',
      /\bexplain\b/gi,
      /\bexplain\s+(?:analyze\s+)?(?:\([^()]*\)\s*)?(?:select|from|with|values|insert|update|delete|merge)\b/gi,
    ],
  ],
  [StatementType.ALTER, ['ALTER DATABASE', /\bdatabase\b/gi, /(?!)/g]],
  [StatementType.CREATE, ['a secret of DuckDB', /\bsecret\b/gi, /(?!)/g]],
  [StatementType.DROP, ['a secret of DuckDB', /\bsecret\b/gi, /(?!)/g]],
]);

/** Statements that open a file, a folder or a connection when they are compiled. */
const OPENS_AT_ONCE =
  /(?:^|;|\*\/|\)|--[^\n]*\n|\b(?:explain|analyze|verbose)|\bprepare\b[^;]*\bas)\s*\b(copy|export|attach)\b/i;
/** Reads a script, whose statements DuckDB then returns in its place. */
const IMPORT = /\bimport\b[\s\S]*\bdatabase\b/i;

/** What DuckDB takes for a space or for the end of a line, and JavaScript does not. */
const OTHER_SPACES = /[\u0085\u180e\u200b-\u200d\u2060\ufeff]/g;
const OTHER_LINE_ENDS = /\r\n?/g;

/** A text of a caller. */
interface CallersText {
  readonly sql: string;
  /** Absolute. */
  readonly allowedFolders?: readonly string[] | undefined;
}

/** Before anything is compiled. Returns whether the text reads files, all of which are in the allowed folders. Throws `query_failed`. */
export async function assertWithinDatabase(
  connection: DuckDBConnection,
  { sql, allowedFolders: folders = [] }: CallersText,
): Promise<boolean> {
  const text = sql.replaceAll(OTHER_LINE_ENDS, '\n').replaceAll(OTHER_SPACES, ' ');
  const selects = await parseSelects(connection, sql);
  if (selects === undefined) {
    const what = findReach(text);
    if (what === undefined) return false;
    throw folders.length === 0 ? refused(what) : refusedBesideFolders(`uses ${what}`);
  }
  const named = findUses(selects, { reachingFunction: REACHING_FUNCTION, fileLike: FILE_LIKE });
  const uses = { ...named, tables: await withoutExisting(connection, named.tables) };
  if (uses.functions.length + uses.tables.length === 0) return false;
  const [called] = uses.functions;
  if (folders.length === 0)
    throw refused(called === undefined ? `the file ${uses.tables[0]}` : `the function \`${called.name}\``);
  await assertInFolders(connection, uses, folders);
  return true;
}

/** What of a text reaches, or may reach, beyond the database. */
function findReach(sql: string): string | undefined {
  if (IMPORT.test(sql)) return 'IMPORT DATABASE';
  const [, atOnce] = OPENS_AT_ONCE.exec(sql) ?? [];
  if (atOnce !== undefined) return atOnce.toUpperCase();
  const called = REACHING_CALL.exec(sql)?.groups?.['name'];
  if (called !== undefined) return `the function \`${called}\``;
  if (DISGUISED.test(sql) && NAMES_A_TABLE.test(sql))
    return 'a string with escapes, dollar quotes or comments, which may name a file';
  const file = findFile(sql);
  return file === undefined ? undefined : `the file ${file}`;
}

/** Before a statement runs. Throws `query_failed`. */
export function assertStatementWithin({ statementType: type }: DuckDBPreparedStatement, sql: string): void {
  if (!ALLOWED_TYPES.has(type)) throw refused(StatementType[type].replaceAll('_', ' '));
  const [what = '', word = /(?!)/g, use = word] = LIMITED_USES.get(type) ?? [];
  if ([...sql.matchAll(word)].length > [...sql.matchAll(use)].length) throw refused(what);
}

function refused(what: string): MxcpError {
  return new MxcpError(
    'query_failed',
    `SQL of a caller stays within the database, and this uses ${what}; \`sql_tools.external_access: true\` in mxcp-site.yml allows it, and \`sql_tools.allowed_folders\` allows to read files of some folders`,
  );
}

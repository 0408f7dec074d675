import { realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { MxcpError } from '../../errors/index.js';

/*
 * Finds what SELECTs of a caller read beside the database, and lets them read files of some folders. DuckDB has `allowed_directories`,
 * but for a whole instance (1.5.6). So every file that the syntax tree names is looked for before anything is compiled: compiling opens
 * files already, and its errors quote them.
 */

/** Functions that read the files of their first argument. */
export const READERS: ReadonlySet<string> = new Set(
  `read_csv read_csv_auto read_parquet parquet_scan read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson
  read_ndjson_auto read_ndjson_objects read_text read_blob glob`.split(/\s+/),
);
/** What DuckDB reads where a text names it as a table. */
const READ_AS_TABLE = /\.(?:csv|tsv|parquet|json|jsonl|ndjson)(?:\.(?:gz|zst))?$/i;
/** A scheme, a home folder, a step upwards, or what a pattern may hide them with. */
const INDIRECT = /^~|^[a-z][a-z\d+.-]*:|\\|\0|(?:^|\/)\.\.(?:\/|$)/i;
const PATTERN = /[*?[{]/;
/** Looking for a file takes about as long as reading a small one. */
const MAX_FILES = 1000;

export type SyntaxNode = Readonly<Record<string, unknown>>;

/** How to recognise what reaches beyond the database. */
interface Signs {
  readonly reachingFunction: RegExp;
  /** Of the name of a table, which DuckDB or an extension may open as a file. */
  readonly fileLike: RegExp;
}

/** What SELECTs use beside the database. */
export interface Uses {
  readonly tables: readonly string[];
  readonly functions: readonly { readonly name: string; readonly node: SyntaxNode; readonly isTable: boolean }[];
}

/** The tree of a text that has nothing but SELECTs; undefined for any other. DuckDB opens nothing for it. */
export async function parseSelects(connection: DuckDBConnection, sql: string): Promise<readonly unknown[] | undefined> {
  const statement = 'SELECT json_serialize_sql($sql::VARCHAR, skip_null := true, skip_empty := true)';
  const [[json] = []] = (await connection.runAndReadAll(statement, { sql })).getRowsJS();
  const tree: unknown = JSON.parse(String(json));
  return isNode(tree) && tree['error'] === false ? listOf(tree['statements']) : undefined;
}

/** Without recursion: trees may be deep. */
export function findUses(selects: readonly unknown[], { reachingFunction, fileLike }: Signs): Uses {
  const tables: string[] = [];
  const functions: Uses['functions'][number][] = [];
  const pending: unknown[] = [...selects];
  const called = new Set<unknown>();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (isNode(node)) {
      const table = namedTable(node);
      if (table !== undefined && fileLike.test(table)) tables.push(table);
      if (node['type'] === 'TABLE_FUNCTION') called.add(node['function']);
      const name = node['class'] === 'FUNCTION' ? nameOf(node) : '';
      if (reachingFunction.test(name)) functions.push({ name, node, isTable: called.has(node) });
    }
    for (const part of Object.values(node as object)) if (typeof part === 'object' && part !== null) pending.push(part);
  }
  return { tables, functions };
}

/** Without the names that tables or views have. */
export async function withoutExisting(
  connection: DuckDBConnection,
  names: readonly string[],
): Promise<readonly string[]> {
  if (names.length === 0) return names;
  const sql = `SELECT lower(name) FROM (SELECT database_name, schema_name, table_name AS name FROM duckdb_tables()
    UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views())
    WHERE database_name = current_database() AND schema_name = current_schema()`;
  const rows = (await connection.runAndReadAll(sql)).getRowsJS();
  const existing = new Set(rows.map(([name]) => name));
  return names.filter((name) => !existing.has(name.toLowerCase()));
}

/** Throws `query_failed` unless all that is used is files of the folders. */
export async function assertInFolders(
  connection: DuckDBConnection,
  { tables, functions }: Uses,
  allowed: readonly string[],
): Promise<void> {
  for (const { name, isTable } of functions)
    if (!isTable || !READERS.has(name)) throw refusedBesideFolders(`uses the function \`${name}\``);
  const paths = [...tables.map(readAsTable), ...functions.flatMap(({ node }) => constantPaths(node))];
  const folders = await realPaths(allowed);
  const databases = await databaseFolders(connection);
  let count = 0;
  for (const path of paths) {
    if (INDIRECT.test(path) || !isWithin(await realFolderOf(path), folders)) throw outside();
    const files = (await connection.runAndReadAll('SELECT file FROM glob($path)', { path })).getRowsJS();
    if (files.length === 0) throw refusedBesideFolders('names files that do not exist');
    count += files.length;
    if (count > MAX_FILES) throw refusedBesideFolders(`names more than ${MAX_FILES} files`);
    for (const [file] of files) await assertReadable(String(file), folders, databases);
  }
}

function nameOf(called: SyntaxNode): string {
  return String(called['function_name']).toLowerCase();
}

/** Without quotes around its parts. */
function namedTable(node: SyntaxNode): string | undefined {
  if (node['type'] === 'SHOW_REF') return String(node['table_name'] ?? '').replaceAll('"', '');
  if (node['type'] !== 'BASE_TABLE') return undefined;
  const parts = [node['catalog_name'], node['schema_name'], node['table_name']];
  return parts.filter((part) => typeof part === 'string' && part !== '').join('.');
}

function readAsTable(table: string): string {
  if (!READ_AS_TABLE.test(table))
    throw refusedBesideFolders('reads a file whose name ends in another way than `.csv`, `.json` or `.parquet`');
  return table;
}

/** DuckDB would compute any other argument later. */
function constantPaths(called: SyntaxNode): readonly string[] {
  const [argument] = listOf(called['children']);
  const isList = isNode(argument) && argument['class'] === 'FUNCTION' && nameOf(argument) === 'list_value';
  const items = isList ? listOf(argument['children']) : [argument];
  const paths = items.flatMap((item) => {
    const value = isNode(item) && item['class'] === 'CONSTANT' ? item['value'] : undefined;
    return isNode(value) && typeof value['value'] === 'string' ? [value['value']] : [];
  });
  if (paths.length === 0 || paths.length < items.length)
    throw refusedBesideFolders('computes the name of a file; write it as text');
  return paths;
}

/** Those that exist, without links. */
async function realPaths(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)));
  return found.filter((path) => path !== undefined);
}

/** Where database files are, with their logs and the token of the owner beside them. */
async function databaseFolders(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const sql = 'SELECT path FROM duckdb_databases() WHERE path IS NOT NULL';
  const rows = (await connection.runAndReadAll(sql)).getRowsJS();
  const paths = rows.map(([path]) => String(path));
  const files = await realPaths(paths);
  return new Set(await realPaths([...paths, ...files].map((path) => dirname(path))));
}

/** The folder of a file, or the one below which a pattern looks. Undefined if there is none. */
async function realFolderOf(path: string): Promise<string | undefined> {
  const parts = resolve(path).split(sep);
  const at = parts.findIndex((part) => PATTERN.test(part));
  const fixed = parts.slice(0, at === -1 ? -1 : at);
  return realpath(join(sep, ...fixed)).catch(() => undefined);
}

/** A link leads anywhere, so it counts where it leads. */
async function assertReadable(file: string, folders: readonly string[], databases: ReadonlySet<string>): Promise<void> {
  const path = await realpath(file).catch(() => undefined);
  if (path === undefined || !isWithin(path, folders)) throw outside();
  if (databases.has(dirname(path))) throw refusedBesideFolders('reads a file beside a database');
  if (!(await stat(path)).isFile()) throw refusedBesideFolders('reads what is not a file');
}

function isWithin(path: string | undefined, folders: readonly string[]): boolean {
  return (
    path !== undefined &&
    folders.some((folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep))
  );
}

/** Whether the file exists is not said. */
function outside(): MxcpError {
  return refusedBesideFolders('names a file elsewhere');
}

export function refusedBesideFolders(what: string): MxcpError {
  const message = `SQL of a caller may read only files in \`sql_tools.allowed_folders\` of mxcp-site.yml, with SELECT, and this ${what}`;
  return new MxcpError('query_failed', message);
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

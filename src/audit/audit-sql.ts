import { AUDIT_FIELDS, type AuditSelection } from '../contract/index.js';
import { quote, type ScratchRow } from '../duckdb/index.js';

/** Keys as in a line of the audit log. */
export type FoundRecord = Readonly<Record<string, unknown>>;

const CONDITION_COLUMNS = [
  ['schemaName', 'schema_name'],
  ['operationType', 'operation_type'],
  ['operationName', 'operation_name'],
  ['operationStatus', 'operation_status'],
  ['userId', 'user_id'],
  ['traceId', 'trace_id'],
  ['policyDecision', 'policy_decision'],
] as const;

/** What conditions and statistics need of a record; `moment` is its time. */
export const KEY_COLUMNS = ['moment', ...CONDITION_COLUMNS.map(([, column]) => column)].join(', ');

/** The newest first. */
export const ORDER = 'ORDER BY moment DESC, record_id DESC';

/** A record is far smaller; a line of another program may not be. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;
const SQL_TYPES = { text: 'VARCHAR', number: 'DOUBLE', json: 'JSON' } as const;
const MOMENT = 'TRY_CAST("timestamp" AS TIMESTAMPTZ) AS moment';
const IS_RECORD = 'record_id IS NOT NULL AND isfinite(moment)';

/**
 * All records of these segments. A line that is not a record, such as the last one of a server that was killed in the middle of it, is left out; it
 * costs no other line.
 */
export function recordsOf(segments: readonly { readonly path: string }[]): string {
  if (segments.length === 0) return NO_RECORDS;
  const columns = AUDIT_FIELDS.map(([name, holds]) => `"${name}": ${quote(SQL_TYPES[holds])}`).join(', ');
  return `SELECT *, ${MOMENT} FROM read_ndjson(${listOf(segments)}, columns = {${columns}},
    ignore_errors = true, maximum_object_size = ${MAX_LINE_BYTES}) WHERE ${IS_RECORD}`;
}

const NO_RECORDS = `SELECT ${AUDIT_FIELDS.map(([name, holds]) => `NULL::${SQL_TYPES[holds]} AS "${name}"`).join(', ')},
  NULL::TIMESTAMPTZ AS moment WHERE false`;

/** The same of lines that a table has in its column `line`. */
export function recordsOfLines(table: string): string {
  return fromLines(table, '', AUDIT_FIELDS);
}

/** The keys of lines that a table has in its column `line`, with their places in `position` and `bytes`. */
export function keysOfLines(table: string): string {
  const names: ReadonlySet<string> = new Set(['record_id', 'timestamp', ...CONDITION_COLUMNS.map(([, name]) => name)]);
  const fields = AUDIT_FIELDS.filter(([name]) => names.has(name));
  return `SELECT position, bytes, ${KEY_COLUMNS} FROM (${fromLines(table, 'position, bytes, ', fields)})`;
}

function fromLines(table: string, beside: string, fields: typeof AUDIT_FIELDS): string {
  const structure = JSON.stringify(Object.fromEntries(fields.map(([name, holds]) => [name, SQL_TYPES[holds]])));
  const record = `CASE WHEN json_valid(line) THEN json_transform(line, ${quote(structure)}) END`;
  return `SELECT *, ${MOMENT} FROM (SELECT ${beside}unnest(${record}) FROM ${table}) WHERE ${IS_RECORD}`;
}

/** A list of files for a function of DuckDB that reads them. */
export function listOf(files: readonly { readonly path: string }[]): string {
  return `[${files.map(({ path }) => quote(path)).join(', ')}]`;
}

export function toCondition(filter: AuditSelection) {
  const parameters: Record<string, string> = {};
  const conditions = CONDITION_COLUMNS.flatMap(([key, column]) => {
    const value = filter[key];
    if (value === undefined) return [];
    parameters[key] = value;
    return [`${column} = $${key}`];
  });
  for (const [key, operator] of [
    ['from', '>='],
    ['until', '<='],
  ] as const) {
    const time = filter[key];
    if (time === undefined) continue;
    parameters[key] = time.toISOString();
    conditions.push(`moment ${operator} CAST($${key} AS TIMESTAMPTZ)`);
  }
  return { condition: conditions.length === 0 ? 'true' : conditions.join(' AND '), parameters };
}

export function toRecord(row: ScratchRow): FoundRecord {
  const entries = AUDIT_FIELDS.map(([name, holds]) => {
    const value = row[name] ?? null;
    return [name, holds === 'json' && typeof value === 'string' ? withoutEmpty(JSON.parse(value)) : value];
  });
  return Object.fromEntries(entries);
}

/** The Python implementation writes an empty list or mapping where there is nothing. */
function withoutEmpty(value: unknown): unknown {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return isEmpty ? null : value;
}

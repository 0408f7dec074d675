import { dirname } from 'node:path';
import { AUDIT_FIELDS, type AuditSelection, NO_AUDIT_STATS } from '../contract/index.js';
import { quote, ScratchDatabase, type ScratchRow } from '../duckdb/index.js';
import type { Disposable } from '../lifecycle/index.js';
import { type AuditSegment, listSegments } from './audit-segments.js';

/** Which records are wanted. */
export interface AuditFilter extends AuditSelection {
  /** Only records after this one. */
  readonly afterId?: string | undefined;
}

/** Keys as in a line of the audit log. */
export type FoundRecord = Readonly<Record<string, unknown>>;

export interface FoundStats {
  readonly totalRecords: number;
  readonly byType: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byPolicy: Readonly<Record<string, number>>;
  readonly earliestTimestamp: Date | null;
  readonly latestTimestamp: Date | null;
}

const COLUMNS_OF: readonly (readonly [keyof AuditFilter, string])[] = [
  ['schemaName', 'schema_name'],
  ['operationType', 'operation_type'],
  ['operationName', 'operation_name'],
  ['operationStatus', 'operation_status'],
  ['userId', 'user_id'],
  ['traceId', 'trace_id'],
  ['policyDecision', 'policy_decision'],
];

/** A record is far smaller; a line of another program may not be. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const SQL_TYPES = { text: 'VARCHAR', number: 'DOUBLE', json: 'JSON' } as const;

/** Reads the audit log of one profile, also while it is written. Every question sees the segments as they are then. */
export class AuditReader implements Disposable {
  readonly #basePath: string;
  readonly #database: ScratchDatabase;

  private constructor(basePath: string, database: ScratchDatabase) {
    this.#basePath = basePath;
    this.#database = database;
  }

  /** `files` are those that `exportTo` may write. */
  static async open(
    basePath: string,
    { threads, files = [] }: { readonly threads: number; readonly files?: readonly string[] },
  ): Promise<AuditReader> {
    const folders = [dirname(basePath)];
    return new AuditReader(basePath, await ScratchDatabase.open({ folders, files, threads }));
  }

  /** The newest first. */
  async query(filter: AuditFilter, { limit, offset = 0 }: { readonly limit: number; readonly offset?: number }) {
    const segments = await listSegments(this.#basePath);
    if (segments.length === 0 || limit === 0) return [];
    const { condition, parameters } = toCondition(filter);
    const order = 'ORDER BY moment DESC, record_id DESC';
    const source = toSource(segments);
    const rows = await this.#database.query(
      `SELECT * EXCLUDE (moment) FROM (${source}) WHERE ${condition} ${order} LIMIT ${limit} OFFSET ${offset}`,
      parameters,
    );
    return rows.map(toRecord);
  }

  async stats(filter: AuditFilter): Promise<FoundStats> {
    const segments = await listSegments(this.#basePath);
    if (segments.length === 0) return NO_AUDIT_STATS;
    const { condition, parameters } = toCondition(filter);
    const rows = await this.#database.query(
      `SELECT operation_type AS type, operation_status AS status, policy_decision AS policy, count(*)::INTEGER AS number,
        epoch_ms(min(moment))::VARCHAR AS earliest, epoch_ms(max(moment))::VARCHAR AS latest
      FROM (${toSource(segments)}) WHERE ${condition} GROUP BY ALL`,
      parameters,
    );
    return toStats(rows);
  }

  /** Writes what was found to a file: as CSV, or as the table `logs` of a DuckDB database. Returns the number of records. */
  async exportTo(
    { path, format }: { readonly path: string; readonly format: 'csv' | 'duckdb' },
    filter: AuditFilter,
    limit: number | undefined,
  ): Promise<number> {
    const segments = await listSegments(this.#basePath);
    const { condition, parameters } = toCondition(filter);
    const source = segments.length === 0 ? NO_RECORDS : toSource(segments);
    const limited = limit === undefined ? '' : ` LIMIT ${limit}`;
    const found = `SELECT * EXCLUDE (moment) FROM (${source}) WHERE ${condition} ORDER BY moment DESC, record_id DESC${limited}`;
    if (format === 'csv') {
      const [row] = await this.#database.query(`COPY (${found}) TO ${quote(path)} (FORMAT csv, HEADER)`, parameters);
      return Number(row?.['Count']);
    }
    await this.#database.query(`ATTACH ${quote(path)} AS exported`);
    await this.#database.query(`CREATE OR REPLACE TABLE exported.logs AS ${found}`, parameters);
    const [row] = await this.#database.query('SELECT count(*)::INTEGER AS number FROM exported.logs');
    await this.#database.query('DETACH exported');
    return Number(row?.['number']);
  }

  async dispose(): Promise<void> {
    await this.#database.dispose();
  }
}

const NO_RECORDS = `SELECT ${AUDIT_FIELDS.map(([name, holds]) => `NULL::${SQL_TYPES[holds]} AS "${name}"`).join(', ')},
  NULL::TIMESTAMPTZ AS moment WHERE false`;

/**
 * All records of these segments, with their time as `moment`. A line that is not a record, such as the last one of a server that was killed in the
 * middle of it, is left out; it costs no other line.
 */
function toSource(segments: readonly AuditSegment[]): string {
  const columns = AUDIT_FIELDS.map(([name, holds]) => `"${name}": ${quote(SQL_TYPES[holds])}`).join(', ');
  const files = segments.map(({ path }) => quote(path)).join(', ');
  return `SELECT *, TRY_CAST("timestamp" AS TIMESTAMPTZ) AS moment FROM read_ndjson([${files}], columns = {${columns}},
    ignore_errors = true, maximum_object_size = ${MAX_LINE_BYTES})
    WHERE record_id IS NOT NULL AND moment IS NOT NULL`;
}

function toCondition(filter: AuditFilter) {
  const parameters: Record<string, string> = {};
  const conditions = COLUMNS_OF.flatMap(([key, column]) => {
    const value = filter[key];
    if (typeof value !== 'string') return [];
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
  if (filter.afterId !== undefined) {
    parameters['afterId'] = filter.afterId;
    conditions.push('record_id > $afterId');
  }
  return { condition: conditions.length === 0 ? 'true' : conditions.join(' AND '), parameters };
}

function toRecord(row: ScratchRow): FoundRecord {
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

function toStats(rows: readonly ScratchRow[]): FoundStats {
  const count = (key: string): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const row of rows) {
      const name = row[key];
      if (typeof name === 'string') counts[name] = (counts[name] ?? 0) + Number(row['number']);
    }
    return counts;
  };
  const times = (key: string): readonly number[] => rows.map((row) => Number(row[key]));
  return {
    totalRecords: rows.reduce((sum, row) => sum + Number(row['number']), 0),
    byType: count('type'),
    byStatus: count('status'),
    byPolicy: count('policy'),
    earliestTimestamp: rows.length === 0 ? null : new Date(Math.min(...times('earliest'))),
    latestTimestamp: rows.length === 0 ? null : new Date(Math.max(...times('latest'))),
  };
}

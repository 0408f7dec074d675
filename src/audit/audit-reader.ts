import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type AuditSelection, NO_AUDIT_STATS } from '../contract/index.js';
import { quote, ScratchDatabase, type ScratchRow } from '../duckdb/index.js';
import type { Disposable } from '../lifecycle/index.js';
import { type ByteRange, listSegments, readRanges } from './audit-segments.js';
import { KEY_COLUMNS, listOf, ORDER, recordsOf, recordsOfLines, toCondition, toRecord } from './audit-sql.js';
import { type AuditSources, findSources, type SegmentIndex } from './segment-index.js';

export interface FoundStats {
  readonly totalRecords: number;
  readonly byType: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byPolicy: Readonly<Record<string, number>>;
  readonly earliestTimestamp: Date | null;
  readonly latestTimestamp: Date | null;
}

interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** The times of the first and the last record of a page, in microseconds, and how many records the page has. */
interface PageBounds {
  readonly count: number;
  readonly oldest: string;
  readonly newest: string;
}

/** How many indexes are searched first; then four times as many. The newest records are usually in the newest segments. */
const FIRST_INDEXES = 4;

/** Reads the audit log of one profile, also while it is written. Every question sees the segments as they are then. */
export class AuditReader implements Disposable {
  readonly #basePath: string;
  readonly #database: ScratchDatabase;
  #last: Promise<unknown> = Promise.resolve();

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
  async query(filter: AuditSelection, { limit, offset = 0 }: { readonly limit: number; readonly offset?: number }) {
    if (limit === 0) return [];
    const rows = await this.#onSources((sources) => this.#page(sources, filter, { limit, offset }));
    return rows.map(toRecord);
  }

  stats(filter: AuditSelection): Promise<FoundStats> {
    return this.#onSources(async ({ indexed, plain }) => {
      if (indexed.length + plain.length === 0) return NO_AUDIT_STATS;
      const { condition, parameters } = toCondition(filter);
      const rows = await this.#database.query(
        `SELECT operation_type AS type, operation_status AS status, policy_decision AS policy, count(*)::INTEGER AS number,
          epoch_ms(min(moment))::VARCHAR AS earliest, epoch_ms(max(moment))::VARCHAR AS latest
        FROM (${keysOf(within(indexed, filter))} UNION ALL SELECT ${KEY_COLUMNS} FROM (${recordsOf(plain)}))
        WHERE ${condition} GROUP BY ALL`,
        parameters,
      );
      return toStats(rows);
    });
  }

  /** Writes what was found to a file: as CSV, or as the table `logs` of a DuckDB database. Returns the number of records. */
  async exportTo(
    { path, format }: { readonly path: string; readonly format: 'csv' | 'duckdb' },
    filter: AuditSelection,
    limit: number | undefined,
  ): Promise<number> {
    const source = recordsOf(await listSegments(this.#basePath));
    const { condition, parameters } = toCondition(filter);
    const limited = limit === undefined ? '' : ` LIMIT ${limit}`;
    const found = `SELECT * EXCLUDE (moment) FROM (${source}) WHERE ${condition} ${ORDER}${limited}`;
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

  /** Questions wait for each other: they use the same temporary tables. */
  #onSources<Result>(work: (sources: AuditSources) => Promise<Result>): Promise<Result> {
    const answer = this.#last.then(() => this.#tryOnSources(work));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Does the work again if an index cannot be read or was removed meanwhile, and finally without indexes. */
  async #tryOnSources<Result>(work: (sources: AuditSources) => Promise<Result>): Promise<Result> {
    const sources = await findSources(this.#basePath);
    try {
      return await work(sources);
    } catch (error) {
      if (sources.indexed.length === 0) throw error;
      for (const { path } of sources.indexed) await this.#removeIfDamaged(path);
    }
    try {
      return await work(await findSources(this.#basePath));
    } catch {
      // Without indexes, the same failure is reported.
      return work({ indexed: [], plain: await listSegments(this.#basePath) });
    }
  }

  async #removeIfDamaged(path: string): Promise<void> {
    try {
      await this.#database.query(`SELECT max(COLUMNS(*)) FROM read_parquet(${quote(path)})`);
    } catch {
      // The server writes another one.
      await rm(path, { force: true });
    }
  }

  /** Finds by the indexes where the records of a page are, and then reads these only. */
  async #page({ indexed, plain }: AuditSources, asked: AuditSelection, { limit, offset: askedOffset }: Page) {
    await this.#readPlain(plain, asked, limit + askedOffset);
    const { filter, offset } = await this.#withoutNewer(within(indexed, asked), asked, askedOffset);
    const { condition, parameters } = toCondition(filter);
    const { searched, bounds } = await this.#searchIndexes(within(indexed, filter), filter, { limit, offset });
    if (bounds.count === 0) return [];
    const [oldest, newest] = [bounds.oldest, bounds.newest].map((time) => `make_timestamptz(${time})`);
    const between = `${condition} AND moment BETWEEN ${oldest} AND ${newest}`;
    const places = await this.#database.query(
      `SELECT filename, position, bytes FROM ${readIndexes(searched)} WHERE ${between} ORDER BY filename, position`,
      parameters,
    );
    await this.#readLines(searched, places);
    const [newer] = await this.#database.query(
      `SELECT count(*)::INTEGER AS number FROM (${keysWithPlain(searched)}) WHERE ${condition} AND moment > ${newest}`,
      parameters,
    );
    return this.#database.query(
      `SELECT * EXCLUDE (moment) FROM (SELECT * FROM plain UNION ALL BY NAME ${recordsOfLines('lines')})
      WHERE ${between} ${ORDER} LIMIT ${limit} OFFSET ${offset - Number(newer?.['number'])}`,
      parameters,
    );
  }

  /** Fills the table `plain` with the newest records of segments without an index. */
  async #readPlain(segments: AuditSources['plain'], filter: AuditSelection, limit: number): Promise<void> {
    const { condition, parameters } = toCondition(filter);
    const newest = `SELECT * FROM (${recordsOf(segments)}) WHERE ${condition} ${ORDER} LIMIT ${limit}`;
    await this.#database.query(`CREATE OR REPLACE TEMP TABLE plain AS ${newest}`, parameters);
  }

  /**
   * The same page with an earlier end and a smaller offset: records of indexes that are wholly newer are only counted, because sorting millions of
   * them takes seconds.
   */
  async #withoutNewer(indexed: readonly SegmentIndex[], filter: AuditSelection, offset: number) {
    if (offset === 0) return { filter, offset };
    const newestFirst = indexed.toSorted((a, b) => b.latestMs - a.latestMs);
    const inPlain = await this.#count('plain');
    let counted = 0;
    let earliestMs = Infinity;
    let newer = 0;
    let untilMs = filter.until?.getTime() ?? Infinity;
    const isBehindPage = (): boolean => inPlain + counted > offset;
    for (let first = 0, size = FIRST_INDEXES; first < newestFirst.length && !isBehindPage(); first += size, size *= 4) {
      const batch = newestFirst.slice(first, first + size);
      const countOf = await this.#countEach(batch, filter);
      for (const index of batch) {
        if (isBehindPage()) break;
        // Nothing of the earlier ones is as old as this one.
        if (index.latestMs < earliestMs) [newer, untilMs] = [counted, Math.min(index.latestMs, untilMs)];
        counted += countOf.get(index.path) ?? 0;
        earliestMs = Math.min(earliestMs, index.earliestMs);
      }
    }
    if (untilMs === Infinity) return { filter, offset };
    const newerInPlain = await this.#count(`plain WHERE moment > make_timestamptz(${untilMs * 1000})`);
    return { filter: { ...filter, until: new Date(untilMs) }, offset: offset - newer - newerInPlain };
  }

  async #count(from: string): Promise<number> {
    const [row] = await this.#database.query(`SELECT count(*)::INTEGER AS number FROM ${from}`);
    return Number(row?.['number']);
  }

  /** How many records each index has for a question, by the path of the index. */
  async #countEach(indexed: readonly SegmentIndex[], filter: AuditSelection): Promise<ReadonlyMap<unknown, number>> {
    const { condition, parameters } = toCondition(filter);
    const rows = await this.#database.query(
      `SELECT filename, count(*)::INTEGER AS number FROM ${readIndexes(indexed)} WHERE ${condition} GROUP BY filename`,
      parameters,
    );
    return new Map(rows.map((row) => [row['filename'], Number(row['number'])]));
  }

  /** From the newest index on, until older ones cannot have a record of the page. */
  async #searchIndexes(indexed: readonly SegmentIndex[], filter: AuditSelection, { limit, offset }: Page) {
    const { condition, parameters } = toCondition(filter);
    const newestFirst = indexed.toSorted((a, b) => b.latestMs - a.latestMs);
    for (let count = FIRST_INDEXES; ; count *= 4) {
      const searched = newestFirst.slice(0, count);
      const [row] = await this.#database.query(
        `SELECT count(*)::INTEGER AS count, epoch_us(min(moment))::VARCHAR AS oldest, epoch_us(max(moment))::VARCHAR AS newest FROM (
          SELECT moment FROM (${keysWithPlain(searched)}) WHERE ${condition} ORDER BY moment DESC LIMIT ${limit} OFFSET ${offset})`,
        parameters,
      );
      const bounds: PageBounds = {
        count: Number(row?.['count']),
        oldest: String(row?.['oldest']),
        newest: String(row?.['newest']),
      };
      const next = newestFirst[count];
      const isWhole = bounds.count === limit && Number(bounds.oldest) > (next?.latestMs ?? 0) * 1000;
      if (next === undefined || isWhole) return { searched, bounds };
    }
  }

  /** Fills the table `lines`. What is read is the segment, and the condition is asked again, so an index only says where to look. */
  async #readLines(indexed: readonly SegmentIndex[], places: readonly ScratchRow[]): Promise<void> {
    await this.#database.query('CREATE OR REPLACE TEMP TABLE lines (line VARCHAR)');
    const rangesOf = new Map<unknown, ByteRange[]>(indexed.map(({ path }) => [path, []]));
    for (const place of places) rangesOf.get(place['filename'])?.push(toRange(place));
    for (const { path, segment } of indexed) {
      const ranges = rangesOf.get(path) ?? [];
      for (let first = 0; first < ranges.length; first += LINES_AT_ONCE) {
        const lines = await readRanges(segment, ranges.slice(first, first + LINES_AT_ONCE));
        if (lines === undefined) throw new Error(`${segment.path} has changed while it was read`);
        await this.#database.append(
          'lines',
          lines.map((line) => [line]),
        );
      }
    }
  }
}

const LINES_AT_ONCE = 1000;

function toRange(place: ScratchRow): ByteRange {
  return { position: Number(place['position']), bytes: Number(place['bytes']) };
}

/** The indexes that may have records of these times. */
function within(indexed: readonly SegmentIndex[], { from, until }: AuditSelection): readonly SegmentIndex[] {
  return indexed.filter(
    ({ earliestMs, latestMs }) =>
      latestMs >= (from?.getTime() ?? -Infinity) && earliestMs <= (until?.getTime() ?? Infinity),
  );
}

function readIndexes(indexed: readonly SegmentIndex[]): string {
  if (indexed.length > 0) return `read_parquet(${listOf(indexed)}, filename = true)`;
  return `(SELECT '' AS filename, 0 AS position, 0 AS bytes, ${KEY_COLUMNS} FROM (${recordsOf([])}))`;
}

function keysOf(indexed: readonly SegmentIndex[]): string {
  return `SELECT ${KEY_COLUMNS} FROM ${readIndexes(indexed)}`;
}

function keysWithPlain(indexed: readonly SegmentIndex[]): string {
  return `${keysOf(indexed)} UNION ALL SELECT ${KEY_COLUMNS} FROM plain`;
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

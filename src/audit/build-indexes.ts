import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, messageOf } from '../errors/index.js';
import { quote, ScratchDatabase } from '../duckdb/index.js';
import { type AuditSegment, listSegments } from './audit-segments.js';
import { keysOfLines, MAX_LINE_BYTES } from './audit-sql.js';
import { findSources, findUnneeded, indexFolderOf, indexNameOf } from './segment-index.js';

export interface IndexWork {
  readonly basePath: string;
  /** Smaller segments are read as quickly without an index. */
  readonly minBytes: number;
}

export interface IndexReport {
  readonly built: number;
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * For how long a segment has not changed before it gets an index. The times of a file have steps of some milliseconds: within one, a write would
 * not change the stamp.
 */
export const SETTLED_MS = 2000;
/** A beginning of an index that is older is that of a process that was killed. */
const ABANDONED_MS = 10 * 60_000;
const MEMORY_MB = 256;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Whether there is anything to do for `buildIndexes`, without a process for it. */
export async function hasIndexWork(work: IndexWork): Promise<boolean> {
  return (await findSegmentsToIndex(work)).length > 0 || (await findUnneeded(work.basePath)).length > 0;
}

async function findSegmentsToIndex({ basePath, minBytes }: IndexWork): Promise<readonly AuditSegment[]> {
  const { plain } = await findSources(basePath);
  const settledBefore = Date.now() - SETTLED_MS;
  return plain.filter(({ bytes, modifiedAt }) => bytes >= minBytes && modifiedAt.getTime() < settledBefore);
}

/** Writes the indexes that are missing and removes those that no segment needs. A segment that cannot be read costs only its own index. */
export async function buildIndexes(work: IndexWork): Promise<IndexReport> {
  await removeUnneeded(work.basePath);
  const failures: IndexReport['failures'][number][] = [];
  let built = 0;
  for (const segment of await findSegmentsToIndex(work)) {
    try {
      await buildIndex(segment, work.basePath);
      built += 1;
    } catch (error) {
      failures.push({ path: segment.path, reason: messageOf(error) });
    }
  }
  return { built, failures };
}

async function removeUnneeded(basePath: string): Promise<void> {
  for (const path of await findUnneeded(basePath)) {
    if (!path.endsWith('.tmp') || (await isAbandoned(path))) await rm(path, { force: true });
  }
}

/** False also for one that has its name by now. */
async function isAbandoned(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** The index has its name only when it is whole and on the disk. */
async function buildIndex(segment: AuditSegment, basePath: string): Promise<void> {
  const folder = indexFolderOf(basePath);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const database = await ScratchDatabase.open({ folders: [folder], threads: 1, memoryMb: MEMORY_MB });
  const times = { earliestMs: 0, latestMs: 0 };
  const whole = (): string => join(folder, indexNameOf(segment, times));
  const beginning = whole().replace(/[^.]+\.parquet$/, `${randomUUID()}.tmp`);
  try {
    await readKeys(segment, database);
    Object.assign(times, await timesOf(database));
    await database.query(`COPY (SELECT * FROM keys ORDER BY position) TO ${quote(beginning)} (${PARQUET})`);
    await syncFile(beginning);
    await rename(beginning, whole());
  } finally {
    await rm(beginning, { force: true });
    await database.dispose();
  }
  // Retention may have removed the segment meanwhile, and must not leave its keys behind.
  const current = (await listSegments(basePath)).find(({ path }) => path === segment.path);
  if (current?.stamp !== segment.stamp) await rm(whole(), { force: true });
}

/**
 * A dictionary also for columns with as many values as a row group has rows, because DuckDB writes a Bloom filter with each dictionary: a question for one of
 * ten million traces reads 8 times less (DuckDB 1.5.6).
 */
const PARQUET = `FORMAT parquet, COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 122880,
  STRING_DICTIONARY_PAGE_SIZE_LIMIT 16777216`;

async function timesOf(database: ScratchDatabase) {
  const [times] = await database.query(`SELECT floor(epoch_us(min(moment)) / 1000)::BIGINT::VARCHAR AS earliest,
    ceil(epoch_us(max(moment)) / 1000)::BIGINT::VARCHAR AS latest FROM keys`);
  return { earliestMs: Number(times?.['earliest'] ?? 0), latestMs: Number(times?.['latest'] ?? 0) };
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readKeys({ path, bytes }: AuditSegment, database: ScratchDatabase): Promise<void> {
  const selectKeys = keysOfLines('lines');
  await database.query('CREATE TABLE lines (position BIGINT, bytes BIGINT, line VARCHAR)');
  await database.query(`CREATE TABLE keys AS ${selectKeys}`);
  for await (const lines of linesOf(path, bytes)) {
    await database.append('lines', lines);
    await database.query(`INSERT INTO keys ${selectKeys}`);
    await database.query('TRUNCATE lines');
  }
}

type Line = readonly [position: number, bytes: number, text: string];

const NEWLINE = 10;

/** The lines of a file with their places, some megabytes of them at a time. */
async function* linesOf(path: string, end: number): AsyncGenerator<readonly Line[]> {
  let begun = Buffer.alloc(0);
  let position = 0;
  const stream = createReadStream(path, { end: end - 1, highWaterMark: BATCH_BYTES });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const text = Buffer.concat([begun, chunk]);
    const whole = text.lastIndexOf(NEWLINE) + 1;
    if (whole > 0) yield splitLines(text.subarray(0, whole), position);
    position += whole;
    begun = text.subarray(whole);
    if (begun.length > MAX_LINE_BYTES) throw new Error(`it has a line of more than ${MAX_LINE_BYTES} bytes`);
  }
  if (begun.length > 0) yield splitLines(begun, position);
}

/** A line that is not UTF-8 is no record. */
function splitLines(text: Buffer, position: number): readonly Line[] {
  const lines: Line[] = [];
  const areUtf8 = isUtf8(text);
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf(NEWLINE, start);
    const end = found === -1 ? text.length : found;
    if (areUtf8 || isUtf8(text.subarray(start, end)))
      lines.push([position + start, end - start, text.toString('utf8', start, end)]);
    start = end + 1;
  }
  return lines;
}

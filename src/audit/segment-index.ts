import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isMissing } from '../errors/index.js';
import { type AuditSegment, isSegmentName, listSegments } from './audit-segments.js';

/*
 * An index of a segment is a Parquet file with one row for each record: its place in the segment, its time, and what conditions compare. It is derived
 * data: removing it loses nothing. Its name has a hash of the stamp of its segment, so an index of a segment that has changed since is
 * simply not found, and it has the times of its oldest and newest records, so that most questions need not open it.
 */

export interface SegmentIndex {
  readonly path: string;
  readonly segment: AuditSegment;
  /** In milliseconds, rounded so that all records are within. */
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** The segments of a log, by whether an index leads to their records. */
export interface AuditSources {
  readonly indexed: readonly SegmentIndex[];
  readonly plain: readonly AuditSegment[];
}

/** Part of every hash: another one for every change of what an index has. */
const FORMAT = 1;
const NAME = /^(.+\.([0-9a-f]{16}))\.(-?\d+)_(-?\d+)\.parquet$/;

export function indexFolderOf(basePath: string): string {
  return join(dirname(basePath), '.index');
}

/** The beginning of the name of the index that belongs to a segment as it is now. */
function keyOf({ path, stamp }: AuditSegment): string {
  const hash = createHash('sha256').update(`${FORMAT} ${stamp}`).digest('hex').slice(0, 16);
  return `${basename(path)}.${hash}`;
}

export function indexNameOf(segment: AuditSegment, times: Pick<SegmentIndex, 'earliestMs' | 'latestMs'>): string {
  return `${keyOf(segment)}.${times.earliestMs}_${times.latestMs}.parquet`;
}

export async function findSources(basePath: string): Promise<AuditSources> {
  const [segments, names] = await Promise.all([listSegments(basePath), listNames(basePath)]);
  const found = new Map<string, Omit<SegmentIndex, 'segment'>>();
  for (const name of names) {
    const [, key, , earliest, latest] = NAME.exec(name) ?? [];
    const path = join(indexFolderOf(basePath), name);
    if (key !== undefined) found.set(key, { path, earliestMs: Number(earliest), latestMs: Number(latest) });
  }
  const sources = { indexed: [] as SegmentIndex[], plain: [] as AuditSegment[] };
  for (const segment of segments) {
    const index = found.get(keyOf(segment));
    if (index === undefined) sources.plain.push(segment);
    else sources.indexed.push({ ...index, segment });
  }
  return sources;
}

/** Files of this log in the folder of indexes that no segment needs, among them the beginnings of killed processes. */
export async function findUnneeded(basePath: string): Promise<readonly string[]> {
  const { indexed } = await findSources(basePath);
  const needed = new Set(indexed.map(({ path }) => basename(path)));
  const names = (await listNames(basePath)).filter((name) => !needed.has(name) && belongsTo(name, basePath));
  return names.map((name) => join(indexFolderOf(basePath), name));
}

function belongsTo(name: string, basePath: string): boolean {
  const [, segment] = /^(.+)\.[0-9a-f]{16}\.[^/]*$/.exec(name) ?? [];
  return segment !== undefined && isSegmentName(segment, basePath);
}

/** Removes the indexes of a segment, whatever it was when they were made. */
export async function removeIndexesOf(segmentPath: string): Promise<void> {
  const names = await listNames(segmentPath);
  const own = names.filter((name) => name.startsWith(`${basename(segmentPath)}.`));
  for (const name of own) await rm(join(indexFolderOf(segmentPath), name), { force: true });
}

async function listNames(basePath: string): Promise<readonly string[]> {
  return readdir(indexFolderOf(basePath)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

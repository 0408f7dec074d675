import type { BigIntStats } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCodeOf, isMissing } from '../errors/index.js';
import { syncFolder } from '../files/index.js';

/** A file of the audit log. Each server writes segments of its own, so that several may share a folder. */
export interface AuditSegment {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
  /** Differs whenever the file does: any write changes its times, and only the kernel sets the second one. */
  readonly stamp: string;
}

const EXTENSION = '.jsonl';

function stemOf(basePath: string): string {
  const name = basename(basePath);
  return name.endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : name;
}

/**
 * The segments of the log that is configured as `basePath`, the oldest first: `<stem>-<UTC time>[-n].jsonl` beside it, and the file of
 * that very name, which early versions of the Python implementation wrote. Empty ones are left out.
 */
export async function listSegments(basePath: string): Promise<readonly AuditSegment[]> {
  const folder = dirname(basePath);
  const stem = stemOf(basePath);
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found = names.flatMap((name) => {
    const order = name === basename(basePath) ? '' : orderOf(name, stem);
    return order === undefined ? [] : [{ order, path: join(folder, name) }];
  });
  found.sort((a, b) => (a.order < b.order ? -1 : 1));
  const segments = await Promise.all(found.map(({ path }) => statSegment(path)));
  return segments.filter((segment) => segment !== undefined);
}

/** Whether a file of this name belongs to the log that is configured as `basePath`. */
export function isSegmentName(name: string, basePath: string): boolean {
  return name === basename(basePath) || orderOf(name, stemOf(basePath)) !== undefined;
}

/** The text by which segments sort by time; undefined if the name is that of another file. */
function orderOf(name: string, stem: string): string | undefined {
  if (!name.startsWith(`${stem}-`) || !name.endsWith(EXTENSION)) return undefined;
  const [, time, number = '0'] =
    /^(\d{8}T\d{6})(?:-(\d+))?$/.exec(name.slice(stem.length + 1, -EXTENSION.length)) ?? [];
  return time === undefined ? undefined : `${time}-${number.padStart(8, '0')}`;
}

/** Undefined for one that was removed meanwhile. */
async function statSegment(path: string): Promise<AuditSegment | undefined> {
  try {
    const facts = await stat(path, { bigint: true });
    if (facts.size === 0n) return undefined;
    return { path, bytes: Number(facts.size), modifiedAt: facts.mtime, stamp: toStamp(facts) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function toStamp({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ctimeNs}-${ino}`;
}

/** The text between two bytes of each of these ranges, or undefined if the segment is not the one of the stamp any longer. */
export async function readRanges(
  { path, stamp }: Pick<AuditSegment, 'path' | 'stamp'>,
  ranges: readonly ByteRange[],
): Promise<readonly string[] | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    if (toStamp(await handle.stat({ bigint: true })) !== stamp) return undefined;
    const texts: string[] = [];
    for (const { position, bytes } of ranges) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, position);
      texts.push(buffer.toString('utf8', 0, bytesRead));
    }
    return texts;
  } finally {
    await handle.close();
  }
}

export interface ByteRange {
  readonly position: number;
  readonly bytes: number;
}

/** Creates the folder of the log if there is none. Only its user may look into it. */
export async function createAuditFolder(basePath: string): Promise<void> {
  await mkdir(dirname(basePath), { recursive: true, mode: 0o700 });
}

/** A segment that is open for writing. */
export interface OpenSegment {
  readonly path: string;
  readonly handle: FileHandle;
  readonly openedAt: number;
}

/**
 * Creates the next segment. Its name is new, also beside those of other servers, and is itself on disk when this resolves: otherwise a power
 * failure could take the file with all of its records.
 */
export async function createSegment(basePath: string, now: Date): Promise<OpenSegment> {
  await createAuditFolder(basePath);
  const time = now.toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  for (let number = 0; ; number += 1) {
    const name = `${stemOf(basePath)}-${time}${number === 0 ? '' : `-${number}`}${EXTENSION}`;
    const path = join(dirname(basePath), name);
    const handle = await openNew(path);
    if (handle === undefined) continue;
    try {
      await syncFolder(dirname(basePath));
      return { path, handle, openedAt: now.getTime() };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
}

/** Undefined if the name is taken. */
async function openNew(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'ax', 0o600);
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

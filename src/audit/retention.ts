import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type AuditSegment, listSegments } from './audit-segments.js';
import { removeIndexesOf } from './segment-index.js';

const DAY_MS = 24 * 60 * 60_000;
/** A record is smaller, so the last line of a segment is within it. */
const TAIL_BYTES = 256 * 1024;

/** Segments of which every record is older than this many days. */
export async function findExpired(basePath: string, days: number, now = new Date()): Promise<readonly AuditSegment[]> {
  const before = now.getTime() - days * DAY_MS;
  const segments = await listSegments(basePath);
  const ages = await Promise.all(segments.map(newestRecordOf));
  return segments.filter((_segment, index) => (ages[index]?.getTime() ?? 0) < before);
}

/** Removes them; one that another program has removed meanwhile is no error. */
export async function removeSegments(segments: readonly AuditSegment[]): Promise<void> {
  for (const { path } of segments) {
    // First, so that no names of callers stay behind if the process ends here.
    await removeIndexesOf(path);
    await rm(path, { force: true });
  }
}

/** How many records of each schema they have. */
export async function countRecords(segments: readonly AuditSegment[]): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { path } of segments) {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const name = /"schema_name": ?"([^"\\]+)"/.exec(line)?.[1];
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return counts;
}

/** When the last complete record was made; when the file was written, if it has none. */
async function newestRecordOf({ path, bytes, modifiedAt }: AuditSegment): Promise<Date> {
  const handle = await open(path, 'r');
  try {
    const start = Math.max(0, bytes - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes - start), 0, bytes - start, start);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n').reverse();
    for (const line of lines) {
      const time = Date.parse(/"timestamp": ?"([^"]+)"/.exec(line)?.[1] ?? '');
      if (!Number.isNaN(time)) return new Date(time);
    }
    return modifiedAt;
  } finally {
    await handle.close();
  }
}

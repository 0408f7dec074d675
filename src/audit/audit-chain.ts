import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { readAuditHashes } from '../contract/index.js';
import { listSegments } from './audit-segments.js';

export interface ChainReport {
  readonly records: number;
  readonly segments: number;
  readonly problems: readonly { readonly path: string; readonly line: number; readonly message: string }[];
}

const MAX_PROBLEMS = 100;

/**
 * Checks the hashes of all records. A changed line does not have its hash, and a line that was removed is missing before the next one of its
 * server. What was cut off at the end of the last segment of a server leaves no trace.
 */
export async function checkChain(basePath: string): Promise<ChainReport> {
  const segments = await listSegments(basePath);
  const known = new Set<string>();
  const problems: ChainReport['problems'][number][] = [];
  let records = 0;
  for (const { path } of segments) {
    let number = 0;
    let last: string | undefined;
    for await (const line of createInterface({ input: createReadStream(path) })) {
      number += 1;
      records += 1;
      const message = explain(line, number > 1 ? new Set([last ?? '']) : known);
      last = readAuditHashes(line)?.hash;
      if (last !== undefined) known.add(last);
      if (message !== undefined && problems.length < MAX_PROBLEMS) problems.push({ path, line: number, message });
    }
  }
  return { records, segments: segments.length, problems };
}

/** `before` has the hashes that the line may follow. */
function explain(line: string, before: ReadonlySet<string>): string | undefined {
  const hashes = readAuditHashes(line);
  if (hashes === undefined) return 'the line has no hash: it is incomplete, or of another program';
  if (!hashes.isIntact) return 'the record was changed after it was written';
  // Nothing is known of what came before the first segment: retention may have removed it.
  if (hashes.previous === null || before.size === 0 || before.has(hashes.previous)) return undefined;
  return 'records before this one are missing';
}

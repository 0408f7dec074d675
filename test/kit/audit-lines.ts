import { readFileSync } from 'node:fs';
import { listSegments } from '../../src/audit/index.js';

export type AuditLine = Readonly<Record<string, unknown>>;

/** Every line of an audit log, in the order in which it was written. Throws for one that is not JSON. */
export async function readAuditLines(basePath: string): Promise<readonly AuditLine[]> {
  const segments = await listSegments(basePath);
  const texts = segments.map(({ path }) => readFileSync(path, 'utf8'));
  return texts
    .flatMap((text) => text.split('\n').filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as AuditLine);
}

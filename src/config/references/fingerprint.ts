import { createHmac, randomBytes } from 'node:crypto';
import type { ResolvedValue } from './reference-resolver.js';

/** Random per process: a fingerprint shows a change and tells nothing about the value. */
const key = randomBytes(32);

export function fingerprint(value: string): string {
  return createHmac('sha256', key).update(value).digest('hex').slice(0, 16);
}

/** Of what a reference resolved to; undefined for one without a value. */
export function fingerprintOf(found: ResolvedValue | undefined): string {
  if (found === undefined) return fingerprint('unset');
  return fingerprint(
    found.changesWith === undefined ? `set:${found.value}` : `changes with:${found.changesWith}`,
  );
}

import type { Check } from '../admin/index.js';
import { plural } from '../errors/index.js';
import type { Serving } from './project/index.js';

/**
 * Whether Python code can be called; undefined when there is none. One worker is enough: the others are being replaced, and
 * a worker that computes without a pause is busy, not down, so nobody waits for it to answer.
 */
export function checkPython({ python }: Serving): Check | undefined {
  if (python === undefined) return undefined;
  const { workers, restarts } = python.status;
  const { ready } = python;
  const replaced = restarts === 0 ? '' : `, ${restarts} replaced so far`;
  return {
    name: 'python',
    status: ready === 0 ? 'fail' : 'ok',
    message: `${ready} of ${plural(workers, 'worker')} ready${replaced}`,
  };
}

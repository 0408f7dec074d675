import type { BackgroundReport } from '../../admin/index.js';
import type { Failure } from './retried-work.js';

/** What `/status` says of work in the background: `fine` unless it fails. */
export function toReport(name: string, failure: Failure | undefined, fine: string): BackgroundReport {
  if (failure === undefined) return { name, status: 'ok', message: fine };
  const { reason, times, retryAt } = failure;
  const count = times === 1 ? '' : `, ${times} times in a row`;
  return {
    name,
    status: 'failing',
    message: `${reason}${count}; what served before still serves; tried again at ${retryAt.toISOString()}`,
  };
}

import { z } from 'zod';
import { parseDuration } from '../../duration/index.js';
import { MAX_WAIT_MS } from './wait-limit.js';

const MAX_LIMIT = 1000;

/** `true`, `false`, `1` or `0`. */
export const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((text) => text === 'true' || text === '1');

/** `30s`, `2m`, or a bare number of seconds; at most ten minutes. Milliseconds once parsed. */
export const waitDuration = z.string().transform((text, context) => {
  const waitMs = parseDuration(text);
  if (waitMs !== undefined && waitMs <= MAX_WAIT_MS) return waitMs;
  context.addIssue('must be a time such as 30s or 2m, at most 10m');
  return z.NEVER;
});

export const recordLimit = z.string().transform((text, context) => {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  context.addIssue(`must be a whole number from 1 to ${MAX_LIMIT}`);
  return z.NEVER;
});

import { z } from 'zod';
import { LONGEST_TIMER_MS, parseDuration, type RateLimit } from '../lifecycle/index.js';
import { hints } from '../yaml/index.js';

/** Whose calls are counted together: those of one caller, of one network address, or all. */
const COUNTED_BY = ['caller', 'address', 'all'] as const;

const MIN_TIME_MS = 1000;
const LONGEST_HOURS = Math.floor(LONGEST_TIMER_MS / 3_600_000);
const MAX_CALLS = 1_000_000_000;

/** `rate_limit` of a profile and of an endpoint file. */
export const rateLimitSchema = z
  .strictObject({
    calls: z.int().min(1, 'must be at least 1').max(MAX_CALLS),
    per: z
      .union([z.string(), z.number()])
      .refine((value) => (parseDuration(String(value)) ?? 0) >= MIN_TIME_MS, {
        error: `must be a time of at least 1s and at most ${LONGEST_HOURS}h, like 10s, 1m or 24h (a bare number is seconds)`,
      }),
    by: z.enum(COUNTED_BY).default('caller'),
  })
  .register(hints, {
    keys: {
      limit: 'calls',
      requests: 'calls',
      count: 'calls',
      period: 'per',
      interval: 'per',
      window: 'per',
      key: 'by',
    },
    hint: (written) =>
      typeof written === 'object'
        ? undefined
        : 'write how many calls in which time: `rate_limit: { calls: 10, per: 1m }`',
  });

export interface RateRule extends RateLimit {
  readonly by: (typeof COUNTED_BY)[number];
  /** The time as it was written. */
  readonly per: string;
}

export function toRateRule({ calls, per, by }: z.output<typeof rateLimitSchema>): RateRule {
  const isBare = /^\s*[\d.]+\s*$/.test(String(per));
  return { calls, perMs: parseDuration(String(per)) ?? 0, by, per: isBare ? `${per}s` : String(per) };
}

import { z } from 'zod';
import { parseDuration } from '../lifecycle/index.js';
import { LOG_LEVELS } from '../logging/index.js';
import { component } from './components.js';
import { timestampToSecond } from './wire-format.js';

const level = z.enum(LOG_LEVELS);

/** Longer is no help for a search and floods the disk. */
const MAX_LOG_LEVEL_MS = 24 * 60 * 60 * 1000;

export const logLevel = component(
  'LogLevel',
  'The level of the log, and when the configured one returns.',
  z.strictObject({
    level: level.describe('Lines below it are not written.'),
    configured: level.describe('What the start decided.'),
    until: timestampToSecond
      .nullable()
      .describe(
        'When `configured` returns by itself; null if it counts already, or if a request or a restart must bring it back.',
      ),
  }),
);

export const logLevelChange = z.strictObject({
  level: z.enum([...level.options, 'default'], 'must be debug, info, warn, error, or default for the configured one'),
  for: z
    .string()
    .transform((text, context) => {
      const forMs = parseDuration(text);
      if (forMs !== undefined && forMs >= 1 && forMs <= MAX_LOG_LEVEL_MS) return forMs;
      context.addIssue('must be a time such as 90s, 10m or 2h, at most 24h');
      return z.NEVER;
    })
    .optional()
    .describe(
      'After this time the configured level returns: `90s`, `10m`, at most `24h`. Without it, another request or a restart brings it back.',
    ),
});

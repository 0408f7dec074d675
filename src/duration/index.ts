export { Backoff, withJitter } from './backoff.js';
export { formatUptime, LONGEST_TIMER_MS, parseDuration } from './duration.js';

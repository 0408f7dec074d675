export { Backoff, withJitter } from './backoff.js';
export { formatUptime, parseDuration } from './duration.js';

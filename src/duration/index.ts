export { formatUptime, parseDuration } from './duration.js';

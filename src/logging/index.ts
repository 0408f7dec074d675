export type { LogFormat } from './log-format.js';
export {
  createLogger,
  createSilentLogger,
  stderrSink,
  type Logger,
  type LogLevel,
  type LogSink,
} from './logger.js';
export { Scrubber } from './scrubber.js';

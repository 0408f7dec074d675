export { LOG_LEVELS, type LogLevel, LogLevelControl, type LogLevelState } from './log-level.js';
export { type LimitedLevel, LimitedLog } from './limited-log.js';
export {
  type LogSink,
  type Logger,
  type LoggingConfig,
  RecentLines,
  ServerLog,
  createLogger,
  createSilentLogger,
} from './logger.js';
export { Concealed, Scrubber, Secret } from './scrubber.js';

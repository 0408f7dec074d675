export type { LogFormat } from './log-format.js';
export {
  createLogger,
  createSilentLogger,
  stderrSink,
  type Logger,
  type LogSink,
} from './logger.js';
export { openRotatingFile, type RotatingFile, type RotatingFileSink } from './rotating-file-sink.js';
export { Scrubber } from './scrubber.js';

export {
  type LogFormat,
  type LogSink,
  type Logger,
  type RotatingFile,
  type RotatingFileSink,
  createLogger,
  createSilentLogger,
  openRotatingFile,
  stderrSink,
} from './logger.js';
export { Scrubber } from './scrubber.js';

import type { ServerSettings } from '../config/settings/index.js';
import { createLogger, Scrubber, type Logger } from '../logging/index.js';
import type { Output } from './output.js';

/** For what Python code prints and warns while a command runs: standard error, as the log of a server would have it. */
export function createCommandLogger(output: Output, { debug, logFormat }: ServerSettings): Logger {
  return createLogger({
    level: debug ? 'debug' : 'info',
    format: logFormat,
    // The output has a scrubber that knows the secrets.
    scrubber: new Scrubber(),
    sinks: [(line) => output.writeError(line)],
  });
}

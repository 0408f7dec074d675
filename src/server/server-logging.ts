import type { LoggingConfig, ServerSettings } from '../config/index.js';
import {
  createLogger,
  openRotatingFile,
  stderrSink,
  type Logger,
  type LogSink,
  type RotatingFileSink,
  type Scrubber,
} from '../logging/index.js';

/** The logger of the process, and the file it writes to once the configuration has named one. */
export class ServerLogging {
  readonly logger: Logger;
  readonly #settings: ServerSettings;
  #file: RotatingFileSink | undefined;

  constructor(settings: ServerSettings, scrubber: Scrubber, sinks: readonly LogSink[] = [stderrSink]) {
    this.#settings = settings;
    this.logger = createLogger({
      level: settings.debug ? 'debug' : 'info',
      format: settings.logFormat,
      scrubber,
      sinks: [...sinks, this.#fileSink],
    });
  }

  /** Applies `logging` of the user configuration. Debug mode wins over its level. */
  configure(config: LoggingConfig): void {
    if (!config.enabled) this.logger.level = 'error';
    else if (!this.#settings.debug) this.logger.level = config.level;
    if (!config.enabled || config.path === null) return;
    const { path, maxBytes, backupCount } = config;
    this.#file = openRotatingFile({ path, maxBytes, backupCount }, (error) => {
      // The file cannot take it, standard error still can; told once, then the file is given up.
      this.#file = undefined;
      this.logger.error(
        { path, reason: error.message },
        'log file cannot be written; going on with standard error only',
      );
    });
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  readonly #fileSink: LogSink = (line) => this.#file?.write(line);
}

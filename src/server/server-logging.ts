import type { LoggingConfig, ServerSettings } from '../config/index.js';
import {
  createLogger,
  openRotatingFile,
  stderrSink,
  type Logger,
  type LogSink,
  type RotatingFile,
  type RotatingFileSink,
  type Scrubber,
} from '../logging/index.js';

/** After a file could not be written, e.g. because the disk was full, how long it is left alone. */
const REOPEN_AFTER_MS = 60_000;

/** The logger of the process, and the file it writes to once the configuration has named one. */
export class ServerLogging {
  readonly logger: Logger;
  readonly #settings: ServerSettings;
  #target: RotatingFile | undefined;
  #file: RotatingFileSink | undefined;
  #reopenAt = 0;

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
    this.#target = { path, maxBytes, backupCount };
    this.#openFile(this.#target);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#target = undefined;
    await file?.close();
  }

  #openFile(target: RotatingFile): void {
    const file = openRotatingFile(target, {
      onError: (error) => {
        if (this.#file === file) this.#giveUp(target, error);
      },
      onWarning: ({ message: reason }) =>
        this.logger.warn({ path: target.path, reason }, 'the log file could not be rotated as it should'),
    });
    this.#file = file;
  }

  /** Standard error can still take lines, this one among them. */
  #giveUp({ path }: RotatingFile, error: Error): void {
    void this.#file?.close();
    this.#file = undefined;
    this.#reopenAt = performance.now() + REOPEN_AFTER_MS;
    this.logger.error(
      { path, reason: error.message },
      'log file cannot be written; it is tried again in a minute, until then there is standard error only',
    );
  }

  readonly #fileSink: LogSink = (line) => {
    if (this.#file === undefined && this.#target !== undefined && performance.now() >= this.#reopenAt)
      this.#openFile(this.#target);
    this.#file?.write(line);
  };
}

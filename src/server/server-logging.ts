import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { LoggingConfig } from '../config/index.js';
import {
  createLogger,
  type Logger,
  type LogSink,
  openRotatingFile,
  type RotatingFile,
  type RotatingFileSink,
  type Scrubber,
  stderrSink,
} from '../logging/index.js';
import type { ServerSettings } from '../settings/index.js';

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

/** Linux lists the threads of a process here; elsewhere there is no such folder, and priorities stay as they are. */
const OWN_THREADS = '/proc/self/task';

function listThreads(): readonly number[] {
  try {
    return readdirSync(OWN_THREADS).map(Number);
  } catch {
    // Not Linux.
    return [];
  }
}

/**
 * Lets queries give way: every thread but `kept` (the workers of DuckDB and of libuv's pool) gets a lower priority, so that
 * the event loop is not one of twenty threads that want two processors. A probe is then answered while queries fill the
 * pool; the queries themselves only wait for each other. Threads that end meanwhile are passed over.
 */
export function lowerThreads(kept: ReadonlySet<number>): void {
  if (kept.size === 0) return;
  for (const thread of listThreads()) {
    if (kept.has(thread)) continue;
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // The thread has ended, or this system does not let a process lower itself: then all stay equal, as before.
    }
  }
}

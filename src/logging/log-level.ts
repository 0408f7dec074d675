import type { Logger as PinoLogger } from 'pino';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLevelState {
  /** The one that counts now. */
  readonly level: LogLevel;
  /** What the start decided, and what counts again later. */
  readonly configured: LogLevel;
  /** When the configured one returns by itself; null when it counts already, or when only a request or a restart brings it back. */
  readonly until: Date | null;
}

/** How many loggers may have been collected before their places are cleared. */
const CLEAR_AT = 200;

/**
 * The level of a logger and of all its children, which copy it when they are made. It can be changed for a time. The log of the
 * server owns it.
 */
export class LogLevelControl {
  readonly #loggers = new Set<WeakRef<PinoLogger>>();
  #clearAt = CLEAR_AT;
  #configured: LogLevel;
  #chosen: LogLevel | undefined;
  #until: Date | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** Called after each change. */
  onChange: (state: LogLevelState) => void = () => {};

  constructor(configured: LogLevel) {
    this.#configured = configured;
  }

  get state(): LogLevelState {
    return { level: this.#chosen ?? this.#configured, configured: this.#configured, until: this.#until };
  }

  /** Each new logger. */
  add(logger: PinoLogger): void {
    logger.level = this.state.level;
    this.#loggers.add(new WeakRef(logger));
    if (this.#loggers.size < this.#clearAt) return;
    for (const each of this.#loggers) if (each.deref() === undefined) this.#loggers.delete(each);
    this.#clearAt = Math.max(CLEAR_AT, this.#loggers.size * 2);
  }

  /** What the configuration says. A level that was chosen before still counts. */
  configure(level: LogLevel): void {
    this.#configured = level;
    this.#apply();
  }

  /** Chooses another level, for a time if one is given; the configured one with undefined. */
  choose(level: LogLevel | undefined, forMs?: number): LogLevelState {
    clearTimeout(this.#timer);
    this.#chosen = level;
    const isLimited = level !== undefined && forMs !== undefined;
    this.#until = isLimited ? new Date(Date.now() + forMs) : null;
    if (isLimited) this.#timer = setTimeout(() => this.choose(undefined), forMs).unref();
    this.#apply();
    this.onChange(this.state);
    return this.state;
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }

  #apply(): void {
    const { level } = this.state;
    for (const each of this.#loggers) {
      const logger = each.deref();
      if (logger !== undefined) logger.level = level;
    }
  }
}

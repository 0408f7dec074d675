import { LOG_LEVEL_META_KEY, type LoggingLevel, type ServerContext } from '@modelcontextprotocol/server';
import { clip } from '../errors/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { CallNotification } from '../python/index.js';

/** A notification that a call sends before its answer, in the form that all versions of the protocol share. */
export interface NotificationMessage {
  readonly method: 'notifications/message' | 'notifications/progress';
  readonly params: Record<string, unknown>;
}

/** Sends a message to the client; a promise settles when it is written. */
export type Notify = (message: NotificationMessage) => void | Promise<void>;

export interface CallNotificationsOptions {
  readonly context: ServerContext;
  /** The name or URI that was called: log messages carry it as their logger. */
  readonly target: string;
  readonly notify: Notify;
  /** What the client asked for with `logging/setLevel`; undefined when it never did, and then it gets everything. */
  readonly level: LoggingLevel | undefined;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

/** Messages of one call that may wait to be written: a client that does not read must not exhaust the server's memory. */
const MAX_UNWRITTEN = 256;

/** A URI may be longer. */
const MAX_LOGGER_LENGTH = 200;

/** Messages that a call may send at once, and how many a second after that. */
const BURST = 100;
const PER_SECOND = 20;

const SEVERITY: Readonly<Record<LoggingLevel, number>> = {
  debug: 0,
  info: 1,
  notice: 2,
  warning: 3,
  error: 4,
  critical: 5,
  alert: 6,
  emergency: 7,
};

/** Sends the notifications of one call that its client asked for. Its owner sends nothing after `end`. */
export class CallNotifications {
  readonly #options: CallNotificationsOptions;
  #unwritten = 0;
  #dropped = 0;
  #allowance = BURST;
  #filledAt = performance.now();
  /** Log messages beyond the rate. */
  #leftOut = 0;
  /** The last progress that was beyond the rate: what the client needs to know at the end. */
  #heldProgress: NotificationMessage | undefined;
  /** The protocol requires that progress increases. */
  #progress = -Infinity;

  constructor(options: CallNotificationsOptions) {
    this.#options = options;
  }

  send(notification: CallNotification): void {
    const message = notification.kind === 'log' ? this.#toLogMessage(notification) : this.#toProgress(notification);
    if (message === undefined) return;
    const isProgress = notification.kind === 'progress';
    if (this.#takeTurn()) {
      if (isProgress) this.#heldProgress = undefined;
      this.#writeIfRead(message);
    } else if (isProgress) this.#heldProgress = message;
    else this.#leftOut += 1;
  }

  /** Sends the last progress if it was held back, and says how many messages were left out. A call that is not answered sends nothing more. */
  end(): void {
    const { logger, context } = this.#options;
    if (!context.mcpReq.signal.aborted) {
      if (this.#heldProgress !== undefined) this.#writeIfRead(this.#heldProgress);
      const text = `${this.#leftOut} more messages were left out: a call may send ${BURST} at once and ${PER_SECOND} a second after that`;
      const message = this.#toLogMessage({ kind: 'log', level: 'warning', message: text });
      if (this.#leftOut > 0 && message !== undefined) this.#writeIfRead(message);
    }
    if (this.#leftOut > 0) logger.debug({ left_out: this.#leftOut }, 'a call sent too many messages to its client');
    if (this.#dropped > 0) logger.debug({ dropped: this.#dropped }, 'a client did not read notifications of a call');
  }

  #takeTurn(): boolean {
    const now = performance.now();
    this.#allowance = Math.min(BURST, this.#allowance + ((now - this.#filledAt) / 1000) * PER_SECOND);
    this.#filledAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }

  #writeIfRead(message: NotificationMessage): void {
    if (this.#unwritten >= MAX_UNWRITTEN) this.#dropped += 1;
    else this.#write(message);
  }

  #write(message: NotificationMessage): void {
    const { notify, logger } = this.#options;
    const written = notify(message);
    if (written === undefined) return;
    this.#unwritten += 1;
    written
      .catch((error: unknown) => logger.debug({ err: error }, 'notification not sent'))
      .finally(() => {
        this.#unwritten -= 1;
      });
  }

  #toLogMessage(notification: CallNotification & { kind: 'log' }): NotificationMessage | undefined {
    const { level, message, data } = notification;
    const threshold = this.#threshold();
    if (threshold === 'none' || SEVERITY[level] < SEVERITY[threshold]) return undefined;
    const { scrubber } = this.#options;
    const text = scrubber.scrub(message);
    const isPlain = data === undefined || data === null;
    const logger = clip(this.#options.target, MAX_LOGGER_LENGTH);
    const params = { level, logger, data: isPlain ? text : { message: text, data: scrubber.scrubData(data) } };
    return { method: 'notifications/message', params };
  }

  /** Without a token the client could not assign the progress to a call. Progress that is no further than the last one is left out. */
  #toProgress(notification: CallNotification & { kind: 'progress' }): NotificationMessage | undefined {
    const { progress, total, message } = notification;
    const { context, scrubber } = this.#options;
    const { _meta: meta } = context.mcpReq;
    const progressToken = meta?.progressToken;
    if (progressToken === undefined || progress <= this.#progress) return undefined;
    this.#progress = progress;
    const params = {
      progressToken,
      progress,
      ...(total !== undefined && { total }),
      ...(message !== undefined && { message: scrubber.scrub(message) }),
    };
    return { method: 'notifications/progress', params };
  }

  /** A request of protocol 2026-07-28 names its level itself; without one it wants no log messages. */
  #threshold(): LoggingLevel | 'none' {
    const { context, level } = this.#options;
    const { envelope } = context.mcpReq;
    if (envelope === undefined) return level ?? 'debug';
    const wanted: unknown = Reflect.get(envelope, LOG_LEVEL_META_KEY);
    return isLoggingLevel(wanted) ? wanted : 'none';
  }
}

function isLoggingLevel(value: unknown): value is LoggingLevel {
  return typeof value === 'string' && Object.hasOwn(SEVERITY, value);
}

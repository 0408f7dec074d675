import { LOG_LEVEL_META_KEY, type LoggingLevel, type ServerContext } from '@modelcontextprotocol/server';
import type { Logger, Scrubber } from '../logging/index.js';
import type { CallNotification } from '../python/index.js';

/** What a call tells its client before it is answered, as both eras of the protocol know it. */
export type NotificationMessage =
  | { readonly method: 'notifications/message'; readonly params: Record<string, unknown> }
  | { readonly method: 'notifications/progress'; readonly params: Record<string, unknown> };

/** Hands a message to the client; a promise settles when it is written. Absent when the client takes none. */
export type Notify = (message: NotificationMessage) => void | Promise<void>;

export interface CallNotificationsOptions {
  readonly notify: Notify | undefined;
  /** What the client asked for with `logging/setLevel`; undefined when it never did, and then it gets everything. */
  readonly level: LoggingLevel | undefined;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

/** Messages of one call that may wait to be written: a client that does not read must not make the server grow. */
const MAX_UNWRITTEN = 256;

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

/** Sends what one call tells its client, as far as the client asked for it. After `end` nothing is sent any more. */
export class CallNotifications {
  readonly #options: CallNotificationsOptions;
  readonly #context: ServerContext;
  #notify: Notify | undefined;
  #unwritten = 0;
  #dropped = 0;

  constructor(context: ServerContext, options: CallNotificationsOptions) {
    this.#context = context;
    this.#options = options;
    this.#notify = options.notify;
  }

  readonly send = (notification: CallNotification): void => {
    const message =
      notification.kind === 'log' ? this.#toLogMessage(notification) : this.#toProgress(notification);
    if (message === undefined || this.#notify === undefined) return;
    if (this.#unwritten >= MAX_UNWRITTEN) this.#dropped += 1;
    else this.#write(message, this.#notify);
  };

  /** The answer goes out next, and nothing about the call may follow it. */
  end(): void {
    this.#notify = undefined;
    if (this.#dropped > 0)
      this.#options.logger.debug({ dropped: this.#dropped }, 'a client did not read what a call told it');
  }

  #write(message: NotificationMessage, notify: Notify): void {
    const written = notify(message);
    if (written === undefined) return;
    this.#unwritten += 1;
    written
      .catch((error: unknown) => this.#options.logger.debug({ err: error }, 'notification not sent'))
      .finally(() => {
        this.#unwritten -= 1;
      });
  }

  #toLogMessage({
    level,
    message,
    data,
  }: CallNotification & { readonly kind: 'log' }): NotificationMessage | undefined {
    const threshold = this.#threshold();
    if (threshold === 'none' || SEVERITY[level] < SEVERITY[threshold]) return undefined;
    const { scrubber } = this.#options;
    const text = scrubber.scrub(message);
    const isPlain = data === undefined || data === null;
    const params = { level, data: isPlain ? text : { message: text, data: scrubber.scrubData(data) } };
    return { method: 'notifications/message', params };
  }

  /** Only a client that sent a token can tell which call a progress belongs to. */
  #toProgress({
    progress,
    total,
    message,
  }: CallNotification & { readonly kind: 'progress' }): NotificationMessage | undefined {
    const { _meta: meta } = this.#context.mcpReq;
    const progressToken = meta?.progressToken;
    if (progressToken === undefined) return undefined;
    const params = {
      progressToken,
      progress,
      ...(total !== undefined && { total }),
      ...(message !== undefined && { message: this.#options.scrubber.scrub(message) }),
    };
    return { method: 'notifications/progress', params };
  }

  /** A 2026 request says in itself what it wants to hear, and without that it wants nothing. */
  #threshold(): LoggingLevel | 'none' {
    const { envelope } = this.#context.mcpReq;
    if (envelope === undefined) return this.#options.level ?? 'debug';
    const wanted: unknown = Reflect.get(envelope, LOG_LEVEL_META_KEY);
    return isLoggingLevel(wanted) ? wanted : 'none';
  }
}

function isLoggingLevel(value: unknown): value is LoggingLevel {
  return typeof value === 'string' && Object.hasOwn(SEVERITY, value);
}

import type { Server } from '@modelcontextprotocol/server';
import type { Logger } from '../../logging/index.js';
import { LegacySession } from './legacy-session.js';

export interface LegacySessionsOptions {
  readonly createServer: () => Server;
  readonly maxSessions: number;
  /** A session without requests and streams for this long has ended; its client gets 404 and initializes again. */
  readonly idleMs: number;
  readonly logger: Logger;
}

/**
 * The sessions of clients of the 2025 protocols. Their number is bounded: when it is reached, the one that was unused
 * longest gives way, and when all are in use a new client is refused.
 */
export class LegacySessions {
  readonly #options: LegacySessionsOptions;
  readonly #sessions = new Map<string, LegacySession>();
  readonly #expiry: NodeJS.Timeout;

  constructor(options: LegacySessionsOptions) {
    this.#options = options;
    this.#expiry = setInterval(() => this.#expire(), Math.max(10, options.idleMs / 10)).unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  find(id: string): LegacySession | undefined {
    return this.#sessions.get(id);
  }

  /** A session for an `initialize`. It counts once the SDK has accepted that. `undefined` when there is no room. */
  async open(): Promise<LegacySession | undefined> {
    if (!this.#makeRoom()) return undefined;
    return LegacySession.open(this.#options.createServer(), {
      onInitialized: (session) => this.#sessions.set(session.id, session),
      onClosed: (session) => this.#sessions.delete(session.id),
    });
  }

  async notifyListChanged(notify: (server: Server) => Promise<void>): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.notifyListChanged(notify)));
  }

  closeStreams(): void {
    for (const session of this.#sessions.values()) session.closeStream();
  }

  async close(): Promise<void> {
    clearInterval(this.#expiry);
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }

  #makeRoom(): boolean {
    if (this.#sessions.size < this.#options.maxSessions) return true;
    const unused = [...this.#sessions.values()].filter(({ running }) => running === 0);
    const oldest = unused.toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    if (oldest === undefined) return false;
    this.#end(oldest, 'made room for a new session');
    return true;
  }

  #expire(): void {
    const before = performance.now() - this.#options.idleMs;
    for (const session of this.#sessions.values()) {
      if (session.running === 0 && session.lastUsed < before) this.#end(session, 'session expired');
    }
  }

  #end(session: LegacySession, why: string): void {
    this.#sessions.delete(session.id);
    this.#options.logger.debug({ sessions: this.#sessions.size }, why);
    session.close().catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, 'session could not be closed');
    });
  }
}

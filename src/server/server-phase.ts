import { MxcpError } from '../errors/index.js';

export type Phase = 'starting' | 'serving' | 'closing';

/** Where the server is in its life, and what it does at the moment while it starts. */
export class ServerPhase {
  readonly startedAt = new Date();
  readonly #startedAtMs = performance.now();
  #current: Phase = 'starting';
  #activity = 'starting';

  get current(): Phase {
    return this.#current;
  }

  /** What a start-up probe is told, e.g. `resolving references`. */
  get activity(): string {
    return this.#activity;
  }

  get uptimeSeconds(): number {
    return Math.floor((performance.now() - this.#startedAtMs) / 1000);
  }

  startActivity(activity: string): void {
    this.#activity = activity;
  }

  serve(): void {
    if (this.#current === 'starting') this.#current = 'serving';
  }

  close(): void {
    this.#current = 'closing';
  }

  startingError(): MxcpError {
    return new MxcpError('server_starting', `the server is still starting (${this.#activity}); try again`, {
      retryAfterSeconds: 1,
    });
  }
}

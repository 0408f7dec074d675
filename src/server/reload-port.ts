import type { AdminPorts } from '../admin/index.js';
import { MxcpError } from '../errors/index.js';
import type { ServerContext } from './server-context.js';
import type { Running } from './start-serving.js';

/** Requests that may come at once, after a pause. */
const BURST = 10;

/** Reloads as the admin API asks for them: limited in their number, unlike those of signals and changed files, which share runs. */
export function createReloadPort(context: ServerContext, serving: () => Running): AdminPorts['reloads'] {
  const rate = new ReloadRate(context.settings.reloadRateLimit);
  return {
    request: (options) => {
      // First, so that a request which the server cannot take now does not count.
      const { coordinator } = serving();
      coordinator.assertOpen();
      rate.take();
      return context.reload(options);
    },
    find: (id) => serving().coordinator.find(id),
    list: (limit) => serving().coordinator.list(limit),
    cancel: (id) => serving().coordinator.cancel(id),
  };
}

/** A bucket of tokens that fills at an even rate. */
export class ReloadRate {
  readonly #perMinute: number;
  #tokens = BURST;
  #filledAt = performance.now();

  /** 0 for no limit. */
  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Throws `reload_rate_limited` with the seconds after which one request may come. */
  take(): void {
    if (this.#perMinute === 0) return;
    const perMs = this.#perMinute / 60_000;
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#filledAt) * perMs);
    this.#filledAt = now;
    if (this.#tokens < 1) {
      const message = `more than ${this.#perMinute} reloads a minute were asked for; wait, or raise \`--reload-rate-limit\``;
      const retryAfterSeconds = Math.ceil((1 - this.#tokens) / perMs / 1000);
      throw new MxcpError('reload_rate_limited', message, { retryAfterSeconds });
    }
    this.#tokens -= 1;
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MxcpError, toOneLine } from '../errors/index.js';
import { Backoff } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { canHeal } from '../secrets/index.js';
import type { ServerPhase } from './readiness.js';

const LIMITS = { firstMs: 500, longestMs: 10_000 } as const;

export interface WaitForSecretsParts {
  /** 0 disables waiting. */
  readonly waitMs: number;
  readonly phase: ServerPhase;
  readonly logger: Logger;
  readonly stopped: AbortSignal;
}

/**
 * Loads the configuration, and tries again for some time when references have no value yet and may have one later: the
 * store is down, a file is not there. Throws what `load` throws at once when time mends nothing, and its last error when
 * the time is over.
 */
export async function waitForSecrets<T>(load: () => Promise<T>, parts: WaitForSecretsParts): Promise<T> {
  const { waitMs, phase, logger, stopped } = parts;
  const deadline = performance.now() + waitMs;
  const backoff = new Backoff(LIMITS);
  const told = new Set<string>();
  for (;;) {
    try {
      return await load();
    } catch (error) {
      const leftMs = deadline - performance.now();
      if (!canHeal(error) || leftMs <= 0) throw error;
      const reason = toOneLine(messageOf(error));
      phase.startActivity(`waiting for secrets: ${reason}`);
      if (!told.has(reason)) {
        const left = `${Math.ceil(leftMs / 1000)}s`;
        logger.warn({ component: 'secrets', tries_for: left, reason }, 'waiting for secrets');
      }
      told.add(reason);
      // Cut short by a stop, which the next lines tell.
      await delay(Math.min(backoff.next(), leftMs), undefined, { signal: stopped }).catch(() => {});
      if (stopped.aborted)
        throw new MxcpError('server_closing', 'the server was stopped while it waited for secrets', {
          cause: error,
        });
    }
  }
}

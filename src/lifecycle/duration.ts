const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Longer than this, Node's timers overflow and fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** The longest wait for the end of a reload that a caller can ask for, and what a dry run gets without one. */
export const MAX_WAIT_MS = 10 * 60_000;

/**
 * Reads `500ms`, `30s`, `2m`, `1h`, `1.5s`, or a bare number of seconds, as milliseconds; `undefined` for anything else,
 * and for more than a timer can wait (24 days).
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h)?$/i.exec(text.trim());
  const unitMs = UNIT_MS[match?.[2]?.toLowerCase() ?? 's'];
  if (match === null || unitMs === undefined) return undefined;
  const durationMs = Math.round(Number(match[1]) * unitMs);
  return durationMs <= LONGEST_TIMER_MS ? durationMs : undefined;
}

/** `2h12m35s`: hours are never folded into days, and every part is always there. */
export function formatUptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m${whole % 60}s`;
}

export interface BackoffLimits {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** How long to wait after each failure in a row: twice as long every time, up to a limit. */
export class Backoff {
  readonly #limits: BackoffLimits;
  #failures = 0;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and answers with the wait that follows it. */
  next(): number {
    const { firstMs, longestMs } = this.#limits;
    // Bounded before it is multiplied: a power of two beyond a thousand is infinite.
    const doubled = firstMs * 2 ** Math.min(this.#failures, 30);
    this.#failures += 1;
    return withJitter(Math.min(doubled, longestMs));
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** A tenth more or less, so that many servers with one clock do not all ask at the same moment. */
export function withJitter(durationMs: number): number {
  return Math.round(durationMs * (0.9 + Math.random() * 0.2));
}

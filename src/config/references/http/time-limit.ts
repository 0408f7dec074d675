import { setMaxListeners } from 'node:events';

/** The time that a piece of work has; both say the same. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

/** At most so long, and not longer than `signal` allows. */
export function limitTime(durationMs: number, signal?: AbortSignal): TimeLimit {
  const deadline = AbortSignal.timeout(durationMs);
  const both = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  // Hundreds of references wait at the same signal, which is no leak.
  setMaxListeners(0, both);
  return { signal: both, endsAt: performance.now() + durationMs };
}

/** A limit within another, so that there is time left to say what happened. */
export function partOf(limit: TimeLimit, part: number): TimeLimit {
  return limitTime(Math.max(1, Math.floor((limit.endsAt - performance.now()) * part)), limit.signal);
}

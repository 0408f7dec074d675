import { deadlineIn } from '../../../lifecycle/index.js';

/** The time that a piece of work has; both say the same. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

/** At most so long, and not longer than `signal` allows. */
export function limitTime(durationMs: number, signal?: AbortSignal): TimeLimit {
  return { signal: deadlineIn(durationMs, signal), endsAt: performance.now() + durationMs };
}

/** A limit within another, so that there is time left to say what happened. */
export function partOf(limit: TimeLimit, part: number): TimeLimit {
  return limitTime(Math.max(1, Math.floor((limit.endsAt - performance.now()) * part)), limit.signal);
}

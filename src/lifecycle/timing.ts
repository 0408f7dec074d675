import { setMaxListeners } from 'node:events';

/** Its creator disposes it when nothing waits for it any longer: until it aborts, it has a timer and a listener on its parent. */
export type Deadline = AbortSignal & {
  /** After this it never aborts. */
  dispose(): void;
};

/**
 * A signal that aborts after `durationMs`, or together with `parent` and with its reason. It does not keep the process alive,
 * and removes its listener from the parent when it aborts. `AbortSignal.any([parent, AbortSignal.timeout(ms)])` does not work:
 * it holds its parts weakly, so garbage collection can remove the timer and it never aborts (Node 20; nodejs/node#57736).
 */
export function deadlineIn(durationMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  // Hundreds of waits may share one deadline, which is no leak.
  setMaxListeners(0, signal);
  if (parent?.aborted === true) {
    controller.abort(parent.reason);
    return Object.assign(signal, { dispose: () => undefined });
  }
  const dispose = (): void => {
    clearTimeout(timer);
    parent?.removeEventListener('abort', onParent);
  };
  const end = (reason: unknown): void => {
    dispose();
    controller.abort(reason);
  };
  const onParent = (): void => end(parent?.reason);
  const timer = setTimeout(() => end(new DOMException('The time ran out', 'TimeoutError')), durationMs).unref();
  parent?.addEventListener('abort', onParent, { once: true });
  return Object.assign(signal, { dispose });
}

/** DuckDB hears an interrupt between two steps of a query. One step may take minutes, such as the read of a named pipe. */
const HEARING_MS = 2000;

type EndedBy = 'caller' | 'time limit' | 'server';

/** Ends one call when its caller, its time limit or the server says so. Disposed when the call ends. */
export class CallDeadline {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;
  readonly #unheard = new AbortController();
  /** Aborts, for the same reason, when the work has had the time to hear `signal`. */
  readonly unheard: AbortSignal = this.#unheard.signal;
  readonly #callerSignal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  readonly #onCallerAbort = (): void => this.#end('caller', this.#callerSignal.reason);
  #endedBy: EndedBy | undefined;

  /** A limit of 0 is none. */
  constructor(callerSignal: AbortSignal, timeoutMs: number) {
    this.#callerSignal = callerSignal;
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#end('time limit'), timeoutMs);
    if (callerSignal.aborted) this.#onCallerAbort();
    else callerSignal.addEventListener('abort', this.#onCallerAbort, { once: true });
  }

  /** What ended the call first; undefined while nothing has. */
  get endedBy(): EndedBy | undefined {
    return this.#endedBy;
  }

  /** Ends the call for a reason of the server. Idempotent. */
  interrupt(): void {
    this.#end('server');
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort);
  }

  #end(by: EndedBy, reason?: unknown): void {
    if (this.signal.aborted) return;
    this.#endedBy = by;
    this.#controller.abort(reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#unheard.abort(this.signal.reason), HEARING_MS);
  }
}

/** The remaining time of some work, as a signal and as a moment. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

/** Ends after `durationMs`, or earlier with `signal`. */
export function limitTime(durationMs: number, signal?: AbortSignal): TimeLimit {
  return { signal: deadlineIn(durationMs, signal), endsAt: performance.now() + durationMs };
}

/** A limit within another one, so that there is time left to report what happened. */
export function partOf(limit: TimeLimit, part: number): TimeLimit {
  return limitTime(Math.max(1, Math.floor((limit.endsAt - performance.now()) * part)), limit.signal);
}

/**
 * Resolves with the result of `work`, or with undefined when the limit (milliseconds or a signal) comes first. A limit in
 * milliseconds keeps the process alive. The caller ends the work that is still running.
 */
export function within<T>(work: Promise<T>, limit: number | AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = onLimit(limit, () => resolve(undefined));
    void work.then(resolve, reject).finally(stop);
  });
}

/** Like `within`, but rejects with the signal's reason when that aborts first. */
export function raceSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = onLimit(signal, () => reject(signal.reason));
    void work.then(resolve, reject).finally(stop);
  });
}

export interface Wait {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Errors for the caller whose wait ends first. */
  readonly timedOut: () => Error;
  readonly closed: () => Error;
}

/** Throws what `timedOut` makes when the time runs out, and what `closed` makes when the signal ends the wait. */
export async function endedWithin<T>(work: (signal: AbortSignal) => Promise<T>, wait: Wait): Promise<T> {
  const deadline = deadlineIn(wait.waitMs, wait.signal);
  try {
    return await raceSignal(work(deadline), deadline);
  } catch (error) {
    if (!deadline.aborted) throw error;
    throw wait.signal.aborted ? wait.closed() : wait.timedOut();
  } finally {
    deadline.dispose();
  }
}

/** Returns a function that cancels it. */
function onLimit(limit: number | AbortSignal, end: () => void): () => void {
  if (typeof limit === 'number') {
    const timer = setTimeout(end, limit);
    return () => clearTimeout(timer);
  }
  if (limit.aborted) end();
  else limit.addEventListener('abort', end, { once: true });
  return () => limit.removeEventListener('abort', end);
}

/** How long all synchronous work together may occupy one turn of the event loop, in milliseconds. */
const TURN_MS = 1;

/** Work that waits for its turn, in order. Shared by the whole process, as is the event loop. */
const waiting: (() => void)[] = [];
let turnStartedAt: number | undefined;

/**
 * Lets long synchronous work share the event loop: check `isSpent` between small pieces and then `renew()`, or just await
 * `spend()`. All work of the process shares one budget and takes turns, so twenty large results at once delay a probe no longer
 * than one does.
 */
export class EventLoopBudget {
  get isSpent(): boolean {
    const now = performance.now();
    if (turnStartedAt === undefined) {
      turnStartedAt = now;
      setImmediate(endTurn);
    }
    return now - turnStartedAt >= TURN_MS;
  }

  /** Lets everything else that is ready run first, including other work that waits for its turn. */
  renew(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(giveTurn);
    });
  }

  async spend(): Promise<void> {
    if (this.isSpent) await this.renew();
  }
}

function endTurn(): void {
  turnStartedAt = undefined;
}

/** One piece of waiting work in each turn of the loop, so that incoming requests are read between two of them. */
function giveTurn(): void {
  const next = waiting.shift();
  turnStartedAt = undefined;
  next?.();
  if (waiting.length > 0) setImmediate(giveTurn);
}

/**
 * Runs `work` on up to `limit` items at once and returns the results in the order of the items. Rejects with the first failure.
 * Works in batches: if a new item began whenever one ended, results would arrive one by one and each would wake the event loop (a
 * start with a thousand files took a tenth longer on two processors).
 */
export async function mapParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += limit) {
    const batch = items.slice(start, start + limit);
    results.push(...(await Promise.all(batch.map(work))));
  }
  return results;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Node's timers overflow beyond this and fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** The longest wait for the end of a reload that a caller can request, and the default for a dry run. */
export const MAX_WAIT_MS = 10 * 60_000;

/**
 * Reads `500ms`, `30s`, `2m`, `1h`, `1.5s`, or a bare number of seconds, as milliseconds. Undefined for anything else and for
 * more than a timer can wait (24 days).
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h)?$/i.exec(text.trim());
  const unitMs = UNIT_MS[match?.[2]?.toLowerCase() ?? 's'];
  if (match === null || unitMs === undefined) return undefined;
  const durationMs = Math.round(Number(match[1]) * unitMs);
  return durationMs <= LONGEST_TIMER_MS ? durationMs : undefined;
}

/** `2h12m35s`: hours are never converted to days, and every part is always present. */
export function formatUptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m${whole % 60}s`;
}

/** The wait after each failure in a row: doubled every time, up to a limit. */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  #failures = 0;

  constructor({ firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number }) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns the wait that follows it. */
  next(): number {
    // The exponent is bounded: a power of two beyond a thousand is infinite.
    const doubled = this.#firstMs * 2 ** Math.min(this.#failures, 30);
    this.#failures += 1;
    return withJitter(Math.min(doubled, this.#longestMs));
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** Up to a tenth more or less, so that many servers with synchronised clocks do not all send requests at the same moment. */
export function withJitter(durationMs: number): number {
  return Math.round(durationMs * (0.9 + Math.random() * 0.2));
}

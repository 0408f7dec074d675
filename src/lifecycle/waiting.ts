import { setMaxListeners } from 'node:events';

/** Disposed by whoever made it, as soon as nobody waits any more: until it aborts it holds a timer, and its parent holds it. */
export type Deadline = AbortSignal & {
  /** From now on it does not abort. */
  dispose(): void;
};

/**
 * A signal that aborts after this many milliseconds, or as soon as `parent` does and with its reason. It keeps no process
 * alive, and lets go of its parent when it aborts. Not `AbortSignal.any([parent, AbortSignal.timeout(ms)])`: that holds
 * its parts weakly, so a collection of garbage takes the timer away and it never aborts (Node 20; nodejs/node#57736).
 */
export function deadlineIn(durationMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  // Hundreds may wait for the same deadline, which is no leak.
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
  const timer = setTimeout(
    () => end(new DOMException('The time ran out', 'TimeoutError')),
    durationMs,
  ).unref();
  parent?.addEventListener('abort', onParent, { once: true });
  return Object.assign(signal, { dispose });
}

/**
 * What `work` gives, or undefined when the limit, a time in milliseconds or a signal, comes first. Such a time keeps the
 * process alive. What the work does after that is the caller's to end.
 */
export function within<T>(work: Promise<T>, limit: number | AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = onLimit(limit, () => resolve(undefined));
    void work.then(resolve, reject).finally(stop);
  });
}

/** As `within`, but rejects with the signal's reason when that aborts first. */
export function raceSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = onLimit(signal, () => reject(signal.reason));
    void work.then(resolve, reject).finally(stop);
  });
}

/** Answers with what takes it back. */
function onLimit(limit: number | AbortSignal, end: () => void): () => void {
  if (typeof limit === 'number') {
    const timer = setTimeout(end, limit);
    return () => clearTimeout(timer);
  }
  if (limit.aborted) end();
  else limit.addEventListener('abort', end, { once: true });
  return () => limit.removeEventListener('abort', end);
}

/** How long all synchronous work together may keep one turn of the event loop, in milliseconds. */
const TURN_MS = 1;

/** Everybody who waits for a turn, in order. Shared by the whole process, as the event loop is. */
const waiting: (() => void)[] = [];
let turnStartedAt: number | undefined;

/**
 * Lets long synchronous work share the event loop: ask `isSpent` between small pieces and `renew()` when it says so, or
 * just await `spend()`. All work of the process spends from one budget, and those who renew take turns: twenty large
 * results at once keep a probe waiting no longer than one does.
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

  /** Lets everything else that is ready run first, others who wait for a turn included. */
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

/** One of those who wait in each turn of the loop: incoming requests are looked at between two of them. */
function giveTurn(): void {
  const next = waiting.shift();
  turnStartedAt = undefined;
  next?.();
  if (waiting.length > 0) setImmediate(giveTurn);
}

/**
 * As many of `items` at once as `limit` allows; the results in the order of the items. Rejects with the first failure. In
 * batches: with a new one begun whenever one ends, the answers come one by one, and each wakes the event loop (a start with a
 * thousand files took a tenth longer on two processors).
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

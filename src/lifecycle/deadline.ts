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

import { getEventListeners, once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { deadlineIn } from '../../../src/lifecycle/index.js';

setFlagsFromString('--expose-gc');
// What the flag adds to new contexts.
const collectGarbage = runInNewContext('gc') as () => void;

describe('a deadline', () => {
  it('aborts when its time has come, however often garbage was collected before', async () => {
    const signal = deadlineIn(50, new AbortController().signal);
    const aborted = once(signal, 'abort');
    for (let round = 0; round < 3; round += 1) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    // A timer that keeps this process alive until the deadline, which does not.
    const alive = setInterval(() => undefined, 1000);
    await aborted;
    clearInterval(alive);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('aborts with its parent, for the reason of the parent', () => {
    const parent = new AbortController();
    const signal = deadlineIn(60_000, deadlineIn(60_000, parent.signal));
    const reason = new Error('stopped');
    parent.abort(reason);
    expect(signal.reason).toBe(reason);
    expect(deadlineIn(60_000, parent.signal).reason).toBe(reason);
  });

  it('that was disposed holds no timer and no listener, and does not abort', () => {
    vi.useFakeTimers();
    try {
      const parent = new AbortController();
      const deadline = deadlineIn(1000, parent.signal);
      deadline.dispose();
      deadline.dispose();
      expect(vi.getTimerCount()).toBe(0);
      expect(getEventListeners(parent.signal, 'abort')).toEqual([]);
      parent.abort();
      expect(deadline.aborted).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});

import { describe, expect, test } from 'vitest';
import { CallDeadline } from '../../../src/lifecycle/timing.js';

function createDeadline() {
  const caller = new AbortController();
  const deadline = new CallDeadline(caller.signal, 0);
  return { caller, deadline };
}

describe('what ended a call first is what counts', () => {
  test('the server, also when it says so again', () => {
    const { caller, deadline } = createDeadline();
    deadline.interrupt();
    deadline.interrupt();
    caller.abort();
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.endedBy).toBe('server');
  });

  test('its caller, whatever the server says later', () => {
    const { caller, deadline } = createDeadline();
    caller.abort(new Error('gone'));
    deadline.interrupt();
    expect(deadline.endedBy).toBe('caller');
    expect(deadline.signal.reason).toEqual(new Error('gone'));
  });
});

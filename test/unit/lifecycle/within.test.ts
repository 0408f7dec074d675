import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { raceSignal, within } from '../../../src/lifecycle/index.js';

const never = (): Promise<string> => new Promise(() => {});
const failing = (): Promise<string> => Promise.reject(new Error('failed'));

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('within a time', () => {
  it('gives what the work gives, and leaves no timer', async () => {
    expect(await within(Promise.resolve('done'), 1000)).toBe('done');
    await expect(within(failing(), 1000)).rejects.toThrow('failed');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives nothing when the time has come', async () => {
    const given = within(never(), 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await given).toBe(undefined);
  });

  it('handles a failure that comes later, so that it does not end the process', async () => {
    const { promise, fail } = failingLater();
    const given = within(promise, 1000);
    await vi.advanceTimersByTimeAsync(1000);
    fail();
    expect(await given).toBe(undefined);
  });
});

describe('a race with a signal', () => {
  it('is won by the work, and leaves no listener', async () => {
    const { signal } = new AbortController();
    expect(await raceSignal(Promise.resolve('done'), signal)).toBe('done');
    expect(await within(Promise.resolve('done'), signal)).toBe('done');
    await expect(raceSignal(failing(), signal)).rejects.toThrow('failed');
    await expect(within(failing(), signal)).rejects.toThrow('failed');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is won by the signal, also by one that has aborted already', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const before = [raceSignal(never(), signal), within(never(), signal)] as const;
    controller.abort(new Error('stopped'));
    await expect(before[0]).rejects.toThrow('stopped');
    expect(await before[1]).toBe(undefined);
    await expect(raceSignal(failing(), signal)).rejects.toThrow('stopped');
    expect(await within(failing(), signal)).toBe(undefined);
  });

  it('without a signal is the work', async () => {
    expect(await raceSignal(Promise.resolve('done'), undefined)).toBe('done');
  });
});

function failingLater(): { readonly promise: Promise<string>; readonly fail: () => void } {
  let fail = (): void => undefined;
  const promise = new Promise<string>((_resolve, reject) => {
    fail = () => reject(new Error('failed late'));
  });
  return { promise, fail };
}

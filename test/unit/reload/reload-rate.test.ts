import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ReloadRate } from '../../../src/server/reload-triggers.js';

describe('the rate of reloads', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const take = (rate: ReloadRate, count: number): void => {
    for (let taken = 0; taken < count; taken += 1) rate.take();
  };

  test('is ten at once, then as many as the minute allows', () => {
    const rate = new ReloadRate(30);
    take(rate, 10);
    expect(() => rate.take()).toThrow(expect.objectContaining({ code: 'reload_rate_limited', retryAfterSeconds: 2 }));
    vi.advanceTimersByTime(1_999);
    expect(() => rate.take()).toThrow();
    vi.advanceTimersByTime(2);
    take(rate, 1);
    expect(() => rate.take()).toThrow();
  });

  test('never saves up more than ten', () => {
    const rate = new ReloadRate(60);
    vi.advanceTimersByTime(3_600_000);
    take(rate, 10);
    expect(() => rate.take()).toThrow();
  });

  test('has no limit with 0', () => {
    take(new ReloadRate(0), 1000);
  });
});

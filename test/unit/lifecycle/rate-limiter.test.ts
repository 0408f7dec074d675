import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../../src/lifecycle/index.js';

const limit = { calls: 3, perMs: 60_000 };
const of = (key: string, name = 'a') => ({ name, key, limit });

describe('a rate limit', () => {
  it('lets as many calls through at once as it allows, then one whenever its part of the time has passed', () => {
    const limiter = new RateLimiter();
    for (let call = 0; call < 3; call += 1) expect(limiter.take([of('ada')], 1000)).toBeUndefined();
    expect(limiter.take([of('ada')], 1000)).toMatchObject({ retryAfterMs: 20_000 });
    expect(limiter.take([of('ada')], 20_999)).toMatchObject({ retryAfterMs: 1 });
    expect(limiter.take([of('ada')], 21_000)).toBeUndefined();
    expect(limiter.take([of('ada')], 21_000)).toMatchObject({ retryAfterMs: 20_000 });
    expect(limiter.take([of('bob')], 21_000)).toBeUndefined();
  });

  it('counts a call that another limit refuses against none', () => {
    const limiter = new RateLimiter();
    const both = [of('ada', 'server'), { ...of('ada', 'tool'), limit: { calls: 1, perMs: 5000 } }];
    expect(limiter.take(both, 0)).toBeUndefined();
    for (let call = 0; call < 10; call += 1)
      expect(limiter.take(both, 0)).toMatchObject({ counted: { name: 'tool' }, retryAfterMs: 5000 });
    for (let call = 0; call < 2; call += 1) expect(limiter.take([of('ada', 'server')], 0)).toBeUndefined();
    expect(limiter.take(both, 0)).toMatchObject({ counted: { name: 'server' }, retryAfterMs: 20_000 });
  });

  it('that a reload has made narrower makes no caller wait longer than for an empty bucket', () => {
    const limiter = new RateLimiter();
    const before = { name: 'a', key: 'ada', limit: { calls: 1, perMs: 3_600_000 } };
    expect(limiter.take([before], 0)).toBeUndefined();
    expect(limiter.take([of('ada')], 0)).toMatchObject({ retryAfterMs: 20_000 });
    expect(limiter.take([of('ada')], 20_000)).toBeUndefined();
  });

  it('is kept for a limited number of keys; further ones share one bucket, and none is reset', () => {
    const limiter = new RateLimiter({ maxKeysOfOneLimit: 100, maxKeys: 150 });
    for (let call = 0; call < 3; call += 1) limiter.take([of('ada')], 0);
    for (let key = 0; key < 10_000; key += 1) limiter.take([of(`key ${key}`)], 1);
    expect(limiter.size).toBeLessThanOrEqual(100);
    expect(limiter.take([of('ada')], 2)).toBeDefined();
    expect(limiter.take([of('new')], 2)).toBeDefined();
    for (let key = 0; key < 10_000; key += 1) limiter.take([of(`key ${key}`, 'b')], 3);
    expect(limiter.size).toBeLessThanOrEqual(150);
    expect(limiter.take([of('new')], 100_000)).toBeUndefined();
    expect(limiter.take([of('new', 'c')], 100_000)).toBeUndefined();
    expect(limiter.size).toBeLessThanOrEqual(150);
  });

  it('admits what a bucket of tokens admits, whatever comes when', () => {
    const calls = fc.array(fc.record({ after: fc.nat(3000), key: fc.constantFrom('a', 'b', 'c') }), { maxLength: 200 });
    const limits = fc.record({ calls: fc.integer({ min: 1, max: 50 }), perMs: fc.integer({ min: 1, max: 100_000 }) });
    fc.assert(
      fc.property(calls, limits, (arrivals, rate) => {
        const limiter = new RateLimiter();
        const buckets = new Map<string, { tokens: number; at: number }>();
        let now = 5000;
        for (const { after, key } of arrivals) {
          now += after;
          const { tokens: left, at } = buckets.get(key) ?? { tokens: rate.calls, at: now };
          const tokens = Math.min(rate.calls, left + ((now - at) * rate.calls) / rate.perMs);
          const refusal = limiter.take([{ name: 'x', key, limit: rate }], now);
          // Where sums of floating point leave it open, either is right.
          if (Math.abs(tokens - 1) > 1e-6) expect(refusal === undefined).toBe(tokens > 1);
          if (refusal !== undefined) {
            const wait = ((1 - tokens) * rate.perMs) / rate.calls;
            expect(Math.abs(refusal.retryAfterMs - wait)).toBeLessThan(0.01);
          }
          buckets.set(key, { tokens: refusal === undefined ? tokens - 1 : tokens, at: now });
        }
      }),
    );
  });

  it('never admits more in any time than its calls and what the time adds, with any number of keys', () => {
    const keys = fc.array(fc.nat(300), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(keys, fc.nat(50), (order, step) => {
        const limiter = new RateLimiter({ maxKeysOfOneLimit: 20, maxKeys: 20 });
        const admitted = new Map<number, number>();
        let now = 0;
        for (const key of order) {
          now += step;
          if (limiter.take([of(String(key))], now) !== undefined) continue;
          admitted.set(key, (admitted.get(key) ?? 0) + 1);
        }
        const most = limit.calls + (now * limit.calls) / limit.perMs;
        // A key may have had a bucket of its own and, at another time, the shared one.
        for (const count of admitted.values()) expect(count).toBeLessThanOrEqual(2 * most);
        expect(limiter.size).toBeLessThanOrEqual(20);
      }),
    );
  });
});

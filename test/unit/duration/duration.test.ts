import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUptime, parseDuration } from '../../../src/lifecycle/index.js';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['10', 10_000],
    ['0', 0],
    [' 5 S ', 5000],
  ])('reads %j as %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(['', ' ', 's', '-1s', '1d', '1s2', 'ten', '1e3', '0x10', 'Infinity', '1..5s', '25d', '9999h'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('reads back every whole number of milliseconds and seconds', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000), (amount) => {
        expect(parseDuration(`${amount}ms`)).toBe(amount);
        expect(parseDuration(String(amount))).toBe(amount * 1000);
      }),
    );
  });

  it('answers any text with a duration a timer can wait, or with nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const durationMs = parseDuration(text);
        if (durationMs === undefined) return;
        expect(Number.isInteger(durationMs)).toBe(true);
        expect(durationMs).toBeGreaterThanOrEqual(0);
        expect(durationMs).toBeLessThanOrEqual(2_147_483_647);
      }),
    );
  });
});

describe('formatUptime', () => {
  it.each([
    [0, '0h0m0s'],
    [59.9, '0h0m59s'],
    [7955, '2h12m35s'],
    [360_000, '100h0m0s'],
    [-1, '0h0m0s'],
  ])('writes %d seconds as %s', (seconds, expected) => {
    expect(formatUptime(seconds)).toBe(expected);
  });
});

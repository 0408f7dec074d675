import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareExact,
  createMultipleCheck,
  isMultipleOf,
  parseExact,
  toWhole,
} from '../../../src/values/exact-numbers.js';

function parse(text: string) {
  const value = parseExact(text);
  if (value === undefined) throw new Error(`${text} is no number`);
  return value;
}

const doubles = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('exact numbers', () => {
  it.each([
    ['12', { digits: 12n, scale: 0 }],
    [' -1.50 ', { digits: -150n, scale: 2 }],
    ['+.5', { digits: 5n, scale: 1 }],
    ['5.', { digits: 5n, scale: 0 }],
    ['1.5e3', { digits: 1500n, scale: 0 }],
    ['2E-3', { digits: 2n, scale: 3 }],
  ])('%s is read', (text, expected) => {
    expect(parseExact(text)).toEqual(expected);
  });

  it.each(['', '.', '-', 'e5', '1e', '1e1000', '0x10', '1 2', 'Infinity', '1'.repeat(10_001)])('%j is none', (text) => {
    expect(parseExact(text)).toBeUndefined();
  });

  it('compare like the doubles that they are the text of', () => {
    fc.assert(
      fc.property(doubles, doubles, (a, b) => {
        const order = compareExact(parse(String(a)), parse(String(b)));
        expect([order < 0n, order > 0n]).toEqual([a < b, a > b]);
      }),
    );
  });

  it('differ in their last digit, which decides whether they are multiples', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 127n }), fc.nat({ max: 20 }), (digits, scale) => {
        const [value, next] = [
          { digits, scale },
          { digits: digits + 1n, scale },
        ];
        expect(compareExact(value, next)).toBe(-1n);
        const step = { digits: 2n, scale };
        expect([isMultipleOf(value, step), isMultipleOf(next, step)].toSorted()).toEqual([false, true]);
      }),
    );
  });

  it('are whole when only zeros follow the point', () => {
    expect(toWhole(parse('12345678901234567.00'))).toBe(12_345_678_901_234_567n);
    expect(toWhole(parse('12345678901234567.01'))).toBeUndefined();
  });
});

describe('multiples among doubles', () => {
  it.each([
    [0.01, 19.99, true],
    [0.1, 7 * 0.1, true],
    [0.1, 0.3, true],
    [0.1, 0.35, false],
    [12, 24, true],
    [12, 25, false],
  ])('of %d: %d is one: %s', (step, value, expected) => {
    expect(createMultipleCheck(step)(value)).toBe(expected);
  });
});

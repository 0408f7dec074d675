import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseIsoDate,
  parseIsoTime,
  parseIsoTimestamp,
  toIsoDate,
  toIsoDuration,
  toIsoTimestamp,
} from '../../../src/duckdb/values/iso-time.js';

const DAYS_0001_TO_9999 = { min: -719_162, max: 2_932_896 };
const MICROS_PER_DAY = 86_400_000_000n;

describe('a date', () => {
  test.each([
    [0, '1970-01-01'],
    [-1, '1969-12-31'],
    [19_782, '2024-02-29'],
    [2_932_896, '9999-12-31'],
    [2_932_897, '+010000-01-01'],
    [-719_162, '0001-01-01'],
    [-719_528, '0000-01-01'],
    [-719_529, '-000001-12-31'],
    [2_147_483_646, '+5881580-07-10'],
    [-2_147_483_646, '-5877641-06-25'],
  ])('%i days from 1970 is %s', (days, text) => {
    expect(toIsoDate(days)).toBe(text);
  });

  test('agrees with JavaScript wherever that has dates', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
        expect(toIsoDate(days)).toBe(new Date(days * 86_400_000).toISOString().split('T')[0]);
      }),
    );
  });

  test('is read back as written', () => {
    fc.assert(
      fc.property(fc.integer(DAYS_0001_TO_9999), (days) => {
        expect(parseIsoDate(toIsoDate(days))).toBe(days);
      }),
    );
  });

  test.each(['2023-02-29', '2024-13-01', '2024-00-10', '2024-1-1', '24-01-01', '2024-01-01T00:00', ' 2024-01-01', ''])(
    'is not read from %j',
    (text) => {
      expect(parseIsoDate(text)).toBeUndefined();
    },
  );
});

describe('a time of day', () => {
  test.each([
    ['00:00', 0n],
    ['23:59:59.999999', MICROS_PER_DAY - 1n],
    ['01:02:03', 3_723_000_000n],
    ['01:02:03.5', 3_723_500_000n],
    ['01:02:03.123456789', 3_723_123_456n],
    ['01:02:03Z', 3_723_000_000n],
    ['01:02:03.5+02:00', 3_723_500_000n],
    ['01:02 -0530', 3_720_000_000n],
  ])('%s is %i microseconds', (text, micros) => {
    expect(parseIsoTime(text)).toBe(micros);
  });

  test.each([
    '24:00',
    '12:60',
    '12:00:60',
    '1:00',
    '12',
    '12:00:00.',
    '12:00:00.1234567890',
    'noon',
    '12:00:00+25:00',
    '12:00:00ZZ',
    '12:00:00 UTC',
    'Z',
    '',
  ])('is not read from %j', (text) => {
    expect(parseIsoTime(text)).toBeUndefined();
  });
});

describe('a date with a time', () => {
  test.each([
    [0n, '1970-01-01T00:00:00'],
    [-1n, '1969-12-31T23:59:59.999999999'],
    [1_500_000_000n, '1970-01-01T00:00:01.5'],
    [-62_135_596_800_000_000_000n, '0001-01-01T00:00:00'],
    [9_223_372_036_854_775_807_000n, '+294247-01-10T04:00:54.775807'],
  ])('%i nanoseconds from 1970 is %s', (nanos, text) => {
    expect(toIsoTimestamp(nanos)).toBe(text);
  });

  test('is read back as written, to the microsecond, with and without a zone', () => {
    const micros = fc.bigInt({ min: -719_162n * MICROS_PER_DAY, max: 2_932_897n * MICROS_PER_DAY - 1n });
    fc.assert(
      fc.property(micros, (value) => {
        const text = toIsoTimestamp(value * 1_000n);
        expect(parseIsoTimestamp(text)).toBe(value);
        expect(parseIsoTimestamp(`${text}Z`)).toBe(value);
        expect(parseIsoTimestamp(`${text}+00:00`)).toBe(value);
      }),
    );
  });

  test.each([
    ['2024-01-02T03:04:05+02:00', '2024-01-02T01:04:05'],
    ['2024-01-02 03:04:05-0530', '2024-01-02T08:34:05'],
    ['2024-01-02t03:04+02', '2024-01-02T01:04:00'],
    ['2024-01-02T03:04:05.25z', '2024-01-02T03:04:05.25'],
    ['2024-01-02', '2024-01-02T00:00:00'],
  ])('%s is %s in UTC', (text, utc) => {
    const micros = parseIsoTimestamp(text);
    expect(micros === undefined ? undefined : toIsoTimestamp(micros * 1_000n)).toBe(utc);
  });

  test.each([
    'yesterday',
    '',
    '2024-02-30T00:00:00',
    '2024-01-02T25:00:00',
    '2024-01-02T',
    '2024-01-02T03:04:05+25:00',
    '2024-01-02T03:04:05+01:99',
    '2024-01-02T03:04:05Z+01',
    '2024-01-02Z',
    '2024-01-02T03:04:05 Europe/Berlin',
  ])('is not read from %j', (text) => {
    expect(parseIsoTimestamp(text)).toBeUndefined();
  });

  test('is rejected at once in a long text', () => {
    expect(parseIsoTimestamp(`2024-01-02T${' '.repeat(150_000)}x`)).toBeUndefined();
    expect(parseIsoTimestamp(`2024-01-02T03:04${' '.repeat(150_000)}x`)).toBeUndefined();
    expect(parseIsoTime(`03:04${' '.repeat(150_000)}x`)).toBeUndefined();
  });

  test('reads any text without throwing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(['bigint', 'undefined']).toContain(typeof parseIsoTimestamp(text));
      }),
    );
  });
});

describe('a duration', () => {
  test.each([
    [0, 0, 0n, 'PT0S'],
    [14, 3, 14_706_500_000n, 'P1Y2M3DT4H5M6.5S'],
    [12, 0, 0n, 'P1Y'],
    [0, -2, 0n, 'P-2D'],
    [-14, 0, 0n, 'P-1Y-2M'],
    [0, 0, -5_400_000_000n, 'PT-1H-30M'],
    [0, 0, 1n, 'PT0.000001S'],
    [0, 0, -1n, 'PT-0.000001S'],
    [0, 0, 360_000_000_000n, 'PT100H'],
  ])('%i months, %i days and %i microseconds are written %s', (months, days, micros, text) => {
    expect(toIsoDuration(months, days, micros)).toBe(text);
  });
});

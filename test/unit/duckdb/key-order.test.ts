import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseOrdered, toOrderedObject } from '../../../src/duckdb/values/json-values.js';

/** Keys of every kind that a parser or an object might treat in another way. */
const key = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom('0', '00', '-1', '1.5', '4294967294', '4294967295', '99999999999', '__proto__', 'toString', ''),
  fc.string({ unit: 'binary' }),
  fc.nat(2100).map((year) => `"${year}": \\`),
);
const pairs = fc.uniqueArray(fc.tuple(key, fc.jsonValue()), { selector: ([name]) => name });

function toText(entries: readonly (readonly [string, unknown])[], space = ''): string {
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}${space}:${JSON.stringify(value)}`).join(',')}}`;
}

describe('an object made of pairs', () => {
  test('is written in the order of the pairs, whatever its keys', () => {
    fc.assert(
      fc.property(pairs, (entries) => {
        expect(JSON.stringify(toOrderedObject(entries))).toBe(toText(entries));
      }),
    );
  });

  test('is an object like any other', () => {
    const object = toOrderedObject<string | number>([
      ['name', 'x'],
      ['2021', 1],
      ['2020', 2],
    ]);
    expect(Object.keys(object)).toEqual(['name', '2021', '2020']);
    expect(JSON.stringify({ ...object })).toBe('{"2020":2,"2021":1,"name":"x"}');
    expect([object['2020'], '2021' in object, Object.hasOwn(object, 'toString')]).toEqual([2, true, false]);
    expect(object).toEqual({ name: 'x', 2020: 2, 2021: 1 });
  });
});

describe('JSON that is parsed', () => {
  test('has the same value as with JSON.parse', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(JSON.parse(JSON.stringify(parseOrdered(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('keeps the order of its keys at every depth', () => {
    fc.assert(
      fc.property(pairs, pairs, fc.constantFrom('', ' ', '\n'), (outer, inner, space) => {
        const named = outer.filter(([name]) => name !== 'in');
        const toList = (between: string) =>
          `[${toText([...named, ['in', null]], between)},${between}${toText(inner, between)}]`;
        expect(JSON.stringify(parseOrdered(toList(space)))).toBe(toList(''));
      }),
    );
  });

  test('has the last of equal keys', () => {
    expect(JSON.stringify(parseOrdered('{"b":0,"2":1,"1":2,"2":3}'))).toBe('{"b":0,"2":3,"1":2}');
  });

  test('is not mistaken where a text looks like a key', () => {
    for (const value of ['"2021":', '\\"2021": ', { '"1': '"2":' }, ['1', '":']])
      expect(parseOrdered(JSON.stringify(value))).toEqual(value);
  });

  test.each(['', '{', '{"1":}', '{"1" "2":1}', '["1":2]'])('%j throws as JSON.parse does', (text) => {
    expect(() => parseOrdered(text)).toThrow(SyntaxError);
  });
});

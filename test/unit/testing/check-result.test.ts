import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Assertions, checkResult } from '../../../src/testing/check-result.js';

const ADA = { name: 'Ada', born: 1815, tags: ['maths', 'poetry'], home: { city: 'London', floor: 2 } };
const ALAN = { name: 'Alan', born: 1912, tags: [], home: null };

describe('an assertion that holds', () => {
  it.each<[string, Assertions, unknown]>([
    ['no assertion', {}, ADA],
    ['result, whatever the order of keys', { result: ALAN }, { home: null, tags: [], born: 1912, name: 'Alan' }],
    ['result: null', { result: null }, null],
    ['result_contains: some fields', { result_contains: { name: 'Ada', home: { city: 'London' } } }, ADA],
    ['result_contains: an item of a list', { result_contains: 2 }, [1, 2, 3]],
    ['result_contains: a part of a text', { result_contains: 'ello' }, 'Hello'],
    ['result_not_contains: fields', { result_not_contains: ['salary', 'city'] }, ADA],
    ['result_not_contains: fields of items', { result_not_contains: ['salary'] }, [ADA, ALAN]],
    ['result_not_contains: items', { result_not_contains: ['a'] }, ['ab', 'c']],
    ['result_contains_item', { result_contains_item: { born: 1912 } }, [ADA, ALAN]],
    ['result_contains_all, in any order', { result_contains_all: [{ name: 'Alan' }, { name: 'Ada' }] }, [ADA, ALAN]],
    ['result_length', { result_length: 0 }, []],
    ['result_contains_text: in a text', { result_contains_text: 'lon' }, 'a long text'],
    ['result_contains_text: in a message', { result_contains_text: 'mat' }, [{ role: 'user', prompt: 'some maths' }]],
  ])('%s', (_what, assertions, result) => {
    expect(checkResult(assertions, result)).toEqual([]);
  });

  it('is the result itself, for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = JSON.parse(JSON.stringify(value));
        expect(checkResult({ result: copy }, value)).toEqual([]);
        if (Array.isArray(value)) {
          expect(checkResult({ result_contains_all: [...copy].reverse(), result_length: copy.length }, value)).toEqual(
            [],
          );
        } else if (typeof value !== 'string') expect(checkResult({ result_contains: copy }, value)).toEqual([]);
      }),
    );
  });
});

describe('an assertion that does not hold says where and why', () => {
  it.each<[Assertions, unknown, readonly string[]]>([
    [{ result: { ...ADA, born: 1816 } }, ADA, ['`result`: result.born is 1815, not the expected 1816']],
    [{ result: [1, 2] }, [1], ['`result`: result has 1 item, not the expected 2']],
    [{ result: 1 }, '1', ['`result`: result is "1", not the expected 1']],
    [{ result: { a: 1 } }, { a: 1, b: null }, ['`result`: result.b is not expected: null']],
    [{ result: [{ a: [1, { b: 2 }] }] }, [{ a: [1, {}] }], ['`result`: result[0].a[1].b is missing']],
    [{ result_contains: { salary: 1 } }, ADA, ['`result_contains`: result.salary is missing']],
    [
      { result_contains: { name: 'Ada' } },
      null,
      ['`result_contains`: result is null, not the expected {"name":"Ada"}'],
    ],
    [{ result_contains: 4 }, [1, 2], ['`result_contains`: no item of the result is or contains 4']],
    [{ result_not_contains: ['born', 'x'] }, [ADA], ['`result_not_contains`: the result contains "born"']],
    [{ result_not_contains: ['secret'] }, 'a secret', ['`result_not_contains`: the result contains "secret"']],
    [
      { result_contains_item: { born: 1 } },
      [ADA],
      ['`result_contains_item`: no item of the result is or contains {"born":1}'],
    ],
    [{ result_contains_all: [1, 9] }, [1, 2], ['`result_contains_all`: no item of the result is or contains 9']],
    [{ result_length: 3 }, [1], ['`result_length`: the result has 1 item, not the expected 3']],
    [{ result_length: 1 }, { a: 1 }, ['`result_length`: the result is not a list but {"a":1}']],
    [{ result_contains_text: 'x' }, ['a'], ['`result_contains_text`: no text of the result contains "x": ["a"]']],
  ])('%j', (assertions, result, messages) => {
    expect(checkResult(assertions, result)).toEqual(messages);
  });

  it('names every assertion that fails, and few of many differences', () => {
    expect(checkResult({ result_length: 2, result_contains: 5 }, [1])).toHaveLength(2);
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key${index}`, index]));
    const found = checkResult({ result: many }, {});
    expect(found).toHaveLength(6);
    expect(found.at(-1)).toBe('`result`: 995 more');
    expect(checkResult({ result: 'x'.repeat(10_000) }, 'y'.repeat(10_000)).join('').length).toBeLessThan(600);
  });
});

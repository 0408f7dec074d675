import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { OversizedMessage, refuseOversized } from '../../../src/mcp/refused-parameters.js';

function isRefused(parsed: unknown): boolean {
  try {
    refuseOversized(parsed);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(OversizedMessage);
    return true;
  }
}

/** All members and items, at any depth. */
function countParts(value: unknown): number {
  const parts = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return parts.reduce<number>((count, part) => count + countParts(part), parts.length);
}

const LIMIT = 10_000;

it('refuses exactly the messages with too many values, wherever they are', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('_meta', 'name', 'x'),
      fc.integer({ min: -2, max: 2 }),
      (some, key, off) => {
        const message = { id: 1, params: { [key]: some, rest: [] as number[] } };
        const missing = LIMIT + off - countParts(message);
        message.params.rest.push(...Array.from({ length: missing }, () => 0));
        expect(countParts(message)).toBe(LIMIT + off);
        expect(isRefused(message)).toBe(off > 0);
      },
    ),
    { numRuns: 50 },
  );
});

it('does not count the arguments of a call, but what is beside them', () => {
  const many = Array.from({ length: LIMIT + 1 }, () => 0);
  expect(isRefused({ params: { arguments: { many } } })).toBe(false);
  expect(isRefused([{ params: { arguments: { many } } }, { params: { arguments: many } }])).toBe(false);
  expect(isRefused({ arguments: many })).toBe(true);
  expect(isRefused({ params: { _meta: { arguments: many } } })).toBe(true);
  expect(isRefused([{ params: { arguments: [] } }, { result: many }])).toBe(true);
});

it.each([null, 1, 'x', [], [null], { params: null }, { params: { arguments: null } }])('takes %j', (parsed) => {
  expect(isRefused(parsed)).toBe(false);
});

it('takes a list of 100 messages, and no longer one', () => {
  expect(isRefused(Array.from({ length: 100 }, () => ({ method: 'ping' })))).toBe(false);
  expect(isRefused(Array.from({ length: 101 }, () => 1))).toBe(true);
});

it('does not care how deep a message is', () => {
  expect(isRefused(JSON.parse(`${'['.repeat(9_000)}${']'.repeat(9_000)}`))).toBe(false);
  expect(isRefused(JSON.parse(`${'['.repeat(500_000)}${']'.repeat(500_000)}`))).toBe(true);
});

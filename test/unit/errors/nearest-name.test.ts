import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestName } from '../../../src/errors/index.js';

describe('nearestName', () => {
  it.each([
    ['sql_tool', 'sql_tools'],
    ['read_only', 'readonly'],
    ['Profile', 'profile'],
    ['rpofile', 'profile'],
    ['zebra', undefined],
    ['x', undefined],
  ])('takes %s for %s', (written, meant) => {
    expect(nearestName(written, ['profile', 'profiles', 'readonly', 'sql_tools'])).toBe(meant);
  });

  it('finds a name itself', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z_]{1,20}$/), { minLength: 1 }), (names) => {
        expect(nearestName(names[0] ?? '', names)).toBe(names[0]);
      }),
    );
  });
});

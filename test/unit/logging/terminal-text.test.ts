import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { visible, visibleLines } from '../../../src/errors/mxcp-error.js';

it('shows control characters instead of sending them to the terminal', () => {
  expect(visible('a\u001b[2Jb\tc\nd\u007f\u009b')).toBe('a\\u001b[2Jb\\tc\\nd\\u007f\\u009b');
  expect(visibleLines('a\nb\u0007')).toBe('a\nb\\u0007');
});

it('leaves no control character in any text, and other text alone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(visible(text)).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
      if (!/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u.test(text)) expect(visible(text)).toBe(text);
    }),
  );
});

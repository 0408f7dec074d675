import { expect, test } from 'vitest';
import { plural } from '../../../src/errors/index.js';

test.each([
  [0, 'files'],
  [1, 'file'],
  [2, 'files'],
])('%i is followed by "%s"', (count, noun) => {
  expect(plural(count, 'file')).toBe(`${count} ${noun}`);
});

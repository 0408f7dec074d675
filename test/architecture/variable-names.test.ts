import { expect, it } from 'vitest';
import { ACCEPTED_VARIABLES, SETTINGS, type Setting } from '../../src/settings/settings-table.js';
import { lineOf, readSourceTree } from './source-tree.js';

/** What names begin with: of the variables that the reference hands to its child processes, and in `grep MXCP_ADMIN`. */
const BEGINNINGS = ['MXCP_SECRET_', 'MXCP_ADMIN'];

it.each(['src', 'docs', 'examples'])('%s names no variable that nothing reads', (place) => {
  const known = new Set<string>([
    ...Object.values<Setting<unknown>>(SETTINGS).flatMap(({ variable }) => variable ?? []),
    ...ACCEPTED_VARIABLES,
    ...BEGINNINGS,
  ]);
  const unknown = [...readSourceTree(place)].flatMap(([path, text]) =>
    [...text.matchAll(/\bMXCP_[A-Z][A-Z0-9_]*/g)]
      .filter(([name]) => !known.has(name))
      .map(({ 0: name, index }) => `${path}:${lineOf(text, index)}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

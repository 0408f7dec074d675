import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS, verifies } from './requirements.js';

const tests = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

/** `verifies(…)` as the name of a test that runs, up to the end of its ids. */
const CALL = /(?<!\.(?:skip|todo)\(\s*)\bverifies\(\s*('[^']*'|\[[^\]]*\])/g;

/** Every requirement id that a test shows, with the files of those tests. The list itself does not count. */
function idsInTests(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const name of readdirSync(tests, { recursive: true, encoding: 'utf8' })) {
    const file = join(tests, name);
    if (!file.endsWith('.test.ts') || file.startsWith(here)) continue;
    for (const id of idsIn(readFileSync(file, 'utf8'))) found.set(id, [...(found.get(id) ?? []), name]);
  }
  return found;
}

function idsIn(source: string): readonly string[] {
  const code = source.replaceAll(/^\s*\/\*.*?\*\//gms, '').replaceAll(/(?:^|\s)\/\/.*$/gm, '');
  return [...code.matchAll(CALL)].flatMap(([, ids = '']) => [...ids.matchAll(/'([^']*)'/g)].map(([, id = '']) => id));
}

describe('the requirements of the users’ document', () => {
  const named = idsInTests();

  it.each(Object.keys(REQUIREMENTS))('%s is named by a test', (id) => {
    expect([...named.keys()]).toContain(id);
  });

  it('all of them are there: one that is taken out with its test is missed here', () => {
    expect(Object.keys(REQUIREMENTS)).toHaveLength(66);
  });

  it('only a call that names a test that runs counts as naming one', () => {
    const source = `
      // it(verifies('SEED-COMMENT', 'x'))
      /* it(verifies('SEED-BLOCK', 'x')) */
      const text = 'SEED-TEXT'; // verifies('SEED-TRAILING', 'x')
      it.skip(verifies('SEED-SKIPPED', 'x'), () => {});
      it.todo(
        verifies(['SEED-TODO'], 'x'));
      it(verifies('SEED-ONE', 'at http://x'), () => {});
      it.each([1])(
        verifies(
          ['SEED-TWO', 'SEED-THREE'], 'x'), () => {});`;
    expect(idsIn(source)).toEqual(['SEED-ONE', 'SEED-TWO', 'SEED-THREE']);
  });

  it('no test names a requirement that does not exist', () => {
    expect([...named.keys()].filter((id) => !Object.hasOwn(REQUIREMENTS, id))).toEqual([]);
  });

  it('an unknown id does not get into the name of a test', () => {
    // The cast represents a mistake that the compiler has not seen.
    expect(() => verifies('SEED-NOTHING' as 'SEED-HEALTH', 'works')).toThrow('SEED-NOTHING');
  });
});

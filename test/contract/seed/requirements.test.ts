import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS, verifies } from './requirements.js';

const tests = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

/** Every requirement id in the sources of tests, with the files that name it. The list itself does not count. */
function idsInTests(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const name of readdirSync(tests, { recursive: true, encoding: 'utf8' })) {
    const file = join(tests, name);
    if (!file.endsWith('.test.ts') || file.startsWith(here)) continue;
    for (const [id] of readFileSync(file, 'utf8').matchAll(/\bSEED-[A-Z]+(?:-[A-Z]+)*\b/g)) {
      found.set(id, [...(found.get(id) ?? []), name]);
    }
  }
  return found;
}

describe('the requirements of the users’ document', () => {
  const named = idsInTests();

  it.each(Object.keys(REQUIREMENTS))('%s is named by a test', (id) => {
    expect([...named.keys()]).toContain(id);
  });

  it('no test names a requirement that does not exist', () => {
    expect([...named.keys()].filter((id) => !Object.hasOwn(REQUIREMENTS, id))).toEqual([]);
  });

  it('an unknown id does not get into the name of a test', () => {
    // The cast stands for a slip that the compiler has not seen.
    expect(() => verifies('SEED-NOTHING' as 'SEED-HEALTH', 'works')).toThrow('SEED-NOTHING');
  });
});

import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { Journal, type JournalEntry } from '../../../src/auth/issuer/journal.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { createProject, TemporaryProject } from '../../kit/projects/temporary-project.js';

const KEY = 'a key of at least sixteen characters';

function applyAll(map: Map<string, unknown>, entries: readonly JournalEntry[]): void {
  for (const [key, value] of entries) {
    map.delete(key);
    if (value !== null) map.set(key, value);
  }
}

class Values {
  readonly map = new Map<string, unknown>();
  readonly journal: Journal;

  constructor(path: string, encryptionKey = KEY) {
    this.journal = new Journal({ path, encryptionKey, logger: createSilentLogger() }, () => this.map.entries());
  }

  async open(): Promise<this> {
    await this.journal.open((entry) => applyAll(this.map, [entry]));
    return this;
  }

  async write(...entries: JournalEntry[]): Promise<void> {
    applyAll(this.map, entries);
    await this.journal.append(...entries);
  }
}

function openValues(path: string, key?: string): Promise<Values> {
  const values = new Values(path, key);
  onTestFinished(() => values.journal.close());
  return values.open();
}

test('remembers what was written, also without an orderly end', async () => {
  const path = createProject().path('data/oauth.sessions');
  const first = await openValues(path);
  await first.write(['a', 1], ['b', { c: 'x' }]);
  await Promise.all([first.write(['a', 2]), first.write(['b', null]), first.write(['d', 'é'])]);
  const second = await openValues(path);
  expect([...second.map]).toEqual([
    ['a', 2],
    ['d', 'é'],
  ]);
});

test('holds no text that is in the clear, and only the owner can read it', async () => {
  const project = createProject();
  const path = project.path('oauth.sessions');
  const values = await openValues(path);
  await values.write(['user', 'anna@example.com']);
  expect(readFileSync(path, 'utf8')).not.toContain('anna');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('keeps values in the clear only when there is no key', async () => {
  const path = createProject().path('oauth.sessions');
  const map = new Map<string, unknown>();
  const plain = new Journal({ path, encryptionKey: undefined, logger: createSilentLogger() }, () => map.entries());
  onTestFinished(() => plain.close());
  await plain.open(() => undefined);
  map.set('user', 'anna');
  await plain.append(['user', 'anna']);
  expect(readFileSync(path, 'utf8')).toContain('["user","anna"]');
});

test.each([
  ['another key', (path: string) => openValues(path, 'another key with sixteen characters')],
  [
    'a changed byte',
    (path: string) => {
      const lines = readFileSync(path, 'utf8').split('\n');
      lines[1] = `${lines[1]?.slice(0, 40)}${lines[1]?.[40] === 'A' ? 'B' : 'A'}${lines[1]?.slice(41)}`;
      writeFileSync(path, lines.join('\n'));
      return openValues(path);
    },
  ],
  [
    'a line that was left out',
    (path: string) => {
      const [header, , ...rest] = readFileSync(path, 'utf8').split('\n');
      writeFileSync(path, [header, ...rest].join('\n'));
      return openValues(path);
    },
  ],
  [
    'two lines that changed places',
    (path: string) => {
      const [header, first, second, ...rest] = readFileSync(path, 'utf8').split('\n');
      writeFileSync(path, [header, second, first, ...rest].join('\n'));
      return openValues(path);
    },
  ],
  [
    'the file of another program',
    (path: string) => {
      writeFileSync(path, 'SQLite format 3\0 and more\n');
      return openValues(path);
    },
  ],
])('refuses %s, and leaves the file as it is', async (_, open) => {
  const path = createProject().path('oauth.sessions');
  const values = await openValues(path);
  await values.write(['a', 1]);
  await values.write(['b', 2]);
  await values.write(['c', 3]);
  await expect(open(path)).rejects.toMatchObject({ code: 'persistence_failed' });
  const left = readFileSync(path);
  await expect(openValues(path, 'another key with sixteen characters')).rejects.toMatchObject({
    code: 'persistence_failed',
  });
  expect(readFileSync(path)).toEqual(left);
});

test('ignores a last line that a crash has cut', async () => {
  const path = createProject().path('oauth.sessions');
  await (await openValues(path)).write(['a', 1]);
  appendFileSync(path, 'half a li');
  expect([...(await openValues(path)).map]).toEqual([['a', 1]]);
});

test('rewrites a file in which most lines are out of date', async () => {
  const path = createProject().path('oauth.sessions');
  const values = await openValues(path);
  for (let index = 0; index < 40; index += 1)
    await values.write(...Array.from({ length: 30 }, (): JournalEntry => ['a', index]));
  await values.write(['b', 1]);
  expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThan(200);
  expect([...(await openValues(path)).map]).toEqual([
    ['a', 39],
    ['b', 1],
  ]);
});

test('encrypts everything with a new key from the moment it changes', async () => {
  const path = createProject().path('oauth.sessions');
  const values = await openValues(path);
  await values.write(['a', 1]);
  await values.journal.changeKey('the next key, also long enough');
  await values.write(['b', 2]);
  expect([...(await openValues(path, 'the next key, also long enough')).map]).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  await expect(openValues(path)).rejects.toThrow('cannot be decrypted at line 2');
});

test('a second server takes the file over without losing what the first one has confirmed', async () => {
  const path = createProject().path('oauth.sessions');
  const first = await openValues(path);
  await first.write(['a', 1]);
  const second = await openValues(path);
  await expect(first.write(['b', 2])).rejects.toThrow('another server has begun to use this file');
  await expect(first.write(['c', 3])).rejects.toThrow('another server uses this file');
  await second.write(['d', 4]);
  expect([...(await openValues(path)).map]).toEqual([
    ['a', 1],
    ['d', 4],
  ]);
});

test('every write that a first server confirms is known to the second one, whenever that starts', async () => {
  for (let round = 0; round < 4; round += 1) {
    using project = new TemporaryProject();
    const path = project.path('oauth.sessions');
    const first = await new Values(path, KEY).open();
    const second = new Values(path, KEY);
    const confirmed: string[] = [];
    const over = new AbortController();
    const writing = (async () => {
      for (let index = 0; !over.signal.aborted; index += 1) {
        await first.write([`k${index}`, index]);
        confirmed.push(`k${index}`);
      }
    })().catch(() => undefined);
    while (confirmed.length < round) await new Promise(setImmediate);
    await second.open();
    over.abort();
    await writing;
    expect([...second.map.keys()]).toEqual(expect.arrayContaining(confirmed));
    await Promise.all([first.journal.close(), second.journal.close()]);
  }
});

test('fails a write that the disk refuses, and writes everything when that is over', async () => {
  const project = createProject();
  const path = project.path('data/oauth.sessions');
  const values = await openValues(path);
  await values.write(['a', 1]);
  // The permissions of a folder would not stop root; a folder that is gone does.
  project.rename('data', 'elsewhere');
  await expect(values.write(['b', 2])).rejects.toMatchObject({ code: 'persistence_failed' });
  project.rename('elsewhere', 'data');
  await values.write(['c', 3]);
  expect([...(await openValues(path)).map.keys()]).toEqual(['a', 'b', 'c']);
  expect(readdirSync(project.path('data'))).toEqual(['oauth.sessions']);
});

test('any sequence of writes and restarts ends with the last value of every key', async () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ write: fc.array(fc.tuple(key, fc.option(fc.jsonValue())), { minLength: 1, maxLength: 3 }) }),
    fc.constant('restart' as const),
    fc.constantFrom('first key, long enough', 'second key, long enough'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
      using project = new TemporaryProject();
      const path = join(project.root, 'oauth.sessions');
      let encryptionKey = KEY;
      const expected = new Map<string, unknown>();
      let values = await new Values(path, encryptionKey).open();
      for (const each of steps) {
        if (each === 'restart') {
          await values.journal.close();
          values = await new Values(path, encryptionKey).open();
        } else if (typeof each === 'string') {
          encryptionKey = each;
          await values.journal.changeKey(each);
        } else {
          applyAll(expected, each.write);
          await values.write(...each.write);
        }
      }
      await values.journal.close();
      const last = await new Values(path, encryptionKey).open();
      await last.journal.close();
      // As JSON, which is what the file can hold: it has no negative zero.
      expect(JSON.stringify([...last.map])).toBe(JSON.stringify([...expected]));
    }),
    { numRuns: 5 },
  );
});

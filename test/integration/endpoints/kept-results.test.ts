import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import { rowsFrom } from '../../../src/endpoints/answers/kept-rows.js';
import { KeptResults } from '../../../src/endpoints/index.js';

const ada: Caller = { ...ANONYMOUS, provider: 'oidc', userId: 'ada', role: 'user' };
const bob: Caller = { ...ada, userId: 'bob' };

async function create(options: { readonly lifetimeMs?: number; readonly folder?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'mxcp-kept-'));
  const failures: unknown[] = [];
  const { lifetimeMs, folder: other = folder } = options;
  const kept = new KeptResults({
    databasePath: () => join(other, 'data.duckdb'),
    maxResultBytes: 1_000_000,
    onFailure: (error) => failures.push(error),
    ...(lifetimeMs !== undefined && { lifetimeMs }),
  });
  onTestFinished(async () => {
    await kept.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  return { kept, folder, failures };
}

const LEFT_OUT = { because: 'rows', offset: 0, nextOffset: 1, total: undefined, argument: undefined } as const;
const CALL = { endpoint: 'tool "t"', caller: ada, scopes: [] as readonly string[], isLinked: true };

async function keep(kept: KeptResults, texts: readonly string[], call = CALL): Promise<string> {
  const keeper = kept.keeperFor(call);
  for (const text of texts) await keeper.add(text);
  const leftOut = await keeper.keep(LEFT_OUT);
  expect(leftOut.total).toBe(texts.length);
  expect(leftOut).not.toHaveProperty('cursor');
  if (leftOut.kept === undefined) throw new Error('it was not kept');
  return leftOut.kept.uri;
}

const textOf = async (kept: KeptResults, uri: string, caller = ada) => {
  const resource = await kept.read(uri, { caller });
  return [...(resource?.texts ?? [])].join('');
};

test('every page of any rows is the same as the rows themselves', async () => {
  const { kept, folder } = await create();
  const text = fc.oneof(
    { weight: 30, arbitrary: fc.string({ unit: 'grapheme' }) },
    { weight: 1, arbitrary: fc.constant('ä"\n'.repeat(20_000)) },
  );
  const few = fc.array(text, { minLength: 1, maxLength: 40 });
  const rows = fc.tuple(fc.integer({ min: 0, max: 2100 }), few).map(([more, texts]) => {
    return [...Array.from({ length: more }, (_, number) => `number ${number}`), ...texts];
  });
  await fc.assert(
    fc.asyncProperty(rows, async (values) => {
      const uri = await keep(
        kept,
        values.map((value) => JSON.stringify({ value })),
      );
      const found: string[] = [];
      let offset: number | undefined = 0;
      while (offset !== undefined) {
        const page = await kept.read(`${uri}?offset=${offset}`, { caller: ada });
        const items: { value: string }[] = JSON.parse([...(page?.texts ?? [])].join(''));
        expect(items.length).toBeGreaterThan(0);
        found.push(...items.map(({ value }) => value));
        offset = page?.shortened?.leftOut.nextOffset;
      }
      expect(found).toEqual(values);
    }),
    { numRuns: 20 },
  );
  // The files have no names.
  expect(readdirSync(folder)).toEqual([]);
});

test('another caller finds what a stranger finds, and so does everyone after its time', async () => {
  const { kept } = await create({ lifetimeMs: 500 });
  const uri = await keep(kept, ['{"a":1}']);
  const unknown = uri.replace(/[0-9a-f]{12}$/, '000000000000');
  expect(await textOf(kept, uri)).toBe('[{"a":1}]');
  for (const caller of [bob, ANONYMOUS, { ...ada, provider: 'other' }])
    for (const each of [uri, `${uri}.csv`, `${uri}.parquet`])
      await expect(kept.read(each, { caller })).rejects.toMatchObject({ code: 'endpoint_not_found' });
  await expect(kept.read(unknown, { caller: ada })).rejects.toMatchObject({ code: 'endpoint_not_found' });
  await vi.waitFor(
    () => expect(kept.read(uri, { caller: ada })).rejects.toMatchObject({ code: 'endpoint_not_found' }),
    5000,
  );
});

test('a token without the scopes of the endpoint finds nothing', async () => {
  const { kept } = await create();
  const uri = await keep(kept, ['1'], { ...CALL, scopes: ['sales'] });
  await expect(kept.read(uri, { caller: ada })).rejects.toMatchObject({ code: 'endpoint_not_found' });
  expect(await textOf(kept, uri, { ...ada, scopes: ['other', 'sales'] })).toBe('[1]');
});

test('a cursor leads its caller to any row, and no other caller', async () => {
  const { kept } = await create({ lifetimeMs: 500 });
  const continues = { arguments: 'a', rules: 'r' };
  const keeper = kept.keeperFor({ ...CALL, isLinked: false, continues: () => continues });
  for (let row = 0; row < 3000; row += 1) await keeper.add(String(row));
  const { cursor = '', total, ...others } = await keeper.keep(LEFT_OUT);
  expect(total).toBe(3000);
  expect(others).not.toHaveProperty('kept');
  const { offset, file, cursorTo, ...place } = kept.find(cursor, CALL) ?? {};
  expect([offset, place]).toEqual([1, { continues }]);
  if (file === undefined || cursorTo === undefined) throw new Error('there is no file');
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2999 }), async (row) => {
      const found = kept.find(cursorTo(row), CALL);
      expect(found?.offset).toBe(row);
      const first = await rowsFrom(file, row).next();
      expect(first.value).toBe(String(row));
    }),
    { numRuns: 50 },
  );
  for (const each of [cursorTo(3000), cursor.slice(1), `${cursor}!`, '', 'x'.repeat(10_000)])
    expect(kept.find(each, CALL)).toBeUndefined();
  for (const other of [bob, ANONYMOUS]) expect(kept.find(cursor, { ...CALL, caller: other })).toBeUndefined();
  expect(kept.find(cursor, { ...CALL, endpoint: 'tool "u"' })).toBeUndefined();
  // The caller can compute the id, but has not been given a resource.
  const id = Buffer.from(cursor.slice(0, 22), 'base64url').toString('hex');
  const uri = `mxcp://results/${id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;
  await expect(kept.read(uri, { caller: ada })).rejects.toMatchObject({ code: 'endpoint_not_found' });
  await vi.waitFor(() => expect(kept.find(cursor, CALL)).toBeUndefined(), 5000);
});

test('the oldest of more than 100 go', async () => {
  const { kept } = await create();
  const uris: string[] = [];
  for (let each = 0; each < 102; each += 1) uris.push(await keep(kept, [`{"a":${each}}`]));
  for (const uri of uris.slice(0, 2))
    await expect(kept.read(uri, { caller: ada })).rejects.toThrow('there is no resource');
  expect(await textOf(kept, uris[2] ?? '')).toBe('[{"a":2}]');
  expect(await textOf(kept, uris[101] ?? '')).toBe('[{"a":101}]');
});

test('a folder that cannot be written is replaced by the one of temporary files', async () => {
  const { kept, failures } = await create({ folder: '/proc/nowhere' });
  expect(await textOf(kept, await keep(kept, ['1', '2']))).toBe('[1,2]');
  expect(failures).toEqual([]);
});

test('a file that is too large for an answer is refused, its pages are not', async () => {
  const { kept } = await create();
  const uri = await keep(
    kept,
    Array.from({ length: 5000 }, (_, i) => JSON.stringify({ i, text: 'x'.repeat(300) })),
  );
  await expect(kept.read(`${uri}.csv`, { caller: ada })).rejects.toMatchObject({
    code: 'result_too_large',
    message: expect.stringContaining('the result of tool "t" as CSV is larger than 1000000 bytes'),
  });
  expect(JSON.parse(await textOf(kept, `${uri}?offset=4999`))).toHaveLength(1);
});

test('URIs of other kinds are not its own', async () => {
  const { kept } = await create();
  for (const uri of ['mxcp://results/', 'mxcp://results/x', 'notes://all', 'mxcp://results/../x'])
    expect(await kept.read(uri, { caller: ada })).toBeUndefined();
});

test('a conversion never shows the rows of another caller, though its result goes meanwhile', async () => {
  const { kept } = await create();
  for (let wait = 0; wait < 10; wait += 1) {
    const uri = await keep(kept, ['{"a":"mine"}', '{"a":"mine too"}']);
    for (let each = 0; each < 99; each += 1) await keep(kept, [`{"a":${each}}`]);
    const reading = textOf(kept, `${uri}.csv`);
    await sleep(wait);
    for (let each = 0; each < 3; each += 1)
      await keep(kept, ['{"a":"of bob"}', '{"a":"of bob"}'], { ...CALL, caller: bob });
    expect(await reading).toBe('a\nmine\nmine too\n');
    await expect(kept.read(uri, { caller: ada })).rejects.toMatchObject({ code: 'endpoint_not_found' });
  }
});

test('conversions that wait are few, and end with their calls', async () => {
  const { kept } = await create();
  const uri = await keep(kept, ['{"a":1}']);
  const ending = new AbortController();
  const read = (signal?: AbortSignal) => kept.read(`${uri}.csv`, { caller: ada, signal });
  const first = read();
  const others = Promise.allSettled(Array.from({ length: 8 }, () => read(ending.signal)));
  await expect(read()).rejects.toMatchObject({ code: 'server_busy' });
  const reason = new Error('cancelled');
  ending.abort(reason);
  expect((await first)?.texts).toEqual(['a\n1\n']);
  for (const each of await others) expect(each).toEqual({ status: 'rejected', reason });
  expect((await read())?.texts).toEqual(['a\n1\n']);
});

test('a conversion that runs ends with its call', async () => {
  const { kept } = await create();
  const rows = Array.from({ length: 400_000 }, (_, i) => JSON.stringify({ i, text: `${i}`.repeat(10) }));
  const uri = await keep(kept, rows);
  const ending = new AbortController();
  const reading = kept.read(`${uri}.csv`, { caller: ada, signal: ending.signal });
  const reason = new Error('cancelled');
  setTimeout(() => ending.abort(reason), 100);
  // To its end, it takes longer, and is too large.
  await expect(reading).rejects.toBe(reason);
});

test('the same user with other rights finds nothing', async () => {
  const { kept } = await create();
  const eve: Caller = { ...ada, permissions: ['a', 'b'], capabilities: ['c'], scopes: ['s'], email: 'e@x.org' };
  const uri = await keep(kept, ['1'], { ...CALL, caller: eve });
  expect(await textOf(kept, uri, { ...eve, permissions: ['b', 'a'], scopes: ['t', 's'] })).toBe('[1]');
  const changes = [{ role: 'guest' }, { permissions: ['a'] }, { capabilities: [] }, { scopes: [] }];
  for (const change of [...changes, { email: null }, { name: 'Eve' }])
    for (const each of [uri, `${uri}.csv`])
      await expect(kept.read(each, { caller: { ...eve, ...change } })).rejects.toMatchObject({
        code: 'endpoint_not_found',
      });
});

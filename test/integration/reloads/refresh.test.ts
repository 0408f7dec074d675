import { describe, expect, it, vi } from 'vitest';
import type { ReferenceResolver } from '../../../src/secrets/index.js';
import { httpSecret, userConfig } from '../../kit/projects/temporary-project.js';
import { backgroundOf, lastReload, PATIENCE, reloadsOf, untilBackground, untilServed } from './reload-by-itself.js';
import { PROXIES, startShop } from '../../kit/projects/shop.js';

const EVERY_SECOND = [...PROXIES, 'reload: { refresh: 1s }'];
const KEPT = ['name: kept', 'type: http', 'parameters:', '  HTTP_PROXY: store://proxy'];
const VAULTED = userConfig(KEPT);

const LEASING_SECRET = ['name: leased', 'type: http', 'parameters:', '  HTTP_PROXY: lender://proxy'];
const LEASED = userConfig(LEASING_SECRET);
const BOTH = userConfig(KEPT, LEASING_SECRET);

/** A store whose values a test sets, and what it was asked. */
function createStore(): { store: ReferenceResolver; asked: () => number; answer: Answer } {
  const answer: Answer = { value: 'http://store-1.example:1' };
  let asked = 0;
  const store: ReferenceResolver = {
    scheme: 'store',
    resolve: async () => {
      asked += 1;
      if (answer.error !== undefined) throw new Error(answer.error);
      return { value: answer.value, version: answer.version, leaseSeconds: answer.leaseSeconds };
    },
  };
  return { store, asked: () => asked, answer };
}

interface Answer {
  value: string;
  version?: string;
  leaseSeconds?: number;
  error?: string;
}

/** A store that makes a new value whenever it is asked, as Vault does for the users of a database. The last lease repeats. */
function createLender(...leases: readonly number[]): { store: ReferenceResolver; leased: () => number } {
  let leased = 0;
  const store: ReferenceResolver = {
    scheme: 'lender',
    resolve: async () => {
      const leaseSeconds = leases[Math.min(leased, leases.length - 1)];
      leased += 1;
      return { value: `http://leased-${leased}.example:1`, leaseSeconds };
    },
  };
  return { store, leased: () => leased };
}

/** Resolves when the store was asked so many times more. */
async function untilAsked(asked: () => number, times: number): Promise<void> {
  const before = asked();
  await vi.waitFor(() => expect(asked()).toBeGreaterThanOrEqual(before + times), PATIENCE);
}

// Most of each test is waiting.
describe.concurrent('with reload.refresh', () => {
  it('a value that has changed is live without being asked, and a reload only happens then', async ({
    onTestFinished: atEnd,
  }) => {
    const { store, asked, answer } = createStore();
    const { server } = await startShop('readonly', {
      atEnd,
      stores: [store],
      files: { 'config.yml': [...VAULTED, 'reload: { refresh: 1s }'] },
    });
    await untilAsked(asked, 2);
    expect(await reloadsOf(server)).toEqual([]);
    Object.assign(answer, { value: 'http://store-2.example:1', version: '2' });
    await untilServed(server, 'http://store-2.example:1');
    await untilAsked(asked, 2);
    expect(await reloadsOf(server)).toEqual(['refresh success']);
    expect((await lastReload(server))?.references).toMatchObject([
      { ref: 'store://proxy', outcome: 'changed', version: '2' },
    ]);
  });

  it('env files and secret files are read again too', async ({ onTestFinished: atEnd }) => {
    const { project, server } = await startShop('readonly', { atEnd, files: { 'config.yml': EVERY_SECOND } });
    project.write('second.txt', 'http://second-2.example:2\n');
    await untilServed(server, 'http_proxy=http://second-2.example:2');
    project.write('shop.env', 'FIRST=http://first-2.example:2\n');
    await untilServed(server, 'http_proxy=http://first-2.example:2');
    expect(new Set(await reloadsOf(server))).toEqual(new Set(['refresh success']));
  });

  it('a store that is down changes nothing but /status, is asked less and less often, and is logged once', async ({
    onTestFinished: atEnd,
  }) => {
    const { store, asked, answer } = createStore();
    const { server } = await startShop('readonly', {
      atEnd,
      stores: [store],
      files: { 'config.yml': [...VAULTED, 'reload: { refresh: 1s }'] },
    });
    answer.error = 'the store is down';
    await untilBackground(server, 'refresh', 'failing');
    await untilAsked(asked, 2);
    const status = await server.admin.status();
    expect(status).toMatchObject({ status: 'ok', reload: { last_reload: null } });
    expect((await backgroundOf(server, 'refresh'))?.message).toMatch(
      /store:\/\/proxy: the store is down .*, \d times in a row; the current generation keeps serving; next attempt at /,
    );
    await untilServed(server, 'http://store-1.example:1');
    expect(server.logLines.filter((line) => line.includes('could not be resolved again'))).toHaveLength(1);
    delete answer.error;
    await untilBackground(server, 'refresh', 'ok');
    expect(await reloadsOf(server)).toEqual([]);
    answer.error = 'the store is down';
    await untilBackground(server, 'refresh', 'failing');
    expect(server.logLines.filter((line) => line.includes('could not be resolved again'))).toHaveLength(2);
  });

  it('how often is what the last reload found in the file', async ({ onTestFinished: atEnd }) => {
    const { project, server } = await startShop('readonly', { atEnd });
    expect(await backgroundOf(server, 'refresh')).toBeUndefined();
    project.write('config.yml', EVERY_SECOND);
    await server.admin.reload({ waitMs: 20_000 });
    expect(await backgroundOf(server, 'refresh')).toMatchObject({ status: 'ok' });
    project.write('config.yml', [...PROXIES, 'reload: { refresh: 5m }']);
    await server.admin.reload({ waitMs: 20_000 });
    const { message = '' } = (await backgroundOf(server, 'refresh')) ?? {};
    const [, at = ''] = /resolves the references again at (\S+)$/.exec(message) ?? [];
    const inMinutes = (Date.parse(at) - Date.now()) / 60_000;
    expect(inMinutes).toBeGreaterThan(4.4);
    expect(inMinutes).toBeLessThan(5.6);
  });
});

describe.concurrent('a value that the store lends', () => {
  it('is fetched anew when two thirds of the time are over, also without reload.refresh', async ({
    onTestFinished: atEnd,
  }) => {
    const { store, asked, answer } = createStore();
    answer.leaseSeconds = 2;
    const { server } = await startShop('readonly', { atEnd, stores: [store], files: { 'config.yml': VAULTED } });
    answer.value = 'http://store-2.example:1';
    await untilServed(server, 'http://store-2.example:1');
    expect(await reloadsOf(server)).toEqual(['refresh success']);
    // A longer lease from now on, and an end to it.
    answer.leaseSeconds = 3_600;
    await untilAsked(asked, 1);
    await vi.waitFor(async () => {
      const [, at = ''] = /again at (\S+)$/.exec((await backgroundOf(server, 'refresh'))?.message ?? '') ?? [];
      const inMinutes = (Date.parse(at) - Date.now()) / 60_000;
      // Two thirds of an hour, and up to a tenth earlier.
      expect(inMinutes).toBeGreaterThan(35.9);
      expect(inMinutes).toBeLessThan(40.1);
    }, PATIENCE);
    expect(await reloadsOf(server)).toEqual(['refresh success']);
  });

  it('is left alone until then, however often reload.refresh asks for the others', async ({
    onTestFinished: atEnd,
  }) => {
    const lender = createLender(3_600);
    const { store, asked, answer } = createStore();
    const { server } = await startShop('readonly', {
      atEnd,
      stores: [store, lender.store],
      files: { 'config.yml': [...BOTH, 'reload: { refresh: 1s }'] },
    });
    await untilAsked(asked, 3);
    expect(await reloadsOf(server)).toEqual([]);
    expect(lender.leased()).toBe(1);
    // It is not leased again because another value has changed.
    answer.value = 'http://store-2.example:1';
    await untilServed(server, 'http://store-2.example:1');
    await untilAsked(asked, 2);
    expect(await reloadsOf(server)).toEqual(['refresh success']);
    expect(lender.leased()).toBe(1);
    // A requested reload reads the current value.
    await server.admin.reload({ waitMs: 20_000 });
    expect(lender.leased()).toBe(2);
    await untilAsked(asked, 2);
    expect(lender.leased()).toBe(2);
  });

  it('is leased once for each reload that it causes', async ({ onTestFinished: atEnd }) => {
    const lender = createLender(2, 2, 3_600);
    const { server } = await startShop('readonly', { atEnd, stores: [lender.store], files: { 'config.yml': LEASED } });
    await untilServed(server, 'http://leased-3.example:1');
    const reloads = await reloadsOf(server);
    expect(reloads).toEqual(['refresh success', 'refresh success']);
    expect(lender.leased()).toBe(3);
  });

  it('is leased once, however often the reload fails that it causes', async ({ onTestFinished: atEnd }) => {
    const lender = createLender(3, 3_600);
    const { project, server } = await startShop('readonly', {
      atEnd,
      stores: [lender.store],
      files: { 'config.yml': LEASED },
    });
    project.write('config.yml', userConfig(LEASING_SECRET, [...httpSecret('refused', 'x'), '  VERIFY_SSL: none']));
    await vi.waitFor(async () => expect((await reloadsOf(server)).length).toBeGreaterThan(1), PATIENCE);
    project.write('config.yml', LEASED);
    await untilServed(server, 'http://leased-2.example:1');
    expect(lender.leased()).toBe(2);
  });

  it('is not taken from a dry run', async ({ onTestFinished: atEnd }) => {
    const lender = createLender(3_600);
    const { store, asked } = createStore();
    const { server } = await startShop('readonly', {
      atEnd,
      stores: [store, lender.store],
      files: { 'config.yml': [...BOTH, 'reload: { refresh: 1s }'] },
    });
    await server.admin.reload({ waitMs: 20_000, dryRun: true });
    expect(lender.leased()).toBe(2);
    await untilAsked(asked, 2);
    expect(await reloadsOf(server)).not.toContain('refresh success');
    expect(lender.leased()).toBe(2);
  });
});

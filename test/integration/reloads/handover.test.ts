import { linkSync, rmSync, symlinkSync, renameSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Gate } from '../../kit/gate.js';
import { connectTo, callText } from '../../kit/mcp-client.js';
import { countOpen, resourcesOf } from '../../kit/process-resources.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';
import { HandoverShop, stagesOf } from '../../kit/projects/shop.js';
import { createShop, createShopProject } from '../../kit/projects/shop.js';

describe('a replaced read-write database', () => {
  it('is served after a reload: rows, secrets and functions of the new one, and nothing is left of the old', async () => {
    const shop = await HandoverShop.start();
    expect(shop.hiddenFiles()).toEqual(['.shop.duckdb.mxcp-held']);
    await shop.sql('CREATE TABLE note AS SELECT 1 AS a');
    await shop.replace(2);
    expect(await shop.price()).toBe('1');

    const record = await shop.reload();

    expect(record).toMatchObject({ status: 'success', generation: { from: 1, to: 2 } });
    expect(record.database).toMatchObject({ action: 'handover', requests_held: 0 });
    expect(record.database?.pause_ms).toBeGreaterThan(0);
    expect(stagesOf(record)).toEqual([
      'load success',
      'resolve success',
      'build success',
      'check success',
      'drain success',
      'swap success',
      'dispose success',
    ]);
    expect(await shop.price()).toBe('2');
    expect(await shop.sql('SELECT count(*) AS n FROM item')).toContain('1');
    expect(await callText(shop.client, 'secrets')).toContain('http_proxy=http://first-1.example:1');
    expect(shop.hiddenFiles()).toEqual(['.shop.duckdb.mxcp-held']);
    expect(shop.server.logLines.join('')).not.toContain('Both were kept');
  });

  it('can be written to before and after, and each file has its own rows', async () => {
    const shop = await HandoverShop.start();
    linkSync(shop.database, shop.project.path('first.duckdb'));
    await shop.sql("INSERT INTO item VALUES ('before', 10)");
    await shop.replace(2);
    await shop.sql("INSERT INTO item VALUES ('between', 11)");
    await shop.reload();
    await shop.sql("INSERT INTO item VALUES ('after', 12)");
    expect(await shop.sql('SELECT name FROM item ORDER BY price')).toMatch(/tea[\s\S]*after/);
    expect(await shop.sql('SELECT name FROM item')).not.toContain('between');
    await shop.sql(`ATTACH '${shop.project.path('first.duckdb')}' AS first (READ_ONLY)`);
    expect(await shop.sql('SELECT name FROM first.item ORDER BY price')).toMatch(/tea[\s\S]*before[\s\S]*between/);
  });

  it('leaves no trace after six handovers: descriptors, threads, names', { timeout: 120_000 }, async () => {
    const shop = await HandoverShop.start();
    const round = async (price: number): Promise<void> => {
      await shop.replace(price);
      expect(await shop.reload()).toMatchObject({ status: 'success' });
      expect(await shop.price()).toBe(String(price));
    };
    for (let price = 2; price < 4; price += 1) await round(price);
    const before = resourcesOf('self');
    for (let price = 4; price < 10; price += 1) await round(price);
    await vi.waitFor(() => {
      const after = resourcesOf('self');
      expect(Object.keys(after.descriptors).sort()).toEqual(Object.keys(before.descriptors).sort());
      expect(after.threads).toBeLessThanOrEqual(before.threads);
    });
    expect(countOpen('self', shop.project.path('shop.duckdb'))).toBe(1);
    expect(shop.hiddenFiles()).toEqual(['.shop.duckdb.mxcp-held']);
  });

  it('is only looked at by a dry run, by another process and under another name', async () => {
    const shop = await HandoverShop.start();
    const openBefore = countOpen('self', shop.project.path(''));
    await shop.replace(2);
    const record = await shop.server.admin.reload({ dryRun: true });
    expect(record).toMatchObject({ status: 'success', database: { action: 'handover', pause_ms: 0 } });
    expect(stagesOf(record).slice(3)).toEqual(['check success', 'drain skipped', 'swap skipped', 'dispose skipped']);
    expect(await shop.price()).toBe('1');
    expect(countOpen('self', shop.project.path(''))).toBe(openBefore);
    expect(shop.hiddenFiles()).toEqual(['.shop.duckdb.mxcp-held']);
  });

  it('is called by the same name in SQL that names its database', async () => {
    const shop = await HandoverShop.start({
      files: { 'tools/named.yml': sqlTool('named', 'SELECT price FROM shop.main.item', ['return: { type: integer }']) },
    });
    await shop.replace(2);
    expect(await shop.reload()).toMatchObject({ status: 'success' });
    expect(await callText(shop.client, 'named')).toBe('2');
  });

  it('behind a symbolic link is the one that the link leads to', async () => {
    using project = await createShopProject('readwrite');
    renameSync(project.path('shop.duckdb'), project.path('first.duckdb'));
    await createShop(project.path('second.duckdb'), 2);
    symlinkSync('first.duckdb', project.path('shop.duckdb'));
    await using server = await InProcessServer.start(project, { flags: { envFiles: [project.path('shop.env')] } });
    const client = await connectTo(server.url);
    rmSync(project.path('shop.duckdb'));
    symlinkSync('second.duckdb', project.path('shop.duckdb'));
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({
      database: { action: 'handover' },
      status: 'success',
    });
    expect(await callText(client, 'price')).toBe('2');
    await client.close();
  });
});

/** A hold that took as long would have stalled everybody. How short one really is, is measured in `test/system`. */
const HOLD_MS = 20_000;

/** A call that ends when the test wants it to. */
async function startSlowCall(shop: HandoverShop) {
  const gate = new Gate();
  onTestFinished(() => gate[Symbol.asyncDispose]());
  const client = await connectTo(shop.server.url);
  onTestFinished(() => client.close());
  const ended = callText(client, 'execute_sql_query', { sql: `SELECT passed FROM ${gate.table}` }).then(
    () => performance.now(),
    (error: unknown) => String(error),
  );
  await vi.waitFor(async () => expect((await shop.server.admin.status()).reload.active_requests).toBeGreaterThan(0));
  return { gate, ended };
}

/** A call that ends when it is interrupted. */
async function startEndlessCall(shop: HandoverShop) {
  const client = await connectTo(shop.server.url);
  onTestFinished(() => client.close());
  const sql = 'SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE (a.range * b.range) % 7 = 9';
  const ended = callText(client, 'execute_sql_query', { sql }).catch(String);
  await vi.waitFor(async () => expect((await shop.server.admin.status()).reload.active_requests).toBe(1));
  return { ended };
}

describe('calls that run when a read-write database was replaced', () => {
  it('are waited for without a pause: short calls never wait long, and the swap comes when the long one ends', {
    timeout: 60_000,
  }, async () => {
    // A call that is paused during the long call gets no answer before that ends, because this pause has no limit.
    const shop = await HandoverShop.start({ flags: { reloadHoldTimeout: `${HOLD_MS}ms` } });
    const { gate, ended } = await startSlowCall(shop);
    await shop.replace(2);
    const reload = shop.reload();
    const stop = new AbortController();
    const waits: number[] = [];
    const seen = new Set<string>();
    const clients = Array.from({ length: 10 }, async () => {
      const client = await connectTo(shop.server.url);
      while (!stop.signal.aborted) {
        const startedAt = performance.now();
        seen.add(await callText(client, 'price'));
        waits.push(performance.now() - startedAt);
      }
      await client.close();
    });
    await vi.waitFor(
      async () =>
        expect((await shop.server.admin.status()).reload).toMatchObject({ in_progress: true, draining: true }),
      { timeout: 20_000 },
    );
    const answered = waits.length;
    await vi.waitFor(() => expect(waits.length).toBeGreaterThan(answered + 100), { timeout: 15_000 });
    expect([...seen]).toEqual(['1']);

    await gate.open();
    const longCallEndedAt = await ended;
    const record = await reload;

    expect(performance.now() - Number(longCallEndedAt)).toBeLessThan(HOLD_MS);
    await vi.waitFor(() => expect(seen.has('2')).toBe(true));
    stop.abort();
    await Promise.all(clients);
    expect(record).toMatchObject({ status: 'success' });
    expect(Math.max(...waits)).toBeLessThan(HOLD_MS);
  });

  it('and do not end in time are named, and everything continues as before', async () => {
    const shop = await HandoverShop.start({ flags: { reloadDrainTimeout: '300ms' } });
    const { gate, ended } = await startSlowCall(shop);
    await shop.replace(2);
    const { record } = await failedReload(shop.server);
    expect(record.error).toMatchObject({ stage: 'drain', code: 'drain_timeout' });
    expect(record.error?.message).toMatch(/tool "execute_sql_query" since \d{4}-/);
    expect(await shop.price()).toBe('1');
    expect((await shop.server.admin.status()).status).toBe('ok');
    await gate.open();
    await ended;
    expect(await shop.reload()).toMatchObject({ status: 'success' });
    expect(await shop.price()).toBe('2');
  });

  it('are interrupted by force, with an error that says so', async () => {
    const shop = await HandoverShop.start();
    const { ended } = await startEndlessCall(shop);
    await shop.replace(2);
    expect(await shop.reload({ force: true })).toMatchObject({ status: 'success' });
    expect(await ended).toContain('was ended by a forced reload');
    expect(await shop.price()).toBe('2');
  });

  it('are interrupted by force also when an earlier reload already waits for them, which then continues', async () => {
    const shop = await HandoverShop.start();
    const { ended } = await startEndlessCall(shop);
    await shop.replace(2);
    const waiting = shop.reload();
    await vi.waitFor(async () => expect((await shop.server.admin.status()).reload.draining).toBe(true), 20_000);
    const forced = shop.reload({ force: true });
    expect(await waiting).toMatchObject({ status: 'success', database: { action: 'handover' } });
    expect(await forced).toMatchObject({ status: 'success', database: { action: 'kept' } });
    expect(await ended).toContain('was ended by a forced reload');
    expect(await shop.price()).toBe('2');
  });

  it('on the old generation are interrupted by force also where nothing is handed over', async () => {
    const shop = await HandoverShop.start();
    const { ended } = await startEndlessCall(shop);
    const record = await shop.reload({ force: true });
    expect(record).toMatchObject({ status: 'success', requests_draining: 1, database: { action: 'kept' } });
    expect(stagesOf(record).slice(-2)).toEqual(['drain success', 'dispose success']);
    expect(await ended).toContain('was ended by a forced reload');
  });

  it('cannot be interrupted for a trial run', async () => {
    const shop = await HandoverShop.start();
    await expect(shop.server.admin.reload({ dryRun: true, force: true })).rejects.toMatchObject({ status: 400 });
  });
});

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { Gate } from '../../kit/gate.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { countOpen, resourcesOf } from '../../kit/process-resources.js';
import { failedReload } from './failed-reload.js';
import { HandoverShop, stagesOf } from '../../kit/projects/shop.js';
import { createShop } from '../../kit/projects/shop.js';

interface GapFault {
  readonly what: string;
  /** While the old file is closed. */
  readonly damage: (shop: HandoverShop) => Promise<void> | void;
  readonly code: string;
  readonly says: string;
  /** Puts a file that can be served back to the path, where the fault has left none. */
  readonly fix: (shop: HandoverShop) => Promise<void> | void;
}

async function replaceBy(shop: HandoverShop, ...statements: readonly string[]): Promise<void> {
  rmSync(shop.project.path('next-2.duckdb'), { force: true });
  await shop.replace(2, ...statements);
}

const GAP_FAULTS: readonly GapFault[] = [
  {
    what: 'the payload throws',
    damage: () => {
      throw new Error('the pipeline failed');
    },
    code: 'internal',
    says: 'internal error; the log has the details',
    fix: () => undefined,
  },
  {
    what: 'the payload leaves a file that is no database',
    damage: (shop) => {
      writeFileSync(shop.project.path('broken'), 'no database\n'.repeat(1000));
      renameSync(shop.project.path('broken'), shop.database);
    },
    code: 'database_failed',
    says: 'not a valid DuckDB database file',
    fix: (shop) => replaceBy(shop),
  },
  {
    what: 'the payload leaves a file that endpoints do not fit',
    damage: (shop) => replaceBy(shop, 'CREATE TABLE item(name TEXT, cost INTEGER)'),
    code: 'endpoint_invalid',
    says: '"price" not found in FROM clause',
    fix: (shop) => replaceBy(shop),
  },
  {
    what: 'the payload leaves a folder',
    damage: (shop) => {
      rmSync(shop.database);
      execFileSync('mkdir', [shop.database]);
    },
    code: 'database_failed',
    says: 'is not a regular file',
    fix: async (shop) => {
      rmSync(shop.database, { recursive: true });
      await replaceBy(shop);
    },
  },
  {
    what: 'the payload leaves a file that another process holds',
    damage: async (shop) => {
      await createShop(shop.project.path('next-2.duckdb'), 2);
      await holdElsewhere(shop.project.path('next-2.duckdb'));
      renameSync(shop.project.path('next-2.duckdb'), shop.database);
    },
    code: 'database_locked',
    says: 'has it open',
    fix: (shop) => replaceBy(shop),
  },
];

/** Another process opens a file and keeps it until the test has ended. */
async function holdElsewhere(path: string): Promise<void> {
  const script = `
    const { DuckDBInstance } = require('@duckdb/node-api');
    DuckDBInstance.create(${JSON.stringify(path)}).then((instance) => {
      console.log('open');
      setInterval(() => instance, 1000);
    });`;
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
}

function expectFailedSwap(record: ReloadRecord, code: string): void {
  expect(record).toMatchObject({
    status: 'error',
    generation: { from: 1, to: null },
    error: { stage: 'swap', code },
    database: { action: 'handover' },
  });
  expect(record.database?.pause_ms).toBeGreaterThan(0);
  expect(stagesOf(record).slice(-3)).toEqual(['drain success', 'swap error', 'dispose skipped']);
}

describe.each(['readwrite', 'readonly'] as const)('while a %s database is closed', (mode) => {
  it.each(GAP_FAULTS)('$what: the old file serves again, and the next good reload recovers', async (fault) => {
    const shop = await HandoverShop.start({ mode, flags: { reloadHoldTimeout: '300ms' } });
    expect(await shop.price()).toBe('1');
    const before = resourcesOf('self');

    const { record, released } = await shop.reloadWith(async () => fault.damage(shop));

    expectFailedSwap(record, fault.code);
    expect(record.error?.message).toContain(fault.says);
    expect(released).toBe(1);
    expect(await shop.price()).toBe('1');
    expect(await callText(shop.client, 'secrets')).toContain('http_proxy=http://first-1.example:1');
    expect((await shop.server.admin.status()).status).toBe('ok');
    if (mode === 'readwrite') {
      await shop.sql('CREATE TABLE written_after AS SELECT 42 AS a');
      expect(await shop.sql('SELECT a FROM written_after')).toContain('42');
    }
    expect(countOpen('self', shop.project.root)).toBe(
      Object.entries(before.descriptors)
        .filter(([path]) => path.startsWith(shop.project.root))
        .reduce((sum, [, count]) => sum + count, 0) + (mode === 'readwrite' ? 1 : 0),
    );

    await fault.fix(shop);
    expect(await shop.reload()).toMatchObject({ status: 'success', generation: { from: 1, to: 2 } });
    await vi.waitFor(() => expect(resourcesOf('self').threads).toBeLessThanOrEqual(before.threads));
    expect(shop.hiddenFiles()).toEqual(mode === 'readwrite' ? ['.shop.duckdb.mxcp-held'] : []);
  });
});

describe('a handover that cannot be completed', () => {
  it('because the file was replaced once more after its check goes back, and the next reload takes the last one', async () => {
    const shop = await HandoverShop.start();
    const gate = new Gate();
    onTestFinished(() => gate[Symbol.asyncDispose]());
    const client = await connectTo(shop.server.url);
    const slow = callText(client, 'execute_sql_query', { sql: `SELECT passed FROM ${gate.table}` });
    await vi.waitFor(async () => expect((await shop.server.admin.status()).reload.active_requests).toBe(1));
    await shop.replace(2);
    const failing = failedReload(shop.server);
    await vi.waitFor(async () => expect((await shop.server.admin.status()).reload.draining).toBe(true), {
      timeout: 20_000,
    });
    await shop.replace(3);
    await gate.open();
    await slow;
    const { record } = await failing;
    expectFailedSwap(record, 'database_replaced');
    expect(record.error?.message).toContain('again after it had been checked');
    expect(await shop.price()).toBe('1');
    expect(await shop.reload()).toMatchObject({ status: 'success' });
    expect(await shop.price()).toBe('3');
    expect(shop.hiddenFiles()).toEqual(['.shop.duckdb.mxcp-held']);
    await client.close();
  });

  it('leaves a file that can be put back, by its own name, and is then opened in its place again', async () => {
    const shop = await HandoverShop.start();
    await shop.reloadWith(async () => shop.replace(2, 'CREATE TABLE item(name TEXT)'));
    await shop.sql('CREATE TABLE kept AS SELECT 7 AS a');
    const [earlier = ''] = shop.hiddenFiles().filter((name) => /earlier-[^.]*$/.test(name));
    linkSync(shop.project.path(earlier), shop.project.path('put-back'));
    renameSync(shop.project.path('put-back'), shop.database);
    expect(await shop.reload()).toMatchObject({ status: 'success', database: { action: 'handover' } });
    expect(await shop.price()).toBe('1');
    expect(await shop.sql('SELECT a FROM kept')).toContain('7');
    expect(shop.hiddenFiles()).toEqual(['.shop.duckdb.mxcp-held']);
    await shop.server.server.close();
    expect(shop.hiddenFiles()).toEqual([]);
    expect(existsSync(`${shop.database}.wal`)).toBe(false);
  });

  it('and whose old file is gone as well says so, and a reload recovers when there is a file again', async () => {
    const shop = await HandoverShop.start();
    const { record } = await shop.reloadWith(async () => {
      for (const name of [...shop.hiddenFiles(), 'shop.duckdb']) rmSync(shop.project.path(name));
      writeFileSync(shop.database, 'no database\n'.repeat(1000));
    });
    expect(record.error).toMatchObject({ stage: 'swap', code: 'database_failed' });
    expect(record.error?.message).toContain('could not be opened again after a failed handover');
    expect(await shop.server.admin.ready()).toMatchObject({ status: 'fail' });
    await expect(shop.price()).rejects.toThrow('could not be opened again after a failed handover');
    await replaceBy(shop);
    expect(await shop.reload()).toMatchObject({ status: 'success' });
    expect(await shop.price()).toBe('2');
    expect(await shop.server.admin.ready()).toMatchObject({ status: 'ok' });
  });

  it('because its folder has no room for a second name says so before anybody waits', async () => {
    // A second name is longer than the first: too long for the file system here.
    const name = `${'x'.repeat(238)}.duckdb`;
    const shop = await HandoverShop.start({
      files: {
        'mxcp-site.yml': [
          'mxcp: 1',
          'project: shop',
          'profile: dev',
          'profiles:',
          '  dev:',
          `    duckdb: { path: ${name} }`,
          'sql_tools: { enabled: true, external_access: true, several_statements: true }',
        ],
        'tools/price.yml': ['mxcp: 1', 'tool:', '  name: price', '  source: { code: SELECT 1 }'],
      },
    });
    await createDatabaseFile(shop.project.path('next.duckdb'));
    shop.project.rename('next.duckdb', name);
    const { record } = await failedReload(shop.server);
    expect(record.error).toMatchObject({ stage: 'check', code: 'database_failed' });
    expect(record.error?.message).toContain('cannot be handed over while the server runs');
    expect(record.error?.message).toContain('restart the server instead');
  });
});

describe('a payload', () => {
  it.each(['readwrite', 'readonly'] as const)(
    'finds a %s database closed, and what it does to the file is served',
    async (mode) => {
      const shop = await HandoverShop.start({ mode });
      const { record, released } = await shop.reloadWith(async () => {
        // The file is closed: opening it here breaks no lock.
        await createDatabaseFile(shop.database, 'UPDATE item SET price = 5');
      });
      expect(record).toMatchObject({ status: 'success', trigger: 'endpoint', database: { action: 'handover' } });
      expect(released).toBe(1);
      expect(await shop.price()).toBe('5');
      expect(shop.hiddenFiles()).toEqual(mode === 'readwrite' ? ['.shop.duckdb.mxcp-held'] : []);
    },
  );

  it('that puts a folder in the place of a name of ours: the old file serves again all the same', async () => {
    const shop = await HandoverShop.start();
    await createDatabaseFile(shop.project.path('empty.duckdb'));
    const { record } = await shop.reloadWith(async () => {
      mkdirSync(shop.project.path('.shop.duckdb.mxcp-held'));
      renameSync(shop.project.path('empty.duckdb'), shop.database);
    });
    expectFailedSwap(record, 'endpoint_invalid');
    expect(record.error?.message).not.toContain('In addition');
    expect(record.error?.message).toContain('on the new database ');
    expect(record.error?.message).toMatch(/The previous database keeps serving as .*\.shop\.duckdb\.mxcp-earlier-/);
    expect(await shop.price()).toBe('1');
    expect(shop.server.logLines.join('')).toContain('was not closed completely');
  });

  it('that takes too long is ended, and the old file serves again', async () => {
    const shop = await HandoverShop.start({ flags: { reloadDrainTimeout: '300ms' } });
    const { record } = await shop.reloadWith(
      (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    expectFailedSwap(record, 'payload_timeout');
    expect(record.error?.message).toContain('the payload of the reload took longer than 0.3 s');
    expect(await shop.price()).toBe('1');
  });
});

describe('while a database is handed over', () => {
  /** A handover that stays in its gap until it is released. */
  async function startGap(shop: HandoverShop) {
    let goOn = (): void => undefined;
    let arrive = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const opened = new Promise<void>((resolve) => (goOn = resolve));
    const ended = shop.reloadWith(async () => {
      arrive();
      await opened;
    });
    await arrived;
    return { goOn, ended };
  }

  it('probes and status answer as ever, and calls wait and are then answered', async () => {
    const shop = await HandoverShop.start();
    const { goOn, ended } = await startGap(shop);
    const waiting = [shop.price(), shop.price()];
    await vi.waitFor(async () => expect((await shop.server.admin.status()).reload.active_requests).toBe(2));
    for (let round = 0; round < 3; round += 1) {
      expect(await shop.server.admin.health()).toMatchObject({ status: 'ok' });
      expect(await shop.server.admin.ready()).toMatchObject({ status: 'ok' });
      expect(await shop.server.admin.status()).toMatchObject({ status: 'ok', reload: { in_progress: true } });
    }
    goOn();
    expect(await Promise.all(waiting)).toEqual(['1', '1']);
    const { record } = await ended;
    expect(record.database).toMatchObject({ action: 'handover', requests_held: 2 });
  });

  it('a held call still ends when its caller goes away or its time is over', async () => {
    const shop = await HandoverShop.start({ flags: { callTimeout: '300ms' } });
    const { goOn, ended } = await startGap(shop);
    const caller = new AbortController();
    const cancelled = shop.client
      .callTool({ name: 'price', arguments: {} }, { signal: caller.signal })
      .catch(() => 'cancelled');
    caller.abort();
    expect(await cancelled).toBe('cancelled');
    await expect(shop.price()).rejects.toThrow('took longer than 0.3 s');
    goOn();
    expect(await ended).toMatchObject({ record: { status: 'success' } });
    expect(await shop.price()).toBe('1');
  });

  it('another reload waits its turn, and SIGHUP too', async () => {
    const shop = await HandoverShop.start();
    const { goOn, ended } = await startGap(shop);
    const next = shop.server.server.reload({ trigger: 'sighup' });
    expect((await shop.server.admin.status()).reload).toMatchObject({ in_progress: true, queued: 1 });
    goOn();
    expect(await ended).toMatchObject({ record: { status: 'success', generation: { to: 2 } } });
    expect(await next.ended).toMatchObject({ status: 'success', generation: { from: 2, to: 3 } });
  });

  it('a shutdown lets it end, and leaves nothing behind', async () => {
    const shop = await HandoverShop.start();
    const { goOn, ended } = await startGap(shop);
    const waiting = shop.price().catch(String);
    const closed = shop.server.server.close();
    goOn();
    await closed;
    await waiting;
    await ended.catch(() => undefined);
    expect(countOpen('self', shop.project.path('shop.duckdb'))).toBe(0);
    expect(shop.hiddenFiles()).toEqual([]);
  });

  it('another process that asks for the lock all the time has it only in the gap', async () => {
    const shop = await HandoverShop.start();
    const { asker, heard, refusals } = await startAsking(shop.database);
    const gaps: { from: number; to: number }[] = [];
    for (let round = 0; round < 3; round += 1) {
      // The server keeps the lock while it serves, however often the other process asks.
      const before = refusals();
      await vi.waitFor(() => expect(refusals()).toBeGreaterThan(before + 5), { timeout: 20_000 });
      expect(await shop.price()).toBe('1');
      const gap = { from: Date.now(), to: 0 };
      const { record } = await shop.reloadWith(async () => {
        // Long enough for the other process to notice.
        await vi.waitFor(() => expect(heard.some(({ at }) => at >= gap.from)).toBe(true), { timeout: 20_000 });
      });
      expect(record).toMatchObject({ status: 'success' });
      // The new instance has the lock by now.
      gap.to = Date.now();
      gaps.push(gap);
    }
    const isWithin = ({ at }: { at: number }) => gaps.some(({ from, to }) => at >= from && at <= to);
    expect(heard.filter((one) => !isWithin(one))).toEqual([]);
    asker.kill('SIGKILL');
  }, 60_000);
});

/** A process that opens and closes a file again and again, and reports each success. */
async function startAsking(path: string) {
  const script = `
    const { DuckDBInstance } = require('@duckdb/node-api');
    const ask = async () => {
      try {
        const instance = await DuckDBInstance.create(${JSON.stringify(path)});
        console.log(Date.now());
        instance.closeSync();
      } catch { console.log('refused'); }
      setTimeout(ask, 2);
    };
    console.log('asking');
    ask();`;
  const asker = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void asker.kill('SIGKILL'));
  const heard: { readonly at: number }[] = [];
  let refused = 0;
  await once(asker.stdout, 'data');
  asker.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) {
      if (/^\d+$/.test(line)) heard.push({ at: Number(line) });
      if (line === 'refused') refused += 1;
    }
  });
  return { asker, heard, refusals: () => refused };
}

import { describe, expect, it, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { ActiveGeneration, Generation } from '../../../src/lifecycle/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { ReloadCoordinator, type ReloadSteps } from '../../../src/reload/index.js';
import { DatabaseRegistry, GenerationDatabase } from '../../../src/duckdb/index.js';
import { Secret } from '../../../src/secrets/index.js';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { countOpen } from '../../kit/process-resources.js';
import { TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';
import { observeAnswers } from '../observing/observed-answers.js';
import { startShop } from '../../kit/projects/shop.js';

/** Runs until it is interrupted. */
const ENDLESS = 'SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE (a.range * b.range) % 7 = 9';

/** Runs SQL that does not end by itself; `cancel` interrupts it and waits until it has ended. */
async function startSql(server: InProcessServer, sql: string) {
  const client = await connectTo(server.url);
  const stop = new AbortController();
  const ended = client
    .callTool({ name: 'execute_sql_query', arguments: { sql } }, { signal: stop.signal, timeout: 60_000 })
    .then(
      () => 'answered',
      () => 'cancelled',
    );
  await vi.waitFor(async () => expect((await server.admin.status()).reload.active_requests).toBe(1));
  return {
    cancel: async () => {
      stop.abort();
      await ended;
      await vi.waitFor(async () => expect((await server.admin.status()).reload.active_requests).toBe(0));
      await client.close();
    },
  };
}

describe('a secret that a query is changing', () => {
  it.each([
    ['changed', (project: TemporaryProject) => project.write('shop.env', 'FIRST=http://first-2.example:2\n')],
    ['removed', (project: TemporaryProject) => project.write('config.yml', userConfig())],
  ])('stops a reload that has it %s, says so, and lets the next one through', async (_how, edit) => {
    const { project, server } = await startShop('readwrite');
    const before = await observeAnswers(server, ['price', 'secrets']);
    const transaction = await startSql(
      server,
      `BEGIN; CREATE OR REPLACE TEMPORARY SECRET first (TYPE http, HTTP_PROXY 'http://mine:1'); ${ENDLESS}; COMMIT`,
    );
    edit(project);
    // Until its first statements have run, nothing blocks the reload.
    await vi.waitFor(() => failedReload(server, { dryRun: true }));

    const { record } = await failedReload(server);

    expect(record.error).toMatchObject({ stage: 'build', code: 'secret_failed' });
    expect(record.error?.message).toContain('secret "first"');
    expect(record.error?.message).toContain('a running query is changing it too');
    expect(record.error?.message).toContain('reload again when the query has ended');
    await transaction.cancel();
    expect(await observeAnswers(server, ['price', 'secrets'])).toBe(before);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
  });
});

describe('a swap whose commit fails', () => {
  it('leaves the secrets, the generation and the files as they were, and the next reload recovers', async () => {
    using project = new TemporaryProject();
    const path = project.path('data.duckdb');
    const registry = new DatabaseRegistry();
    const build = (proxy: string): Promise<GenerationDatabase> =>
      GenerationDatabase.build(registry, {
        path,
        readonly: false,
        extensions: [],
        secrets: [{ name: 'only', type: 'http', parameters: { http_proxy: new Secret(proxy) } }],
      });
    const toGeneration = (number: number, database: GenerationDatabase) =>
      new Generation(number, database, () => database.dispose());
    let refuse = true;
    const steps: ReloadSteps<string, string, GenerationDatabase> = {
      load: async () => 'http://new:2',
      resolve: async (proxy) => proxy,
      build: async (proxy, { nextNumber }) => {
        const database = await build(proxy);
        const generation = toGeneration(nextNumber, database);
        return {
          needsHandover: false,
          check: () => database.ping(),
          prepareHandover: () => Promise.resolve(),
          commit: async () => {
            if (refuse) throw new Error('the commit was refused');
            await database.commit();
            return generation;
          },
          dispose: () => generation.dispose(),
        };
      },
      announce: () => undefined,
    };
    const first = await build('http://old:1');
    await first.commit();
    const active = new ActiveGeneration(toGeneration(1, first));
    const limits = { pauseTimeoutMs: 1_000, drainTimeoutMs: 5_000 };
    const coordinator = new ReloadCoordinator({ active, steps, limits, logger: createSilentLogger() });
    const openBefore = countOpen('self', path);

    const failed = await coordinator.request({ trigger: 'api' }).ended;

    expect(failed).toMatchObject({ status: 'error', error: { stage: 'swap' }, generation: { from: 1, to: null } });
    expect(active.current.number).toBe(1);
    expect(await proxyOf(active.current.contents)).toContain('http_proxy=http://old:1');
    expect(countOpen('self', path)).toBe(openBefore);

    refuse = false;
    expect(await coordinator.request({ trigger: 'api' }).ended).toMatchObject({ status: 'success' });
    expect(await proxyOf(active.current.contents)).toContain('http_proxy=http://new:2');
    await coordinator.close();
    await active.current.dispose();
    expect(countOpen('self', path)).toBe(0);
  });
});

async function proxyOf(database: GenerationDatabase): Promise<string> {
  const rows: unknown[] = [];
  await database.query(
    'SELECT secret_string FROM duckdb_secrets()',
    {},
    { caller: ANONYMOUS, onRow: (row) => void rows.push(row) },
  );
  return JSON.stringify(rows);
}

describe('a call that does not end', () => {
  it('is reported as draining, holds up no later reload, and frees its generation when it ends', async () => {
    const { server } = await startShop('readwrite');
    const client = await connectTo(server.url);
    const call = await startSql(server, ENDLESS);

    const record = await server.admin.reload({ waitMs: 20_000 });

    expect(record).toMatchObject({ status: 'success', generation: { from: 1, to: 2 }, requests_draining: 1 });
    expect(stageOf(record, 'swap')).toBe('success');
    expect(stageOf(record, 'drain')).toBe('running');
    expect(stageOf(record, 'dispose')).toBe('pending');
    expect((await server.admin.status()).reload).toMatchObject({
      draining: true,
      in_progress: false,
      active_requests: 1,
    });
    expect(await callText(client, 'price')).toBe('1');
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ generation: { from: 2, to: 3 } });

    await call.cancel();

    await vi.waitFor(async () => {
      const ended = await server.admin.reloadRecord(record.id);
      expect(stageOf(ended, 'drain')).toBe('success');
      expect(stageOf(ended, 'dispose')).toBe('success');
    });
    expect((await server.admin.status()).reload).toMatchObject({ draining: false, active_requests: 0 });
    await client.close();
  });
});

function stageOf(record: { readonly stages: readonly { name: string; status: string }[] }, name: string) {
  return record.stages.find((stage) => stage.name === name)?.status;
}

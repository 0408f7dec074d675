import { rmSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { countOpen } from '../../kit/process-resources.js';
import { httpSecret, sqlTool, userConfig } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';
import { observeAnswers } from '../observing/observed-answers.js';
import { replaceDatabase } from './reload-database-faults.js';
import { createShopProject, PROXIES, startShop } from '../../kit/projects/shop.js';
import { InProcessServer } from '../../kit/in-process-server.js';

const RELOAD = { waitMs: 20_000 } as const;

function outcomesOf(record: ReloadRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(record.references.map(({ ref, outcome }) => [ref, outcome]));
}

async function call(url: string, tool: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const client = await connectTo(url);
  try {
    return await callText(client, tool, parameters);
  } finally {
    await client.close();
  }
}

describe('after a reload', () => {
  it('a variable of an env file and the text of a secret file are live in DuckDB, and the record says which changed', async () => {
    const { project, server } = await startShop('readonly');
    expect(await call(server.url, 'secrets')).toContain('http_proxy=http://first-1.example:1');
    project.write('shop.env', 'FIRST=http://first-2.example:2\n');

    expect(outcomesOf(await server.admin.reload(RELOAD))).toEqual({
      '${FIRST}': 'changed',
      'file://second.txt': 'unchanged',
    });

    const after = await call(server.url, 'secrets');
    expect(after).toContain('http_proxy=http://first-2.example:2');
    expect(after).toContain('http_proxy=http://second-1.example:1');
    project.write('second.txt', 'http://second-2.example:2\n');
    expect(outcomesOf(await server.admin.reload(RELOAD))).toEqual({
      '${FIRST}': 'unchanged',
      'file://second.txt': 'changed',
    });
    expect(await call(server.url, 'secrets')).toContain('http_proxy=http://second-2.example:2');
  });

  it('/config shows a rotation by another fingerprint, and never a value', async () => {
    const { project, server } = await startShop('readonly');
    const before = await server.admin.config();
    project.write('second.txt', 'http://second-2.example:2\n');
    await server.admin.reload(RELOAD);
    const after = await server.admin.config();
    const [first, second] = [before, after].map(
      ({ references }) => new Map(references.map((reference) => [reference.ref, reference])),
    );
    expect(second?.get('${FIRST}')?.fingerprint).toBe(first?.get('${FIRST}')?.fingerprint);
    expect(second?.get('${FIRST}')).toMatchObject({ source: 'env_file' });
    expect(second?.get('file://second.txt')?.fingerprint).not.toBe(first?.get('file://second.txt')?.fingerprint);
    const everything = JSON.stringify([before, after, await server.admin.reloads(), server.logLines]);
    for (const value of ['first-1.example', 'second-1.example', 'second-2.example', 'literal-third-token'])
      expect(everything).not.toContain(value);
  });

  it('a secret file that was emptied is warned about once, as at a start, and is in each record', async () => {
    const { project, server } = await startShop('readonly');
    const warnings = (): number => server.logLines.filter((line) => line.includes('the file is empty')).length;
    const emptied = async () => {
      const { references } = await server.admin.reload(RELOAD);
      return references.find(({ ref }) => ref === 'file://second.txt');
    };
    project.write('second.txt', '');
    expect(await emptied()).toMatchObject({ outcome: 'changed', error: 'the file is empty' });
    await vi.waitFor(() => expect(warnings()).toBe(1));
    expect(await emptied()).toMatchObject({ outcome: 'unchanged', error: 'the file is empty' });
    expect(warnings()).toBe(1);
    project.write('second.txt', 'http://second-2.example:1');
    expect(await emptied()).toMatchObject({ outcome: 'changed', error: null });
  });

  it('secrets that were added or removed are there or gone, and which one DuckDB would use follows', async () => {
    const scoped = userConfig([...httpSecret('wide', 'literal-wide-token'), "  SCOPE: 'https://data.example'"]);
    const narrow = userConfig(
      [...httpSecret('wide', 'literal-wide-token'), "  SCOPE: 'https://data.example'"],
      [...httpSecret('narrow', 'literal-narrow-token'), "  SCOPE: 'https://data.example/private'"],
    );
    const which = sqlTool('which', "SELECT name FROM which_secret('https://data.example/private/a.csv', 'http')", [
      'return: { type: array }',
    ]);
    const { project, server } = await startShop('readonly', {
      files: { 'config.yml': scoped, 'tools/which.yml': which },
    });
    expect(await call(server.url, 'which')).toContain('wide');
    project.write('config.yml', narrow);
    await server.admin.reload(RELOAD);
    expect(await call(server.url, 'which')).toContain('narrow');
    project.write('config.yml', userConfig());
    await server.admin.reload(RELOAD);
    expect(await call(server.url, 'which')).toBe('[]');
    expect(await call(server.url, 'secrets')).toBe('[]');
  });

  it('a replaced read-only database answers, and the files of the old one are closed', async () => {
    const { project, server } = await startShop('readonly');
    const openBefore = countOpen('self', project.path('shop.duckdb'));
    await replaceDatabase(project, 2);
    expect(await call(server.url, 'price')).toBe('1');

    const record = await server.admin.reload(RELOAD);

    expect(record.database).toEqual({ action: 'reopened', pause_ms: 0, requests_held: 0 });
    expect(await call(server.url, 'price')).toBe('2');
    expect(countOpen('self', project.path('shop.duckdb'))).toBe(openBefore);
    expect(await server.admin.reload(RELOAD)).toMatchObject({ database: { action: 'kept' } });
  });

  it('a name that comes from the environment of the process says so', async () => {
    using project = await createShopProject('readonly');
    await using server = await InProcessServer.start(project, { env: { FIRST: 'http://process.example:1' } });
    const { references } = await server.admin.config();
    expect(references).toContainEqual(expect.objectContaining({ ref: '${FIRST}', source: 'process_env' }));
    expect(outcomesOf(await server.admin.reload(RELOAD))).toMatchObject({ '${FIRST}': 'unchanged' });
  });

  it('what only a restart applies still runs as it did, and is reported with both values, secret ones hidden', async () => {
    const { project, server } = await startShop('readonly', {
      env: { BASE_URL: 'https://hidden.example' },
      files: { 'config.yml': [...PROXIES, 'logging:', '  level: INFO'] },
    });
    project.write('config.yml', [
      ...PROXIES,
      'logging:',
      '  level: DEBUG',
      'transport:',
      '  http:',
      '    base_url: ${BASE_URL}',
    ]);
    project.write('mxcp-site.yml', [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles:',
      '  dev:',
      '    duckdb: { path: other.duckdb, readonly: true }',
    ]);

    const record = await server.admin.reload(RELOAD);

    const changes = new Map(record.restart_required.map((change) => [change.setting, change]));
    expect(changes.get('logging.level')).toMatchObject({ running: 'INFO', on_disk: 'DEBUG' });
    expect(changes.get('transport.http.base_url')).toMatchObject({ running: null, on_disk: '[secret]' });
    expect([...changes.keys()]).toContain('profiles.dev.duckdb.path');
    expect((await server.admin.config()).restart_required).toEqual(record.restart_required);
    expect(await call(server.url, 'price')).toBe('1');
    expect((await server.admin.config()).duckdb.path).toBe(project.path('shop.duckdb'));

    project.write('config.yml', ['mxcp: 1', 'projects: [']);
    await expect(server.admin.reload(RELOAD)).rejects.toThrow('stage load');
    expect((await server.admin.config()).restart_required).toEqual(record.restart_required);
  });
});

describe('endpoint definitions', () => {
  const DEARER = sqlTool('price', 'SELECT price * 100 FROM item', ['return: { type: integer }']);

  it('stay as they serve in a plain reload, which reports that they differ', async () => {
    const { project, server } = await startShop('readonly');
    project.write('tools/price.yml', DEARER);
    project.write('tools/extra.yml', sqlTool('extra', 'SELECT 1'));
    project.remove('tools/secrets.yml');
    const record = await server.admin.reload(RELOAD);
    expect(record.definitions_changed).toEqual([
      'tools/extra.yml: added',
      'tools/price.yml: changed',
      'tools/secrets.yml: removed',
    ]);
    expect(await call(server.url, 'price')).toBe('1');
    expect((await server.admin.config()).endpoints.tools).toEqual(['price', 'secrets']);
  });

  it('that are broken do not stop a plain reload', async () => {
    const { project, server } = await startShop('readonly');
    project.write('tools/price.yml', 'tool: [');
    expect(await server.admin.reload(RELOAD)).toMatchObject({
      status: 'success',
      definitions_changed: ['tools/price.yml: changed'],
    });
    expect(await call(server.url, 'price')).toBe('1');
  });

  it.each(ERAS)('are applied by a reload that asks for them, and a client of the era "%s" is notified', async (era) => {
    const { project, server } = await startShop('readonly');
    const onToolsChanged = vi.fn();
    const client = await connectTo(server.url, { era, onToolsChanged });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['price', 'secrets']);
    project.write('tools/price.yml', DEARER);
    project.write('tools/extra.yml', sqlTool('extra', 'SELECT 1'));

    // The stream of notifications opens in parallel with the first calls, so the first change may come too early for it.
    await vi.waitFor(
      async () => {
        project.write(
          'tools/extra.yml',
          sqlTool(`extra_${onToolsChanged.mock.calls.length}_${Math.trunc(performance.now())}`, 'SELECT 1'),
        );
        expect(await server.admin.reload({ ...RELOAD, definitions: true })).toMatchObject({
          status: 'success',
          definitions: true,
        });
        expect(onToolsChanged).toHaveBeenCalled();
      },
      { timeout: 10_000, interval: 100 },
    );

    expect((await client.listTools()).tools).toHaveLength(3);
    expect(await callText(client, 'price')).toBe('100');
    await client.close();
  });
});

describe('a dry run', () => {
  it('that succeeds changes nothing, however much there is to change', async () => {
    const { project, server } = await startShop('readonly');
    const before = await observeAnswers(server, ['price', 'secrets']);
    const openBefore = countOpen('self', project.path(''));
    project.write('shop.env', 'FIRST=http://first-2.example:2\n');
    await replaceDatabase(project, 2);

    const record = await server.admin.reload({ dryRun: true });

    expect(record).toMatchObject({ status: 'success', dry_run: true, generation: { from: 1, to: null } });
    expect(record.stages.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'load success',
      'resolve success',
      'build success',
      'check success',
      'swap skipped',
      'drain skipped',
      'dispose skipped',
    ]);
    expect(await observeAnswers(server, ['price', 'secrets'])).toBe(before);
    expect((await server.admin.status()).reload.last_reload).toBeNull();
    // The replaced file is one descriptor under another name now; nothing was added.
    expect(countOpen('self', project.path(''))).toBe(openBefore);
  });
});

describe('a sequence', () => {
  it('of valid, invalid and valid recovers without help, and each record stays readable', async () => {
    const { project, server } = await startShop('readonly');
    const seen: string[] = [];
    for (const round of [2, 3, 4, 5]) {
      project.write('shop.env', `FIRST=http://first-${round}.example:1\n`);
      await server.admin.reload(RELOAD);
      seen.push(await call(server.url, 'secrets'));
      rmSync(project.path('shop.env'));
      await failedReload(server);
      expect(await call(server.url, 'secrets')).toBe(seen.at(-1));
      expect((await server.admin.config()).last_rejected?.error).toContain('the env file does not exist');
    }
    expect(new Set(seen).size).toBe(4);
    const { reloads } = await server.admin.reloads();
    expect(reloads.map(({ status }) => status)).toEqual([
      'error',
      'success',
      'error',
      'success',
      'error',
      'success',
      'error',
      'success',
    ]);
    expect((await server.admin.status()).status).toBe('ok');
  });
});

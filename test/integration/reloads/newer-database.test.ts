import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createSilentLogger } from '../../../src/logging/index.js';
import { checkProject } from '../../../src/project/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { HandoverShop, SITE } from '../../kit/projects/shop.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';

/** Written by DuckDB 2.0.1 with its defaults: one table `t`. */
const NEWER = fileURLToPath(new URL('../../fixtures/databases/duckdb-2.0.1.db', import.meta.url));

function messageOn(path: string): string {
  return (
    `cannot open database ${path}: it has storage version 69, written by DuckDB v2.0.1, and this server has DuckDB v1.5.6, which reads versions 64 to 68. ` +
    `Convert it with DuckDB v2.0.1 (\`ATTACH '${path}' AS old (READ_ONLY); ATTACH '${path}.new' AS new (STORAGE_VERSION 'v1.5.0'); COPY FROM DATABASE old TO new\`) ` +
    'and rename the new file over it; a program writes such files from the start with the option `storage_compatibility_version` set to `v1.5.0`'
  );
}

function projectWith(mode: keyof typeof SITE): TemporaryProject {
  const project = createProject({ 'mxcp-site.yml': SITE[mode], 'tools/a.yml': sqlTool('a', 'SELECT a FROM t') });
  copyFileSync(NEWER, project.path('shop.duckdb'));
  return project;
}

describe('a database file that a newer DuckDB has written', () => {
  it.each(['readonly', 'readwrite'] as const)(
    'is refused by a start, which says how to convert it (%s)',
    async (mode) => {
      const project = projectWith(mode);
      await expect(InProcessServer.start(project)).rejects.toMatchObject({
        code: 'database_too_new',
        problems: [{ file: project.path('mxcp-site.yml'), line: 6, message: messageOn(project.path('shop.duckdb')) }],
      });
    },
  );

  it('is reported by a check of the project', async () => {
    const project = projectWith('readwrite');
    const env = { HOME: project.path('home') };
    const settings = loadSettings({ flags: {}, env, cwd: project.root });
    const { databaseError } = await checkProject(settings, { env, logger: createSilentLogger() });
    expect(databaseError).toMatchObject({ code: 'database_too_new' });
  });

  it('is refused before a handover closes the old file', async () => {
    const shop = await HandoverShop.start();
    copyFileSync(NEWER, shop.project.path('next.duckdb'));
    shop.project.rename('next.duckdb', 'shop.duckdb');
    const { record } = await failedReload(shop.server);
    expect(record).toMatchObject({ error: { stage: 'check', code: 'database_too_new' }, database: { pause_ms: 0 } });
    expect(record.error?.message).toBe(messageOn(shop.database));
    expect(await shop.price()).toBe('1');
    await shop.replace(2);
    expect(await shop.reload()).toMatchObject({ status: 'success' });
    expect(await shop.price()).toBe('2');
  });

  it('is refused beside a read-only file, which stays', async () => {
    const shop = await HandoverShop.start({ mode: 'readonly' });
    copyFileSync(NEWER, shop.project.path('next.duckdb'));
    shop.project.rename('next.duckdb', 'shop.duckdb');
    expect((await failedReload(shop.server)).record).toMatchObject({ error: { code: 'database_too_new' } });
    expect(await shop.price()).toBe('1');
  });
});

describe('GET /config', () => {
  it('says which DuckDB runs, and which is the oldest that can read the file', async () => {
    const { server } = await HandoverShop.start();
    expect((await server.admin.config()).duckdb_engine).toEqual({ version: 'v1.5.6', storage_version: 'v1.0.0+' });
  });
});

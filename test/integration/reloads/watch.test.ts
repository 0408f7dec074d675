import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { countOpen } from '../../kit/process-resources.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { sqlTool, TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import {
  backgroundOf,
  lastReload,
  PATIENCE,
  proxiesOf,
  reloadsOf,
  untilBackground,
  untilReloads,
  untilServed,
} from './reload-by-itself.js';
import { replaceDatabase } from './reload-database-faults.js';
import { PROXIES, startShop } from '../../kit/projects/shop.js';
import { countKernelWatches, mountVersion, writeWithoutRest } from './watched-files.js';

const WATCH = { flags: { watch: true } } as const;

describe('with --watch', () => {
  it('what an env file and a secret file hold is live without being asked, once for each change', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    project.write('shop.env', 'FIRST=http://first-2.example:2\n');
    await untilServed(server, 'http_proxy=http://first-2.example:2');
    project.write('second.txt.new', 'http://second-2.example:2\n');
    project.rename('second.txt.new', 'second.txt');
    await untilServed(server, 'http_proxy=http://second-2.example:2');
    await untilReloads(server, ['watch success', 'watch success']);
    expect((await lastReload(server))?.references).toMatchObject([
      { ref: '${FIRST}', outcome: 'unchanged' },
      { ref: 'file://second.txt', outcome: 'changed' },
    ]);
    expect(await backgroundOf(server, 'watch')).toEqual({ name: 'watch', status: 'ok', message: 'watches 5 files' });
  });

  it('a volume of Kubernetes that is given new content is live', async () => {
    const { project, server } = await startShop('readonly', {
      ...WATCH,
      files: {
        'config.yml': userConfig(['name: mounted', 'type: http', 'parameters:', '  HTTP_PROXY: file://volume/proxy']),
        'volume/proxy': 'http://mounted-0.example:1',
      },
    });
    project.remove('volume');
    mountVersion(project, 'volume', { proxy: 'http://mounted-1.example:1' });
    await untilServed(server, 'http://mounted-1.example:1');
    mountVersion(project, 'volume', { proxy: 'http://mounted-22.example:1' });
    await untilServed(server, 'http://mounted-22.example:1');
    await untilReloads(server, ['watch success', 'watch success']);
  });

  it('both configuration files count, and files that a new one names are watched from then on', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    project.write('third.txt', 'http://third-1.example:1\n');
    project.write('config.yml', readFileSync(project.path('config.yml'), 'utf8').replace('second.txt', 'third.txt'));
    await untilServed(server, 'http://third-1.example:1');
    project.write('third.txt', 'http://third-2.example:1\n');
    await untilServed(server, 'http://third-2.example:1');
    // Watched no longer; had it been, the next reload would not be the third.
    project.write('second.txt', 'http://second-2.example:1\n');
    appendFileSync(project.path('mxcp-site.yml'), 'sql_tools: { enabled: true }\n');
    await untilReloads(server, ['watch success', 'watch success', 'watch success']);
    const { restart_required: restartRequired } = await server.admin.config();
    expect(restartRequired).toEqual([{ setting: 'sql_tools.enabled', running: false, on_disk: true }]);
  });

  it('a user configuration counts from the moment that there is one', async () => {
    using project = new TemporaryProject({
      'tools/secrets.yml': sqlTool('secrets', 'SELECT name, secret_string FROM duckdb_secrets()'),
    });
    await using server = await InProcessServer.start(project, WATCH);
    project.write(
      'home/.mxcp/config.yml',
      userConfig(['name: late', 'type: http', 'parameters:', '  HTTP_PROXY: http://late-1.example:1']),
    );
    await untilServed(server, 'http://late-1.example:1');
  });

  it('a user configuration that goes missing takes no secret away, and is live again when it is back', async () => {
    const named = (host: string) =>
      userConfig(['name: usual', 'type: http', 'parameters:', `  HTTP_PROXY: http://${host}.example:1`]);
    using project = new TemporaryProject({
      'tools/secrets.yml': sqlTool('secrets', 'SELECT name, secret_string FROM duckdb_secrets()'),
      'home/.mxcp/config.yml': named('usual-1'),
    });
    await using server = await InProcessServer.start(project, WATCH);
    project.remove('home/.mxcp/config.yml');
    await untilBackground(server, 'watch', 'failing');
    expect((await backgroundOf(server, 'watch'))?.message).toContain('config_not_found');
    expect(await proxiesOf(server)).toContain('http://usual-1.example:1');
    project.write('home/.mxcp/config.yml', named('usual-2'));
    await untilServed(server, 'http://usual-2.example:1');
  });

  it('half a file is not taken for the whole', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    const last = await writeWithoutRest(project, 'second.txt', {
      textOf: (round) => `http://second-${round}`,
      changes: 4,
    });
    appendFileSync(project.path('second.txt'), '.example:2\n');
    await untilServed(server, `http_proxy=http://second-${last}.example:2`);
    await untilReloads(server, ['watch success']);
  });

  it('many writes are one reload, and the last one counts', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    const last = await writeWithoutRest(project, 'shop.env', {
      textOf: (round) => `FIRST=http://round-${round}.example:1\n`,
      changes: 5,
    });
    await untilServed(server, `http://round-${last}.example:1`);
    await untilReloads(server, ['watch success']);
  });

  it('a reload that was requested elsewhere is not repeated', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    project.write('shop.env', 'FIRST=http://first-2.example:2\n');
    await server.admin.reload({ waitMs: 20_000 });
    project.write('second.txt', 'http://second-2.example:2\n');
    await untilServed(server, 'http_proxy=http://second-2.example:2');
    await untilReloads(server, ['api success', 'watch success']);
  });
});

describe('a change that cannot be loaded', () => {
  it('keeps the current generation, shows in /status, is retried with growing delays, and at once when it is fixed', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    project.write('config.yml', 'mxcp: [\n');
    await vi.waitFor(
      async () => expect((await backgroundOf(server, 'watch'))?.message).toContain('2 times in a row'),
      PATIENCE,
    );
    const status = await server.admin.status();
    expect(status).toMatchObject({ status: 'ok', generation: 1, reload: { last_reload_status: 'error' } });
    expect(status.background).toMatchObject([
      {
        name: 'watch',
        status: 'failing',
        message: expect.stringContaining('the reload failed at load (config_invalid): '),
      },
    ]);
    expect((await server.admin.ready()).status).toBe('ok');
    await untilServed(server, 'http_proxy=http://first-1.example:1');

    const failures = (await reloadsOf(server)).length;
    project.write('config.yml', PROXIES);
    await untilBackground(server, 'watch', 'ok');
    expect((await reloadsOf(server)).slice(failures)).toEqual(['watch success']);
    expect((await server.admin.status()).reload.last_reload_status).toBe('success');
  });

  it('succeeds by itself when what it misses appears', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    project.write('config.yml', readFileSync(project.path('config.yml'), 'utf8').replace('second.txt', 'late.txt'));
    await untilBackground(server, 'watch', 'failing');
    expect((await backgroundOf(server, 'watch'))?.message).toContain('file://late.txt');
    project.write('late.txt', 'http://late-1.example:1\n');
    await untilServed(server, 'http://late-1.example:1');
    expect(await backgroundOf(server, 'watch')).toMatchObject({ status: 'ok' });
  });

  it('is forgotten when a reload by hand has succeeded', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    project.remove('shop.env');
    await untilBackground(server, 'watch', 'failing');
    project.write('shop.env', 'FIRST=http://first-3.example:1\n');
    await server.admin.reload({ waitMs: 20_000 });
    expect(await backgroundOf(server, 'watch')).toMatchObject({ status: 'ok' });
  });
});

describe('the database', () => {
  it('that is read-only and was replaced is served, without being asked', async () => {
    const { project, server } = await startShop('readonly', WATCH);
    const client = await connectTo(server.url);
    expect(await callText(client, 'price')).toBe('1');
    await replaceDatabase(project, 2);
    await vi.waitFor(async () => expect(await callText(client, 'price')).toBe('2'), PATIENCE);
    await client.close();
    expect(await lastReload(server)).toMatchObject({ trigger: 'watch', database: { action: 'reopened' } });
  });

  it('that is read-write and was replaced is handed over, without being asked, and noticed again the next time', async () => {
    const { project, server } = await startShop('readwrite', WATCH);
    const client = await connectTo(server.url);
    for (const price of [2, 3]) {
      await replaceDatabase(project, price);
      await vi.waitFor(async () => expect(await callText(client, 'price')).toBe(String(price)), PATIENCE);
      expect(await lastReload(server)).toMatchObject({ trigger: 'watch', database: { action: 'handover' } });
    }
    await client.close();
    await untilReloads(server, ['watch success', 'watch success']);
  });

  it('that is read-write may be written to, is never opened by the watcher, and stays locked', async () => {
    const { project, server } = await startShop('readwrite', WATCH);
    const client = await connectTo(server.url);
    const openBefore = countOpen('self', project.path('shop.duckdb'));
    const locksBefore = locksOn(project.path('shop.duckdb'));
    expect(locksBefore).not.toEqual([]);
    for (let round = 1; round <= 20; round += 1)
      await callText(client, 'execute_sql_query', { sql: `UPDATE item SET price = ${round}; CHECKPOINT` });
    // A change that counts: the checks that it causes include the database.
    project.write('second.txt', 'http://second-2.example:2\n');
    await untilServed(server, 'http_proxy=http://second-2.example:2');
    await client.close();
    await untilReloads(server, ['watch success']);
    expect(countOpen('self', project.path('shop.duckdb'))).toBe(openBefore);
    expect(locksOn(project.path('shop.duckdb'))).toEqual(locksBefore);
  });
});

describe('without --watch', () => {
  it('nothing is watched, and nothing is said of it', async () => {
    const before = countKernelWatches();
    const { server } = await startShop('readonly');
    expect((await server.admin.status()).background).toEqual([]);
    expect(countKernelWatches()).toBe(before);
  });
});

it('a server that is closed watches nothing any more', async () => {
  const before = countKernelWatches();
  const { server } = await startShop('readonly', WATCH);
  await vi.waitFor(() => expect(countKernelWatches()).toBeGreaterThan(before), PATIENCE);
  await server.server.close();
  expect(countKernelWatches()).toBe(before);
});

/** The locks of a file, from `/proc/locks`. */
function locksOn(path: string): readonly string[] {
  const { ino } = statSync(path);
  const locks = readFileSync('/proc/locks', 'utf8').split('\n');
  return locks.filter((line) => line.includes(`:${ino} `)).map((line) => line.replace(/^\d+: /, ''));
}

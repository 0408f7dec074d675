import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parse } from 'yaml';
import { ChildServer, type SpawnOptions } from '../kit/child-server.js';
import { tlsFile } from '../kit/loopback-server.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { createShop, createShopProject, SITE } from '../kit/projects/shop.js';
import { vaultSection } from '../kit/projects/store-project.js';
import {
  createProject,
  pythonTool,
  type ProjectFiles,
  sqlTool,
  type TemporaryProject,
  userConfig,
} from '../kit/projects/temporary-project.js';
import { VaultServer } from '../kit/vault-server.js';
import { DEPLOYED, freePort, PrometheusServer } from './prometheus-server.js';

const ENDLESS = 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 8';

let prometheus: PrometheusServer;

beforeAll(async () => {
  prometheus = await PrometheusServer.start();
});
afterAll(() => prometheus[Symbol.asyncDispose]());

interface Scraped {
  readonly server: ChildServer;
  /** Of its metrics. */
  readonly url: string;
}

/** A server that is scraped, until the test has ended. */
async function startScraped(project: TemporaryProject, { args = [], ...options }: SpawnOptions = {}): Promise<Scraped> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/metrics`;
  const server = await ChildServer.start(project, { ...options, args: [...args, '--metrics-listen', String(port)] });
  onTestFinished(() => server[Symbol.asyncDispose]());
  prometheus.scrape(url);
  await prometheus.scraped(url);
  return { server, url };
}

async function createScrapedShop(files: ProjectFiles = {}): Promise<TemporaryProject> {
  const project = await createShopProject('readwrite', files);
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

const withEnv = (project: TemporaryProject, ...args: readonly string[]) => ({
  args: ['--env-file', project.path('shop.env'), ...args],
});

/** Begins calls whose ends do not matter. */
async function callAside({ url }: ChildServer, name: string, times: number): Promise<void> {
  const client = await connectTo(url);
  onTestFinished(() => client.close().catch(() => undefined));
  for (let call = 0; call < times; call += 1) client.callTool({ name, arguments: {} }).catch(() => undefined);
}

describe('reloads and files', () => {
  it('a reload that fails, files that were not read, settings that wait for a restart, a forgotten drain', async () => {
    const project = await createScrapedShop();
    const { server, url } = await startScraped(project, withEnv(project));
    project.write('tools/added.yml', sqlTool('added', 'SELECT 1 AS one'));
    project.write('mxcp-site.yml', [...SITE.readwrite, 'extensions: [json]']);
    await server.admin.reload({ waitMs: 20_000 });
    await prometheus.fired('MxcpDefinitionsUnread', url);
    await prometheus.fired('MxcpRestartRequired', url);
    rmSync(project.path('second.txt'));
    await expect(server.admin.reload({ waitMs: 20_000 })).rejects.toThrow();
    await prometheus.fired('MxcpReloadFailed', url);
    await server.admin.drain();
    await prometheus.fired('MxcpDrained', url);
  });

  it('endpoint files with errors', async () => {
    const project = await createScrapedShop({ 'tools/broken.yml': 'mxcp: 1\ntool: { name: broken }\n' });
    const { url } = await startScraped(project, withEnv(project, '--ignore-errors'));
    await prometheus.fired('MxcpEndpointsRefused', url);
  });

  it('a handover that waits for a call', async () => {
    const project = await createScrapedShop({ 'tools/slow.yml': sqlTool('slow', ENDLESS) });
    const { server, url } = await startScraped(project, withEnv(project));
    await callAside(server, 'slow', 1);
    await createShop(project.path('next.duckdb'), 2);
    project.rename('next.duckdb', 'shop.duckdb');
    await server.admin.requestReload();
    await prometheus.fired('MxcpReloadStuck', url);
  });
});

describe('the process', () => {
  it('a server that is frozen', async () => {
    const project = await createScrapedShop();
    const { server, url } = await startScraped(project, withEnv(project));
    server.child.kill('SIGSTOP');
    await prometheus.fired('MxcpDown', url).finally(() => server.child.kill('SIGCONT'));
  });

  it('a server that is killed, also one that starts again and again', async () => {
    const project = await createScrapedShop();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/metrics`;
    prometheus.scrape(url);
    for (let start = 0; start < 5; start += 1) {
      const server = await ChildServer.start(project, withEnv(project, '--metrics-listen', String(port)));
      await prometheus.scraped(url);
      server.child.kill('SIGKILL');
      await server.ended;
      await prometheus.fired('MxcpDown', url);
      await vi.waitFor(
        async () => expect((await prometheus.query(`up{instance="127.0.0.1:${port}"} == 0`)).length).toBe(1),
        10_000,
      );
    }
    await prometheus.fired('MxcpRestarting', url);
  });

  it('a start that waits for a secret', async () => {
    const project = await createScrapedShop();
    rmSync(project.path('second.txt'));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/metrics`;
    const server = ChildServer.spawn(
      project,
      withEnv(project, '--metrics-listen', String(port), '--wait-for-secrets', '5m'),
    );
    onTestFinished(() => server[Symbol.asyncDispose]());
    prometheus.scrape(url);
    await prometheus.fired('MxcpNotReady', url);
  });

  it('descriptors that run out, and an event loop that is blocked', async () => {
    const project = await createScrapedShop();
    const { server, url } = await startScraped(project, { ...withEnv(project), begin: ['prlimit', '--nofile=96'] });
    const { hostname, port } = new URL(server.url);
    const sockets: Socket[] = Array.from({ length: 60 }, () =>
      connect(Number(port), hostname).on('error', () => undefined),
    );
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    await prometheus.fired('MxcpDescriptorsRunOut', url);
    // A process that does not get the processor for most of the time, but answers each scrape.
    const blocking = setInterval(() => {
      server.child.kill('SIGSTOP');
      setTimeout(() => server.child.kill('SIGCONT'), 700);
    }, 1000);
    await prometheus.fired('MxcpEventLoopBlocked', url).finally(() => clearInterval(blocking));
    server.child.kill('SIGCONT');
  });
});

describe('calls', () => {
  it('calls that fail, and lines that are left out of the log', async () => {
    const project = await createScrapedShop({
      'tools/bad.yml': sqlTool('bad', 'SELECT CAST(name AS INTEGER) FROM item'),
    });
    const { server, url } = await startScraped(project, withEnv(project));
    const client = await connectTo(server.url);
    onTestFinished(() => client.close());
    for (let call = 0; call < 20; call += 1) await expect(callText(client, 'bad')).rejects.toThrow('failed');
    await prometheus.fired('MxcpLogLinesLeftOut', url);
    // A series needs two scrapes for a rate.
    await vi.waitFor(async () => {
      await expect(callText(client, 'bad')).rejects.toThrow('failed');
      expect(await prometheus.query(`ALERTS{alertname="MxcpCallsFail", instance="${new URL(url).host}"}`)).not.toEqual(
        [],
      );
    }, 30_000);
  });

  it('slow calls, calls that wait and calls that are refused', async () => {
    const project = await createScrapedShop({ 'tools/slow.yml': sqlTool('slow', ENDLESS) });
    const args = ['--call-timeout', '12s', '--max-concurrent-calls', '1', '--max-queued-calls', '1'];
    const { server, url } = await startScraped(project, withEnv(project, ...args));
    await callAside(server, 'slow', 6);
    await prometheus.fired('MxcpCallsQueue', url);
    await vi.waitFor(
      async () => {
        await callAside(server, 'slow', 2);
        expect(
          await prometheus.query(`ALERTS{alertname="MxcpCallsRefused", instance="${new URL(url).host}"}`),
        ).not.toEqual([]);
      },
      { timeout: 30_000, interval: 1000 },
    );
    await prometheus.fired('MxcpCallsSlow', url);
  });

  it('calls of a caller who asks too often', async () => {
    // Its one answer is shortened, which a panel of the dashboard shows.
    const limited = sqlTool('limited', 'FROM range(9)', ['max_rows: 5', 'rate_limit: { calls: 1, per: 1h }']);
    const project = await createScrapedShop({ 'tools/limited.yml': limited });
    const { server, url } = await startScraped(project, withEnv(project));
    const client = await connectTo(server.url);
    onTestFinished(() => client.close());
    await callText(client, 'limited');
    await vi.waitFor(async () => {
      await expect(callText(client, 'limited')).rejects.toThrow('too many calls');
      expect(
        await prometheus.query(`ALERTS{alertname="MxcpCallsRateLimited", instance="${new URL(url).host}"}`),
      ).not.toEqual([]);
    }, 30_000);
  });

  it('Python processes that crash, and cannot start again', async () => {
    const project = createProject({
      'tools/die.yml': pythonTool('die', 'python/die.py'),
      'python/die.py': [
        'import os',
        'from mxcp.runtime import on_init',
        '@on_init',
        'def begin():',
        `    if os.path.exists(os.path.join(${JSON.stringify('ROOT')}, "broken")): raise RuntimeError("broken")`,
        'def die():',
        '    os._exit(3)',
      ],
    });
    project.write('python/die.py', readFileSync(project.path('python/die.py'), 'utf8').replace('ROOT', project.root));
    const { server, url } = await startScraped(project, { args: ['--python-workers', '1'] });
    const client = await connectTo(server.url);
    onTestFinished(() => client.close());
    for (let call = 0; call < 5; call += 1) {
      await expect(callText(client, 'die')).rejects.toThrow();
      await vi.waitFor(async () => expect((await server.admin.ready()).status).toBe('ok'), 20_000);
    }
    await prometheus.fired('MxcpPythonCrashes', url);
    writeFileSync(project.path('broken'), '');
    await expect(callText(client, 'die')).rejects.toThrow();
    await prometheus.fired('MxcpPythonDown', url);
  });
});

describe('secrets and resources', () => {
  it('a secret store that is down, with a token, a lease and a certificate that end', async () => {
    await using vault = await new VaultServer()
      .mount('creds/', 1, 'database')
      .put('creds/db', { password: 'http://proxy.example:1' })
      .listen();
    const secret = ['name: db', 'type: http', 'parameters:', '  HTTP_PROXY: vault://creds/db#password'];
    const section = vaultSection(vault.address, [`ca_cert: ${tlsFile('expired')}`]);
    const project = await createScrapedShop({
      'config.yml': [...userConfig(secret), ...section, 'reload: { refresh: 1s }'],
    });
    const env = { VAULT_TOKEN: vault.issueToken({ ttl: 50 }) };
    const { url } = await startScraped(project, { ...withEnv(project), env });
    await prometheus.fired('MxcpTokenExpires', url);
    await prometheus.fired('MxcpCertificateExpires', url);
    await prometheus.fired('MxcpLeaseEnds', url);
    vault.sealed = true;
    await prometheus.fired('MxcpSecretsStale', url);
  });

  it('a disk that is nearly full', async () => {
    const project = createProject();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'mxcp-test', project.root], {
      encoding: 'utf8',
    });
    expect(mounted.status, `this test mounts a small disk, which root may do: ${mounted.stderr}`).toBe(0);
    onTestFinished(() => void spawnSync('umount', ['--lazy', project.root]));
    project.write('mxcp-site.yml', ['mxcp: 1', 'project: shop', 'profile: dev']);
    const { url } = await startScraped(project);
    project.write('filler', new Uint8Array(7.5 * 1024 * 1024));
    await prometheus.fired('MxcpDiskFills', url);
  });

  it('DuckDB that uses nearly all of its memory', async () => {
    const fill = 'SELECT count(*) FROM (SELECT DISTINCT md5(range::TEXT) FROM range(60000000))';
    const project = await createScrapedShop({ 'tools/fill.yml': sqlTool('fill', fill) });
    const { server, url } = await startScraped(
      project,
      withEnv(project, '--duckdb-memory-limit', '96MiB', '--duckdb-temp-limit', '2GiB'),
    );
    await callAside(server, 'fill', 1);
    await prometheus.fired('MxcpMemoryFills', url);
  });
});

describe('afterwards', () => {
  const rules = parse(readFileSync(join(DEPLOYED, 'prometheus/mxcp.rules.yml'), 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
  };

  it('every alert has fired', async () => {
    const fired = await prometheus.query('count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))');
    const names = fired.map(({ metric }) => metric['alertname']);
    const all = rules.groups.flatMap((group) => group.rules.map(({ alert }) => alert));
    expect(all.filter((alert) => !names.includes(alert))).toEqual([]);
  });

  it('every panel of the dashboard shows something', async () => {
    const { panels } = JSON.parse(readFileSync(join(DEPLOYED, 'grafana/mxcp.json'), 'utf8')) as {
      readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
    };
    for (const { title, targets } of panels) {
      // A row has none.
      if (targets === undefined) continue;
      const found = targets.map(({ expr }) => {
        const query = expr
          .replaceAll('$__rate_interval', '10m')
          .replaceAll('$job', 'mxcp')
          .replaceAll('$instance', '.+');
        return prometheus.query(`last_over_time((${query})[15m:5s])`);
      });
      expect([title, (await Promise.all(found)).flat().length]).not.toEqual([title, 0]);
    }
  });
});

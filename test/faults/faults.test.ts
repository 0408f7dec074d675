import { connect, type Socket } from 'node:net';
import { relative } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { createDatabaseFile } from '../kit/database-file.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { createProject, httpSecret, pythonTool, sqlTool, userConfig } from '../kit/projects/temporary-project.js';
import { vaultSection } from '../kit/projects/store-project.js';
import { VaultServer } from '../kit/vault-server.js';
import { conditionOf } from './alert-condition.js';
import { PATIENCE, signsOf, StagedServer } from './staged-fault.js';

const SLOW = 'SELECT sum(hash(a.range + b.range)) AS n FROM range(100000000) a, range(100000) b';
const REFRESH = 'reload: { refresh: 1s }';

function vaulted(vault: VaultServer): readonly string[] {
  return [...userConfig(httpSecret('feed', 'vault://kv/feed#token')), ...vaultSection(vault.address), REFRESH];
}

/** Which certificate it has is read whenever it begins to listen. */
async function startVault(options: { certificate?: 'server' | 'expired' } = {}): Promise<VaultServer> {
  const vault = new VaultServer(options).mount('kv/', 2);
  return vault.put('kv/feed', { token: 'a-token-of-the-feed' }).listen();
}

describe('a fault of a running server is named by its log, a metric, an event and the page', () => {
  it('a secret store is down', async () => {
    await using vault = await startVault();
    const project = createProject({ 'config.yml': vaulted(vault) });
    await using staged = await StagedServer.start(project, { env: { VAULT_TOKEN: vault.issueToken() } });
    await vault.stop();
    await staged.expectSigns('a secret store is down');
    await vault.listen();
    await staged.expectMetric('mxcp_background_ok{name="refresh"} 1');
  });

  it('a secret is stale', async () => {
    const config = [...userConfig(httpSecret('feed', 'file://token')), REFRESH];
    const project = createProject({ 'config.yml': config, token: 'a-token-of-the-feed' });
    await using staged = await StagedServer.start(project);
    project.remove('token');
    await staged.expectSigns('a secret is stale');
    const { references } = await staged.server.admin.config();
    expect(Date.parse(references[0]?.changed_at ?? '')).toBeLessThanOrEqual(Date.now());
    expect((await staged.server.admin.status()).status).toBe('ok');
  });

  it('a certificate has expired', async () => {
    const options: { certificate: 'server' | 'expired' } = { certificate: 'server' };
    await using vault = await startVault(options);
    const project = createProject({ 'config.yml': vaulted(vault) });
    await using staged = await StagedServer.start(project, { env: { VAULT_TOKEN: vault.issueToken() } });
    options.certificate = 'expired';
    await vault.stop();
    await vault.listen();
    await staged.expectSigns('a certificate has expired');
  });

  it('the disk is full', async () => {
    const project = createProject({
      'tools/fill.yml': sqlTool(
        'fill',
        'CREATE TABLE IF NOT EXISTS filled AS SELECT hash(range) AS a, hash(range + 1) AS b FROM range(5000000)',
      ),
      'small/.keep': '',
      'config.yml': ['mxcp: 1', 'logging:', '  path: small/mxcp.log', ...userConfig().slice(1)],
    });
    project.write('mxcp-site.yml', [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles: { dev: { duckdb: { path: small/shop.duckdb } } }',
    ]);
    // A file system of four megabytes, which only this server sees.
    const mount = `mount -t tmpfs -o size=4m tmpfs '${project.path('small')}' && exec "$@"`;
    const begin = ['unshare', '-rm', '--', 'sh', '-c', mount, 'sh'];
    await using staged = await StagedServer.start(project, { begin });
    const client = await connectTo(staged.server.url);
    await expect(callText(client, 'fill')).rejects.toThrow(/fill failed/);
    await client.close();
    await vi.waitFor(async () => {
      await staged.server.admin.reload({ waitMs: 30_000 }).catch(() => undefined);
      expect(staged.server.stderr).toContain(signsOf('the disk is full').log);
    }, PATIENCE);
    await staged.expectSigns('the disk is full');
  });

  it('a Python worker ends again and again', async () => {
    const project = createProject({
      'tools/crash.yml': pythonTool('crash', 'python/crash.py'),
      'python/crash.py': 'import os\n\ndef crash():\n    os._exit(7)\n',
    });
    await using staged = await StagedServer.start(project);
    const client = await connectTo(staged.server.url);
    for (let round = 0; round < 5; round += 1) await expect(callText(client, 'crash')).rejects.toThrow(/crash failed/);
    await client.close();
    await staged.expectSigns('a Python worker ends again and again');
  });

  it('calls are slow', async () => {
    const project = createProject({ 'tools/slow.yml': sqlTool('slow', SLOW) });
    const args = ['--call-timeout', '4s', '--max-concurrent-calls', '1'];
    await using staged = await StagedServer.start(project, { args });
    const client = await connectTo(staged.server.url);
    const calls = Array.from({ length: 8 }, () => callText(client, 'slow').catch((error: unknown) => String(error)));
    await staged.expectMetric(signsOf('calls are slow').metric ?? '');
    await staged.expectAlert(signsOf('calls are slow').alert ?? '');
    expect((await Promise.all(calls)).join()).toMatch(/slow failed/);
    await client.close();
    const { log, event } = signsOf('calls are slow');
    await vi.waitFor(() => expect(staged.server.stderr).toContain(log), PATIENCE);
    await staged.expectEvent(event ?? '');
  });

  it('a drain does not end', async () => {
    const project = createProject({ 'tools/slow.yml': sqlTool('slow', SLOW) });
    const args = ['--reload-drain-timeout', '2s', '--shutdown-timeout', '2s'];
    await using staged = await StagedServer.start(project, { args });
    const client = await connectTo(staged.server.url);
    const call = callText(client, 'slow').catch(() => 'ended');
    await staged.expectMetric('mxcp_calls_running');
    const { duckdb } = await staged.server.admin.config();
    await createDatabaseFile(project.path('next.duckdb'), 'CREATE TABLE t (n INTEGER)');
    project.rename('next.duckdb', relative(project.root, duckdb.path));
    await expect(staged.server.admin.reload({ waitMs: 60_000 })).rejects.toThrow(/could not be handed over/);
    await staged.expectSigns('a drain does not end');
    await staged.server[Symbol.asyncDispose]();
    await call;
  });

  it('a reload fails', async () => {
    const project = createProject({
      'config.yml': userConfig(httpSecret('feed', 'file://token')),
      token: 'a-token-now',
    });
    await using staged = await StagedServer.start(project);
    project.remove('token');
    await expect(staged.server.admin.reload({ waitMs: 30_000 })).rejects.toThrow(/reload failed/);
    await staged.expectSigns('a reload fails');
    project.write('token', 'a-token-again');
    await staged.server.admin.reload({ waitMs: 30_000 });
    await staged.expectMetric('mxcp_config_last_reload_successful 1');
  });

  it('the group cannot reach the socket', async () => {
    const project = createProject();
    // Its folder is open only to its owner.
    const group = String(process.getgid?.() ?? 0);
    const args = ['--admin-socket-mode', '0660', '--admin-socket-group', group];
    await using staged = await StagedServer.start(project, { args });
    await staged.expectSigns('the group cannot reach the socket');
  });

  it('no descriptor is left', async () => {
    const project = createProject();
    const begin = ['sh', '-c', 'ulimit -n 96 && exec "$@"', 'sh'];
    await using staged = await StagedServer.start(project, { begin });
    const sockets: Socket[] = [];
    const { hostname: host, port } = new URL(staged.server.url);
    // Some are left free, so that the server can be asked.
    const isNearlyFull = async (): Promise<boolean> => {
      const { num_fds: open, max_fds: limit } = await staged.server.admin.systemProcess();
      return (open ?? 0) > (limit ?? 0) * 0.93;
    };
    const { log } = signsOf('no descriptor is left');
    // Again and again, because the server closes connections that ask for nothing.
    await vi.waitFor(async () => {
      while (!(await isNearlyFull())) sockets.push(connect({ host, port: Number(port) }).on('error', () => undefined));
      expect(staged.server.stderr).toContain(log);
    }, PATIENCE);
    await staged.expectSigns('no descriptor is left');
    for (const socket of sockets) socket.destroy();
  });
});

/** Only the scraper notices a server that does not start. */
function expectSignsOfNoStart({ stderr }: ChildServer, fault: string): void {
  const { log, alert } = signsOf(fault);
  expect(stderr).toContain(log);
  expect(conditionOf(alert ?? '')).toBe('up{job="mxcp"} == 0');
}

describe('a fault that prevents a start is named by the exit code, the log and the page', () => {
  it('the database is locked', async () => {
    const project = createProject();
    await using first = await ChildServer.start(project);
    expect(first.pid).toBeGreaterThan(0);
    const second = ChildServer.spawn(project, { args: ['--no-admin'] });
    expect(await second.ended).toBe(3);
    expectSignsOfNoStart(second, 'the database is locked');
  });

  it('the port is taken', async () => {
    await using first = await ChildServer.start(createProject());
    const second = ChildServer.spawn(createProject(), { args: ['--port', new URL(first.url).port] });
    expect(await second.ended).toBe(3);
    expectSignsOfNoStart(second, 'the port is taken');
  });
});

import { expect, it, vi } from 'vitest';
import type { ReferenceResolver } from '../../../src/secrets/index.js';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { tlsFile } from '../../kit/loopback-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { callOnce, startPython } from '../../kit/projects/python-server.js';
import { PROXIES, startShop } from '../../kit/projects/shop.js';
import { StoreProject, vaultSection } from '../../kit/projects/store-project.js';
import { createProject, pythonTool, userConfig } from '../../kit/projects/temporary-project.js';
import { VaultServer } from '../../kit/vault-server.js';

/** The value of a metric without labels, or with these; undefined without such a sample. */
async function valueOf({ admin }: InProcessServer, name: string, labels: object = {}): Promise<number | undefined> {
  const { metrics } = await admin.metrics();
  const samples = metrics.find((family) => family.name === name)?.samples ?? [];
  return samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
}

it('a Python process that ends and is replaced is counted, over all generations', async () => {
  const server = await startPython(
    createProject({
      'tools/die.yml': pythonTool('die', 'python/die.py'),
      'python/die.py': ['import os', 'def die():', '    os._exit(3)'],
    }),
  );
  expect(await valueOf(server, 'mxcp_python_workers')).toBe(1);
  expect(await valueOf(server, 'mxcp_python_workers_replaced_total')).toBe(0);
  await expect(callOnce(server, 'die')).rejects.toThrow();
  expect(await valueOf(server, 'mxcp_python_workers_replaced_total')).toBe(1);
  await vi.waitFor(async () => expect(await valueOf(server, 'mxcp_python_workers_ready')).toBe(1), 10_000);
  await server.admin.reload({ waitMs: 20_000 });
  await expect(callOnce(server, 'die')).rejects.toThrow();
  expect(await valueOf(server, 'mxcp_python_workers_replaced_total')).toBe(2);
});

it('refreshes are counted by outcome, and a failing one shows beside the age of the values', async () => {
  const answer: { error?: string } = {};
  const store: ReferenceResolver = {
    scheme: 'store',
    resolve: async () => {
      if (answer.error !== undefined) throw new Error(answer.error);
      return { value: 'http://proxy.example:1', leaseSeconds: 3600, mayChangeEarlier: true };
    },
  };
  const kept = ['name: kept', 'type: http', 'parameters:', '  HTTP_PROXY: store://proxy'];
  const { server } = await startShop('readonly', {
    stores: [store],
    files: { 'config.yml': [...userConfig(kept), 'reload: { refresh: 1s }'] },
  });
  const refreshes = 'mxcp_secret_refreshes_total';
  await vi.waitFor(
    async () => expect(await valueOf(server, refreshes, { outcome: 'success' })).toBeGreaterThan(0),
    10_000,
  );
  expect(await valueOf(server, 'mxcp_background_ok', { name: 'refresh' })).toBe(1);
  const expiry = await valueOf(server, 'mxcp_secret_lease_expiry_timestamp_seconds', { source: 'store' });
  expect(Number(expiry) - Date.now() / 1000).toBeGreaterThan(3500);
  answer.error = 'the store is down';
  await vi.waitFor(
    async () => expect(await valueOf(server, refreshes, { outcome: 'error' })).toBeGreaterThan(0),
    10_000,
  );
  expect(await valueOf(server, 'mxcp_background_ok', { name: 'refresh' })).toBe(0);
});

it('lines that are left out of the log are counted', async () => {
  const { server } = await startShop('readonly', { files: { 'config.yml': PROXIES } });
  const client = await connectTo(server.url);
  for (let call = 0; call < 13; call += 1)
    await expect(client.callTool({ name: 'absent', arguments: {} })).rejects.toThrow('Unknown tool');
  await client.close();
  expect(await valueOf(server, 'mxcp_log_lines_left_out_total')).toBe(3);
  expect(await valueOf(server, 'mxcp_log_lines_total', { level: 'info' })).toBe(server.logLines.length);
});

it('DuckDB and the disks have their use and their limits', async () => {
  const { server } = await startShop('readonly', { flags: { duckdbMemoryLimit: '256MiB' } });
  expect(await valueOf(server, 'mxcp_duckdb_memory_limit_bytes')).toBe(256 * 1024 * 1024);
  expect(await valueOf(server, 'mxcp_duckdb_memory_bytes')).toBeGreaterThan(0);
  expect(await valueOf(server, 'mxcp_duckdb_temporary_bytes')).toBe(0);
  for (const holds of ['database', 'project']) {
    const total = await valueOf(server, 'mxcp_disk_total_bytes', { holds });
    expect(await valueOf(server, 'mxcp_disk_free_bytes', { holds })).toBeLessThan(total ?? 0);
  }
});

it('the token and the certificates of a login to Vault have the times of their ends', async () => {
  await using vault = await new VaultServer({ certificate: 'server', asksForClientCertificate: true })
    .mount('secret/', 2)
    .put('secret/db', { password: 'plain-word-1' })
    .listen();
  await using project = new StoreProject();
  project.env['VAULT_TOKEN'] = vault.issueToken({ ttl: 3600, renewable: true });
  const files = { client_cert: tlsFile('client'), client_key: tlsFile('client') };
  const lines = Object.entries(files).map(([key, path]) => `${key}: ${path}`);
  project.write(vaultSection(vault.address, lines), { A: 'vault://secret/db#password' });
  await project.resolve();
  const expiries = project.stores.expiries();
  expect(expiries.map(({ store, kind }) => [store, kind])).toEqual([
    ['vault', 'token'],
    ['vault', 'client_certificate'],
    ['vault', 'ca_certificate'],
  ]);
  expect(Math.round(((expiries[0]?.at.getTime() ?? 0) - Date.now()) / 60_000)).toBe(60);
  expect(expiries[1]?.at).toEqual(new Date('2120-01-01T00:00:00Z'));
});

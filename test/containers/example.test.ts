import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blocksOf, repository } from '../contract/docs/doc-blocks.js';
import buildVault, { vaultBinary } from '../vault/build-vault.js';
import { buildImage, eventually, IMAGE, inNetwork, untilHealth } from './engine/containers.js';
import { writeFiles } from './engine/project-files.js';
import { UserShell } from './engine/user-shell.js';

// deploy/compose with the commands of the page, but for Grafana, which no registry in reach has, and the program of Vault: here it is
// Vault's own core, built from its modules, which prints its first token instead of taking one.
const OVERRIDE = `
services:
  mxcp:
    image: ${IMAGE}
    build: !reset null
  vault:
    image: mxcp-containers/debian
    user: "0"
    stdin_open: true
    entrypoint: ["/opt/vault/vault", "-listen", "0.0.0.0:8200"]
    command: []
    ports: ["127.0.0.1:8200:8200"]
    volumes: ["${dirname(vaultBinary)}:/opt/vault:ro"]
    healthcheck: { test: ["CMD", "curl", "-sf", "http://127.0.0.1:8200/v1/sys/health"] }
`;
const [startBlock, rotateBlock] = blocksOf('docs/operations/deployment.md').filter(({ tags }) => tags[0] === 'example');

const shell = new UserShell();
const folder = join(shell.folder, 'deploy', 'compose');

beforeAll(async () => {
  buildVault();
  await buildImage();
  cpSync(join(repository, 'deploy'), dirname(folder), { recursive: true });
  writeFileSync(join(folder, 'compose.override.yaml'), OVERRIDE);
  writeFiles(join(folder, 'secrets'), { 'vault-root-token': '', 'feed-token': '', 'grafana-password': '' });
  await shell.run('docker compose up --detach --wait vault', folder);
  await startVault();
}, 600_000);

afterAll(async () => {
  await shell.run('docker compose down --volumes --timeout 1', folder);
  shell[Symbol.dispose]();
});

/** What `vault server -dev` does by itself: the token that the setup uses, and the mount `secret/`. */
async function startVault(): Promise<void> {
  const { rootToken } = JSON.parse(await shell.run('docker compose logs --no-log-prefix vault', folder)) as {
    readonly rootToken: string;
  };
  writeFiles(join(folder, 'secrets'), { 'vault-root-token': rootToken });
  const mount = JSON.stringify({ type: 'kv', options: { version: '2' } });
  const address = 'http://127.0.0.1:8200/v1/sys/mounts/secret';
  await inNetwork('curl', '-sSf', '-H', `X-Vault-Token: ${rootToken}`, '-d', mount, address);
  // The mount is upgraded in the background.
  await eventually(async () => {
    const url = 'http://127.0.0.1:8200/v1/secret/config';
    await inNetwork('curl', '-sSf', '-H', `X-Vault-Token: ${rootToken}`, url);
  });
}

it('starts with the commands of the page: server, sidecar, Vault and Prometheus', async () => {
  const commands = startBlock?.text
    .replace(/^.*> secrets\/vault-root-token\n/m, '')
    .replace('up --build --detach --wait', 'up --detach --wait mxcp monitor prometheus');
  expect(await shell.run(commands ?? '', folder)).toContain('200.5');
  for (const name of ['mxcp', 'monitor', 'vault', 'prometheus'])
    await untilHealth(await shell.run(`docker compose ps --quiet ${name}`, folder), 'healthy');
});

it('has the secret from Vault, which no output contains', async () => {
  const ask = 'docker compose exec mxcp mxcp';
  expect(await shell.run(`${ask} query 'SELECT name FROM duckdb_secrets()'`, folder)).toContain('feed');
  const config = await shell.run(`${ask} admin config --json`, folder);
  expect(config).toContain('"vault"');
  expect(config + (await shell.run('docker compose logs', folder))).not.toContain('the-token-of-the-feed');
});

it('is scraped by Prometheus, which has the alerts', async () => {
  await eventually(async () => {
    const query = 'http://127.0.0.1:9090/api/v1/query?query=up{job="mxcp"}';
    expect(JSON.parse(await inNetwork('curl', '-gsf', query))).toMatchObject({
      data: { result: [{ value: [expect.any(Number), '1'] }] },
    });
  }, 60_000);
  const rules = await inNetwork('curl', '-gsf', 'http://127.0.0.1:9090/api/v1/rules');
  expect(rules).toContain('"alerting"');
  expect(rules).not.toContain('"health":"err"');
});

it('takes a rotated secret from Vault with the commands of the page', async () => {
  await shell.run(rotateBlock?.text ?? '', folder);
  const status = await shell.run('docker compose exec mxcp mxcp admin status --json', folder);
  // The setup also replaces the token of the server, which reloads by itself when it sees that.
  const { generation, reload } = JSON.parse(status) as {
    readonly generation: number;
    readonly reload: { readonly last_reload_status: string };
  };
  expect(generation).toBeGreaterThan(1);
  expect(reload.last_reload_status).toBe('success');
});

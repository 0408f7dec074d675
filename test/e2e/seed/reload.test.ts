import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config, ReloadAccepted, ReloadRecord, Status } from '../../../src/admin/client/index.js';
import { verifies } from '../../contract/seed/requirements.js';
import { VaultServer } from '../../kit/vault-server.js';
import {
  ask,
  callTool,
  createWorkplace,
  startServer,
  until,
  type ServerProcess,
  type Workplace,
} from './running-server.js';

const TO_THE_SECOND = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let workplace: Workplace;
let server: ServerProcess | undefined;

beforeEach(() => {
  workplace = createWorkplace();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  workplace.remove();
});

const status = async (): Promise<Status> => (await ask<Status>(workplace.socket, '/status')).body;
const config = async (): Promise<Config> => (await ask<Config>(workplace.socket, '/config')).body;
const initiate = () => ask<ReloadAccepted>(workplace.socket, '/reload', 'POST');

async function reload(): Promise<ReloadRecord> {
  const answer = await ask<ReloadRecord>(workplace.socket, '/reload?wait=30s', 'POST');
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

function read(name: string): string {
  return readFileSync(join(workplace.project, name), 'utf8');
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, 'localhost');
  await once(probe, 'listening');
  // A listener on a port has an address with one.
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

describe('POST /reload', () => {
  it(
    verifies(
      ['SEED-RELOAD', 'SEED-RELOAD-TIME', 'SEED-RELOAD-ID', 'SEED-RELOAD-MESSAGE'],
      'is answered at once with what was queued',
    ),
    async () => {
      server = await startServer(workplace);
      const [first, second] = [await initiate(), await initiate()];
      expect(first.status).toBe(202);
      expect(Object.keys(first.body).sort()).toEqual(['message', 'reload_request_id', 'status', 'timestamp']);
      expect(first.body.status).toBe('reload_initiated');
      expect(first.body.timestamp).toMatch(TO_THE_SECOND);
      expect(first.body.reload_request_id).toMatch(UUID);
      expect(second.body.reload_request_id).not.toBe(first.body.reload_request_id);
      expect(first.body.message).toBe('Reload request queued. Use GET /status to check progress.');
    },
  );

  it(
    verifies(
      ['SEED-RELOAD-PROGRESS', 'SEED-STATUS-LAST-RELOAD', 'SEED-STATUS-LAST-RELOAD-STATUS'],
      'is followed in the status, whether it goes well or not',
    ),
    async () => {
      server = await startServer(workplace);
      await initiate();
      await until(async () => (await status()).reload.last_reload_status === 'success', 'the reload to end');
      expect((await status()).reload.last_reload).toMatch(TO_THE_SECOND);
      const good = read('config.yml');
      workplace.write('config.yml', good.replace('secrets:', 'secrts:'));
      await initiate();
      await until(async () => (await status()).reload.last_reload_status === 'error', 'the reload to fail');
      expect((await status()).reload.last_reload_error).toContain('secrts');
      expect((await status()).status).toBe('ok');
      workplace.write('config.yml', good);
      await initiate();
      await until(async () => (await status()).reload.last_reload_status === 'success', 'the next to go well');
    },
  );
});

describe('what a reload applies', () => {
  it(verifies('SEED-RELOADS-FILES', 'a file behind file:// is read again'), async () => {
    server = await startServer(workplace);
    const fingerprint = async (): Promise<string | undefined> =>
      (await config()).references.find(({ ref }) => ref === 'file://secrets/feed-token')?.fingerprint;
    const before = await fingerprint();
    workplace.write('secrets/feed-token', 'second-feed-token');
    expect(await fingerprint()).toBe(before);
    const record = await reload();
    expect(record.references).toContainEqual(
      expect.objectContaining({ ref: 'file://secrets/feed-token', outcome: 'changed' }),
    );
    expect(await fingerprint()).not.toBe(before);
  });

  it(
    verifies(
      ['SEED-RELOADS-ENVIRONMENT', 'SEED-RELOADS-DUCKDB'],
      'an env file is read again, and DuckDB has the new secret',
    ),
    async () => {
      server = await startServer(workplace);
      const scope = (host: string) => ({ result: [{ name: 'feed', scope: `https://${host}/` }] });
      expect(await callTool(server, 'search_users')).toEqual(scope('feed.example.com'));
      workplace.write('service.env', 'FEED_HOST=mirror.example.com\n');
      expect((await reload()).status).toBe('success');
      expect(await callTool(server, 'search_users')).toEqual(scope('mirror.example.com'));
    },
  );

  it(
    verifies('SEED-RELOADS-VAULT', 'a secret of Vault is read again; while Vault is down, the old value serves'),
    async () => {
      await using vault = await new VaultServer().mount('kv/', 2).listen();
      const scopeOf = (host: string) => ({ result: [{ name: 'feed', scope: `https://${host}/` }] });
      const put = (host: string) => vault.put('kv/feed', { scope: `https://${host}/` });
      put('one.example.com');
      workplace.write(
        'config.yml',
        `${read('config.yml').replace('https://${FEED_HOST}/', 'vault://kv/feed#scope')}\nvault:\n  enabled: true\n  address: ${vault.address}\n`,
      );
      server = await startServer(workplace, { VAULT_TOKEN: vault.issueToken() });
      const reference = async () => (await config()).references.find(({ ref }) => ref === 'vault://kv/feed#scope');
      const first = await reference();
      expect(first).toMatchObject({ source: 'vault', version: '1' });
      expect(await callTool(server, 'search_users')).toEqual(scopeOf('one.example.com'));

      put('two.example.com');
      expect((await reload()).references).toContainEqual(
        expect.objectContaining({ ref: 'vault://kv/feed#scope', outcome: 'changed', version: '2' }),
      );
      expect(await callTool(server, 'search_users')).toEqual(scopeOf('two.example.com'));
      const second = await reference();
      expect(second).toMatchObject({ source: 'vault', version: '2' });
      expect(second?.fingerprint).not.toBe(first?.fingerprint);

      put('three.example.com');
      await vault.stop();
      const failed = await ask<{ reload: ReloadRecord }>(workplace.socket, '/reload?wait=30s', 'POST');
      expect(failed.status).toBe(500);
      expect(failed.body.reload.references).toContainEqual(
        expect.objectContaining({
          ref: 'vault://kv/feed#scope',
          outcome: 'failed',
          error: expect.stringContaining('refuses connections'),
        }),
      );
      expect(await callTool(server, 'search_users')).toEqual(scopeOf('two.example.com'));
      expect(await reference()).toEqual(second);
      expect((await status()).reload.last_reload_status).toBe('error');
      expect((await status()).status).toBe('ok');
    },
  );

  it(verifies('SEED-RELOADS-PYTHON', 'Python runs with fresh code, hooks, environment and configuration'), async () => {
    const code = (version: number): string =>
      [
        'import os',
        'from mxcp.runtime import config, on_init',
        'begun = []',
        'on_init(lambda: begun.append(os.environ["FEED_HOST"]))',
        'def get_user(id):',
        '    token = config.get_secret("feed")["BEARER_TOKEN"]',
        `    return {"version": ${version}, "begun": begun, "tokens": len(token)}`,
      ].join('\n');
    mkdirSync(join(workplace.project, 'python'));
    workplace.write('python/users.py', code(1));
    workplace.write(
      'tools/get_user.yml',
      'mxcp: 1\ntool:\n  name: get_user\n  language: python\n  parameters: [{ name: id, type: integer }]\n  source: { file: ../python/users.py }\n',
    );
    workplace.write('secrets/feed-token', 'x'.repeat(20));
    server = await startServer(workplace);
    const before = await callTool(server, 'get_user', { id: 1 });
    expect(before).toEqual({ version: 1, begun: ['feed.example.com'], tokens: 20 });

    workplace.write('python/users.py', code(2));
    workplace.write('service.env', 'FEED_HOST=mirror.example.com\n');
    workplace.write('secrets/feed-token', 'x'.repeat(30));
    expect(await callTool(server, 'get_user', { id: 1 })).toEqual(before);
    expect((await reload()).status).toBe('success');
    const after = await callTool(server, 'get_user', { id: 1 });
    expect(after).toEqual({ version: 2, begun: ['mirror.example.com'], tokens: 30 });
  });
});

describe('what a reload leaves for a restart', () => {
  it(verifies('SEED-KEEPS-OAUTH', 'the settings of an OAuth provider'), async () => {
    const withProvider = (id: string) =>
      `production: &secrets\n        auth:\n          provider: github\n          github: { client_id: ${id}, client_secret: b }\n`;
    const plain = read('config.yml');
    workplace.write('config.yml', plain.replace('production: &secrets\n', withProvider('a')));
    server = await startServer(workplace);
    workplace.write('config.yml', plain.replace('production: &secrets\n', withProvider('another')));
    const record = await reload();
    expect(record.restart_required.map(({ setting }) => setting)).toEqual([
      expect.stringMatching(/\bauth\.github\.client_id$/),
    ]);
  });

  it(verifies('SEED-KEEPS-STRUCTURE', 'the structure of the configuration'), async () => {
    server = await startServer(workplace);
    workplace.write('mxcp-site.yml', read('mxcp-site.yml').replace('[json, parquet]', '[json, icu]'));
    const record = await reload();
    expect(record.restart_required.map(({ setting }) => setting)).toContain('extensions');
    expect((await config()).extensions).toEqual(['json', 'parquet']);
  });

  it(verifies('SEED-KEEPS-ADDRESS', 'host and port'), async () => {
    const port = await freePort();
    const original = read('config.yml');
    const withPort = (number: number): void =>
      workplace.write('config.yml', `${original}\ntransport:\n  http:\n    port: ${number}\n`);
    withPort(port);
    server = await startServer(workplace, { MXCP_PORT: '' });
    withPort(port + 1);
    const record = await reload();
    expect(record.restart_required).toEqual([{ setting: 'transport.http.port', running: port, on_disk: port + 1 }]);
    expect(await callTool(server, 'get_user', { id: 1 })).toEqual({ id: 1, name: 'Ada' });
    expect((await config()).restart_required).toEqual(record.restart_required);
  });

  it(verifies('SEED-KEEPS-DEFINITIONS', 'endpoint definitions'), async () => {
    server = await startServer(workplace);
    const added = read('tools/get_user.yml').replace('name: get_user', 'name: get_account');
    workplace.write('tools/get_account.yml', added);
    const record = await reload();
    expect((await status()).endpoints.tools).toBe(2);
    expect(record.definitions_changed.join()).toContain('tools/get_account.yml');
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { ConnectServer } from '../../kit/connect-server.js';
import type { Fault } from '../../kit/loopback-server.js';
import { httpSecret, TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import { VaultServer } from '../../kit/vault-server.js';
import { leaksIn } from './canaries.js';

const VAULT_VALUE = 'canary-vault-value-7Rz';
const CONNECT_VALUE = 'canary-connect-value-9Qk';
const ROLE_ID = 'canary-role-id-3Wd';
const SECRET_ID = 'canary-secret-id-5Tm';
const CONNECT_TOKEN = 'canary-connect-token-8Yp';
const VAULT_TOKEN = 'canary-vault-token-4Hn';

const echo = (status: number, text: string): Fault => ({
  kind: 'reply',
  reply: { status, body: { errors: [text], message: text, data: { data: text } } },
});

/** What a store may say back: all that was sent to it, and what it gave out. */
const KNOWN = {
  token: `${VAULT_VALUE} ${CONNECT_VALUE} ${CONNECT_TOKEN} ${VAULT_TOKEN}`,
  approle: `${VAULT_VALUE} ${CONNECT_VALUE} ${CONNECT_TOKEN} ${ROLE_ID} ${SECRET_ID}`,
} as const;

const FAULTS: readonly (readonly [string, (known: string) => readonly Fault[]])[] = [
  [
    'errors that repeat what it knows',
    (known) => [echo(400, known), echo(403, known), echo(429, known), echo(500, known)],
  ],
  ['JSON of another form', (known) => [echo(200, known)]],
  [
    'text',
    (known) => [
      { kind: 'text', text: `<p>${known}` },
      { kind: 'text', text: `{"data": "${known}` },
      { kind: 'text', status: 502, text: known },
    ],
  ],
  ['answers that are cut', () => [{ kind: 'cut' }]],
];

describe.each(['token', 'approle'] as const)('a server that logs in to Vault by %s', (login) => {
  let project: TemporaryProject;
  let vault: VaultServer;
  let connect: ConnectServer;
  let server: ChildServer;

  beforeAll(async () => {
    vault = await new VaultServer().mount('kv/', 2).put('kv/app', { key: VAULT_VALUE, short: '1' }).listen();
    vault.issueToken({}, VAULT_TOKEN);
    vault.allowLogin('auth/approle', { role_id: ROLE_ID, secret_id: SECRET_ID }, { ttl: 3600, renewable: true });
    connect = new ConnectServer(CONNECT_TOKEN);
    connect.put('Team', 'Db', [{ id: 'p', label: 'password', value: CONNECT_VALUE }]);
    await connect.listen();
    project = new TemporaryProject({
      'role-id': ROLE_ID,
      'secret-id': SECRET_ID,
      'config.yml': configFor(login, { vault, connect }),
    });
    const token: Readonly<Record<string, string>> = login === 'token' ? { VAULT_TOKEN } : {};
    server = await ChildServer.start(project, {
      args: ['--debug', '--reload-resolve-timeout', '3s'],
      env: { OP_CONNECT_TOKEN: CONNECT_TOKEN, ...token, TMPDIR: project.root },
    });
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await vault.stop();
    await connect.stop();
    expect(leaksIn(server.stderr)).toEqual([]);
    project[Symbol.dispose]();
  });

  it('has their values and shows none of them', async () => {
    const config = await server.admin.config();
    expect(config.references.map(({ source }) => source).sort()).toEqual(['onepassword', 'vault', 'vault']);
    expect(leaksIn(JSON.stringify(await everythingItSays(server)))).toEqual([]);
  });

  it.each(FAULTS)('says nothing secret when the stores answer with %s', async (_name, faultsOf) => {
    for (const fault of faultsOf(KNOWN[login])) {
      vault.fail(fault);
      connect.fail(fault);
      // So that it logs in too, and not only reads.
      for (const token of vault.tokens) if (token !== VAULT_TOKEN) vault.revoke(token);
      const record = await server.admin.reload({ waitMs: 20_000 }).then(
        (done) => done,
        (error: unknown) => error,
      );
      expect(JSON.stringify(record)).toMatch(/"error"|failed/);
      const said = [
        JSON.stringify(record),
        record instanceof Error ? record.message : '',
        JSON.stringify(await everythingItSays(server)),
      ];
      expect(said.flatMap(leaksIn)).toEqual([]);
      expect(leaksIn(server.stderr)).toEqual([]);
      vault.heal();
      connect.heal();
    }
    const record = await server.admin.reload({ waitMs: 20_000 });
    expect(record.status).toBe('success');
  });

  it('shows nothing in its command line or in files that it leaves behind', () => {
    expect(leaksIn(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8'))).toEqual([]);
    const written = readdirSync(project.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !['role-id', 'secret-id'].includes(entry.name))
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'));
    expect(written.flatMap(leaksIn)).toEqual([]);
  });
});

function configFor(
  login: string,
  { vault, connect }: { readonly vault: VaultServer; readonly connect: ConnectServer },
): readonly string[] {
  const approle = [
    '  auto_auth:',
    '    method:',
    '      type: approle',
    '      config: { role_id_file_path: role-id, secret_id_file_path: secret-id }',
  ];
  return [
    ...userConfig(
      httpSecret('vault', 'vault://kv/app#key'),
      httpSecret('short', 'vault://kv/app#short'),
      httpSecret('connect', 'op://Team/Db/password'),
    ),
    'vault:',
    '  enabled: true',
    `  address: ${vault.address}`,
    ...(login === 'approle' ? approle : []),
    'onepassword:',
    '  enabled: true',
    `  connect_host: ${connect.address}`,
  ];
}

function everythingItSays({ admin }: ChildServer): Promise<readonly unknown[]> {
  return Promise.all([admin.status(), admin.config(), admin.reloads(), admin.endpoints(), admin.ready()]);
}

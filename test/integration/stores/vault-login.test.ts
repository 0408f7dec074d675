import { describe, expect, it, vi } from 'vitest';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { stopClock, untilHolds } from '../../kit/stopped-clock.js';
import { VaultServer, type TokenOptions } from '../../kit/vault-server.js';
import { StoreProject, vaultSection } from '../../kit/projects/store-project.js';

const REFERENCES = { A: 'vault://kv/app#a' };

async function openVault(): Promise<VaultServer> {
  return new VaultServer().mount('kv/', 2).put('kv/app', { a: 'value-1' }).listen();
}

function autoAuth(type: string, config: readonly string[], more: readonly string[] = []): readonly string[] {
  return [
    'auto_auth:',
    '  method:',
    `    type: ${type}`,
    ...more.map((line) => `    ${line}`),
    '    config:',
    ...config.map((line) => `      ${line}`),
  ];
}

const APPROLE = autoAuth('approle', ['role_id_file_path: role-id', 'secret_id_file_path: secret-id']);

async function withApprole(vault: VaultServer, token: TokenOptions): Promise<StoreProject> {
  vault.allowLogin('auth/approle', { role_id: 'the-role', secret_id: 'the-secret-id' }, token);
  const project = new StoreProject({}, { 'role-id': 'the-role\n', 'secret-id': 'the-secret-id\n' });
  return project.write(vaultSection(vault.address, APPROLE), REFERENCES);
}

/** Lifetime of a token, in seconds. */
const TTL = 60;

/** Renewal is up to a tenth earlier, at random. */
const RENEWED_AFTER_MS = TTL * 1000 * (2 / 3);

const messageOf = (project: StoreProject): string => project.stores.reports()[0]?.message ?? '';
const statusOf = (project: StoreProject): string => project.stores.reports()[0]?.status ?? '';

/** Advances the clock to the renewal, and resolves when the token has its whole lifetime again. */
async function untilRenewed(project: StoreProject): Promise<void> {
  vi.advanceTimersByTime(RENEWED_AFTER_MS);
  expect(messageOf(project)).toContain(`ends in ${TTL / 3}s`);
  await untilHolds(() => messageOf(project).includes(`ends in ${TTL}s`), 'the renewal');
}

describe('a login', () => {
  const cases: readonly [
    string,
    { files: Record<string, string>; section: readonly string[]; mount: string; sends: Record<string, string> },
  ][] = [
    [
      'AppRole with files',
      {
        files: { 'role-id': 'r-1\n', 'secret-id': 's-1\n' },
        section: APPROLE,
        mount: 'auth/approle',
        sends: { role_id: 'r-1', secret_id: 's-1' },
      },
    ],
    [
      'AppRole without a secret id',
      {
        files: { 'role-id': 'r-1\n' },
        section: autoAuth('approle', ['role_id_file_path: role-id']),
        mount: 'auth/approle',
        sends: { role_id: 'r-1' },
      },
    ],
    [
      'AppRole with variables, mounted elsewhere',
      {
        files: {},
        section: autoAuth(
          'approle',
          ['role_id: "${ROLE}"', 'secret_id: "${SECRET}"'],
          ['mount_path: auth/team/approle'],
        ),
        mount: 'auth/team/approle',
        sends: { role_id: 'r-2', secret_id: 's-2' },
      },
    ],
    [
      'Kubernetes',
      {
        files: { token: 'jwt-of-pod\n' },
        section: autoAuth('kubernetes', ['role: reader', 'token_path: token']),
        mount: 'auth/kubernetes',
        sends: { role: 'reader', jwt: 'jwt-of-pod' },
      },
    ],
    [
      'JWT',
      {
        files: { jwt: 'jwt-of-ci\n' },
        section: autoAuth('jwt', ['role: ci', 'path: jwt']),
        mount: 'auth/jwt',
        sends: { role: 'ci', jwt: 'jwt-of-ci' },
      },
    ],
  ];

  it.each(cases)(
    'by %s sends what it should, once, and lasts from resolve to resolve',
    async (_name, { files, section, mount, sends }) => {
      await using vault = await openVault();
      vault.allowLogin(mount, sends, { ttl: 3600, renewable: true });
      await using project = new StoreProject({}, files);
      Object.assign(project.env, { ROLE: 'r-2', SECRET: 's-2' });
      project.write(vaultSection(vault.address, section), REFERENCES);
      expect(await project.values()).toEqual({ A: 'value-1' });
      expect(await project.values()).toEqual({ A: 'value-1' });
      expect(vault.seen(/login$/).map(({ path, body }) => ({ path, body }))).toEqual([
        { path: `/v1/${mount}/login`, body: sends },
      ]);
      expect(messageOf(project)).toMatch(/^the token of the \w+ login ends in 60m, and is renewed before$/);
    },
  );

  it('with a token file uses its current content', async () => {
    await using vault = await openVault();
    await using project = new StoreProject({}, { 'vault-token': `${vault.issueToken()}\n` });
    project.write(vaultSection(vault.address, autoAuth('token_file', ['token_file_path: vault-token'])), REFERENCES);
    await project.values();
    vault.revoke(vault.tokens[0] ?? '');
    expect((await project.failures())[0]).toContain(
      'it rejected the token from vault-token, which has expired or lacks permission: replace it',
    );
    project.project.write('vault-token', vault.issueToken());
    expect(await project.values()).toEqual({ A: 'value-1' });
  });

  it('that is refused says why, without the credentials', async () => {
    await using vault = await openVault();
    await using project = await withApprole(vault, {});
    project.project.write('secret-id', 'a-wrong-secret-id');
    vault.clockAheadMs = 10 * 60_000;
    const [reason] = await project.failures();
    expect(reason).toContain('answered 400 to POST auth/approle/login (invalid role or secret ID:');
    expect(reason).toContain("the clock of this machine is 10 min behind Vault's: set it");
    expect(reason).not.toContain('wrong-secret');
    project.project.remove('secret-id');
    expect((await project.failures())[0]).toMatch(/cannot log in to Vault: the file .*\/secret-id does not exist/);
  });

  it.each(['Vault is', 'is', 'e'])('that Vault refuses is understood with %j as a credential', async (word) => {
    await using vault = await openVault();
    await using project = await withApprole(vault, {});
    project.project.write('secret-id', word);
    vault.sealed = true;
    const [reason] = await project.failures();
    const shown = word.length < 6 ? 'Vault is sealed' : 'Vault is sealed'.replace(word, '[secret]');
    expect(reason).toContain(`(${shown}); it is sealed: unseal it`);
  });

  it('is repeated when Vault no longer knows the token', async () => {
    await using vault = await openVault();
    await using project = await withApprole(vault, { ttl: 3600 });
    await project.values();
    vault.revoke(vault.tokens[0] ?? '');
    vault.put('kv/app', { a: 'value-2' });
    expect(await project.values()).toEqual({ A: 'value-2' });
    expect(vault.seen(/login$/)).toHaveLength(2);
  });

  it('is not repeated when the token only lacks permission', async () => {
    await using vault = await openVault();
    await using project = await withApprole(vault, { ttl: 3600, policies: ['kv/data/other'] });
    expect((await project.failures())[0]).toContain(
      'the token of the approle login lacks permission: grant it `read` on `kv/data/app`',
    );
    expect(vault.seen(/login$/)).toHaveLength(1);
  });

  it('is repeated when its settings change', async () => {
    await using vault = await openVault();
    await using project = await withApprole(vault, { ttl: 3600 });
    await project.values();
    project.write(vaultSection(vault.address), REFERENCES);
    project.env['VAULT_TOKEN'] = vault.issueToken();
    await project.values();
    expect(messageOf(project)).toBe('the token from VAULT_TOKEN has no known end');
  });

  it('is repeated after a secret id changes in any place', async () => {
    await using vault = await openVault();
    vault.allowLogin('auth/approle', { role_id: 'the-role', secret_id: 'the-new-id' }, { ttl: 3600 });
    await using project = new StoreProject();
    Object.assign(project.env, { ROLE: 'the-role', SECRET: 'the-old-id' });
    const method = autoAuth('approle', ['role_id: "${ROLE}"', 'secret_id: "${SECRET}"']);
    project.write(vaultSection(vault.address, method), REFERENCES);
    expect((await project.failures())[0]).toContain('invalid role or secret ID');
    project.env['SECRET'] = 'the-new-id';
    expect(await project.values()).toEqual({ A: 'value-1' });
  });

  it('in a separate namespace has its token renewed and looked up there', async () => {
    stopClock();
    await using vault = await openVault();
    const sent = { role_id: 'the-role', secret_id: 'the-secret-id' };
    vault.allowLogin('auth/approle', sent, { ttl: TTL, renewable: true, policies: ['kv/data/other'] });
    await using project = new StoreProject({}, { 'role-id': 'the-role', 'secret-id': 'the-secret-id' });
    const files = ['role_id_file_path: role-id', 'secret_id_file_path: secret-id'];
    const section = ['namespace: team', ...autoAuth('approle', files, ['namespace: admin'])];
    await project.write(vaultSection(vault.address, section), REFERENCES).failures();
    await untilRenewed(project);
    const namespaceOf = (path: RegExp) => new Set(vault.seen(path).map(({ headers }) => headers['x-vault-namespace']));
    expect(namespaceOf(/login$|renew-self$|lookup-self$/)).toEqual(new Set(['admin']));
    expect(namespaceOf(/kv\/data/)).toEqual(new Set(['team']));
  });

  it('never shows a key or token that was put in place of a path or name', async () => {
    await using project = new StoreProject();
    const key = '-----BEGIN PRIVATE KEY-----\nMIIEvalue\n-----END PRIVATE KEY-----';
    const token = 'hvs.CAESIJlongTokenThatNobodyMaySee0123456789';
    Object.assign(project.env, { KEY: key, TOKEN: token });
    const misplaced = [
      ['client_key: "${KEY}"'],
      ['token_env: "${TOKEN}"'],
      [`token_env: ${token}`],
      autoAuth('token_file', ['token_file_path: "${TOKEN}"']),
      autoAuth('approle', ['role_id: r', 'secret_id_file_path: "${TOKEN}"']),
    ];
    for (const section of misplaced) {
      const { message } = await project.write(vaultSection('http://localhost:1', section), REFERENCES).failure();
      expect(message).toMatch(/must be the (?:path of a file|name of an environment variable)/);
      expect(message).not.toMatch(/MIIEvalue|longToken/);
    }
  });

  it('needs the keys of its method and takes no others', async () => {
    await using project = new StoreProject();
    const failure = async (section: readonly string[]): Promise<string> =>
      (await project.write(vaultSection('http://localhost:1', section), REFERENCES).failure()).message;
    expect(await failure(autoAuth('kubernetes', ['token_path: x']))).toContain(
      '`vault.auto_auth.method.config.role` is required by `kubernetes`',
    );
    expect(await failure(autoAuth('jwt', ['role: x', 'path: y', 'role_id: z']))).toContain(
      '`vault.auto_auth.method.config.role_id` is not used by `jwt` logins, which accept role, path',
    );
    expect(await failure(autoAuth('ldap', ['role: x']))).toContain(
      '`vault.auto_auth.method.type` must be one of approle, jwt, kubernetes, token_file',
    );
  });
});

describe('a token', () => {
  it('is renewed in the background, before it ends', async () => {
    stopClock();
    await using vault = await openVault();
    await using project = await withApprole(vault, { ttl: TTL, renewable: true });
    await project.values();
    await untilRenewed(project);
    await untilRenewed(project);
    expect(statusOf(project)).toBe('ok');
    expect(vault.seen(/renew-self$/)).toHaveLength(2);
    expect(vault.seen(/login$/)).toHaveLength(1);
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await project.stores.dispose();
    // The disposed session cannot renew it.
    expect(vi.getTimerCount()).toBe(0);
  });

  it('from the environment is renewed too', async () => {
    stopClock();
    await using vault = await openVault();
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken({ ttl: TTL, renewable: true });
    await project.write(vaultSection(vault.address), REFERENCES).values();
    await untilRenewed(project);
    await untilRenewed(project);
    expect(await project.values()).toEqual({ A: 'value-1' });
  });

  it('whose renewal fails is reported, logged once, and renewed later', async () => {
    stopClock();
    const lines: string[] = [];
    const logger = createLogger({
      level: 'debug',
      format: 'text',
      scrubber: new Scrubber(),
      sinks: [(line) => void lines.push(line)],
    });
    await using vault = await openVault();
    await using project = new StoreProject({ logger });
    const token = vault.issueToken({ ttl: TTL, renewable: true });
    project.env['VAULT_TOKEN'] = token;
    await project.write(vaultSection(vault.address), REFERENCES).values();
    vault.fail({ kind: 'reply', reply: { status: 500, body: { errors: [`broken ${token}`] } } }, { on: /renew/ });
    vi.advanceTimersByTime(RENEWED_AFTER_MS);
    await untilHolds(() => statusOf(project) === 'failing', 'the report of the failure');
    expect(messageOf(project)).toMatch(
      /^the token from VAULT_TOKEN ends in 20s, and renewing it fails: Vault at .* answered 500 to POST auth\/token\/renew-self \(broken \[secret\]\); see its log$/,
    );
    vault.heal();
    // The first pause, which may be a tenth longer.
    vi.advanceTimersByTime(1_100);
    await untilHolds(() => statusOf(project) === 'ok', 'the renewal to succeed again');
    expect(lines.join('')).not.toContain(token);
    expect(lines.filter((line) => line.includes('could not renew the Vault token'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('renewed the Vault token again'))).toHaveLength(1);
  });

  it('that cannot be renewed is reported before and after its end', async () => {
    stopClock();
    await using vault = await openVault();
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken({ ttl: TTL });
    await project.write(vaultSection(vault.address), REFERENCES).values();
    expect(messageOf(project)).toMatch(/^the token from VAULT_TOKEN ends in 60s and cannot be renewed; replace it$/);
    vi.advanceTimersByTime(48_000);
    expect(statusOf(project)).toBe('ok');
    vi.advanceTimersByTime(1_000);
    expect(statusOf(project)).toBe('failing');
    expect(messageOf(project)).toContain('ends in 11s');
    vi.advanceTimersByTime(15_000);
    expect(messageOf(project)).toMatch(/^the token from VAULT_TOKEN ended 4s ago; replace it$/);
    project.env['VAULT_TOKEN'] = vault.issueToken({ ttl: 3600 });
    expect(await project.values()).toEqual({ A: 'value-1' });
    expect(statusOf(project)).toBe('ok');
  });

  it('near its maximum age is replaced by a new login', async () => {
    stopClock();
    await using vault = await openVault();
    await using project = await withApprole(vault, { ttl: TTL, renewable: true, maxTtl: 75 });
    await project.values();
    vi.advanceTimersByTime(RENEWED_AFTER_MS);
    await untilHolds(() => messageOf(project).includes('ends in 35s'), 'the first renewal');
    vi.advanceTimersByTime(24_000);
    await untilHolds(() => messageOf(project).includes('cannot be renewed'), 'the second renewal');
    expect(messageOf(project)).toContain('ends in 11s and cannot be renewed; the next reload logs in');
    vi.advanceTimersByTime(11_000);
    expect(await project.values()).toEqual({ A: 'value-1' });
    expect(vault.seen(/renew-self$/)).toHaveLength(2);
    expect(vault.seen(/login$/)).toHaveLength(2);
  });

  it('that may not look itself up is still used', async () => {
    await using vault = await openVault();
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken({ hasDefaultPolicy: false });
    project.write(vaultSection(vault.address), REFERENCES);
    expect(await project.values()).toEqual({ A: 'value-1' });
  });

  it('is registered with the scrubber', async () => {
    await using vault = await openVault();
    await using project = await withApprole(vault, {});
    const { secretValues } = await project.resolve();
    expect(secretValues.map((secret) => secret.reveal())).toContain(vault.tokens[0]);
  });
});

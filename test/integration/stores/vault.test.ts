import { describe, expect, it } from 'vitest';
import { tlsFile } from '../../kit/loopback-server.js';
import { VaultServer } from '../../kit/vault-server.js';
import { StoreProject, vaultSection } from '../../kit/projects/store-project.js';

async function openVault(...options: ConstructorParameters<typeof VaultServer>): Promise<VaultServer> {
  const vault = new VaultServer(...options);
  vault.mount('secret/', 2).mount('kv/', 2).mount('old/', 1);
  vault.put('kv/app/db', { password: 'pass-word-1', user: 'ann' });
  vault.put('old/app/db', { password: 'old-word-1' });
  vault.put('secret/db', { password: 'plain-word-1' });
  return vault.listen();
}

function projectOf(vault: VaultServer, references: Readonly<Record<string, string>>, token?: string): StoreProject {
  const project = new StoreProject();
  project.env['VAULT_TOKEN'] = token ?? vault.issueToken();
  return project.write(vaultSection(vault.address), references);
}

describe('a Vault reference', () => {
  it('is read with its version, from mounts of both kinds', async () => {
    await using vault = await openVault();
    await using project = projectOf(vault, { NEW: 'vault://kv/app/db#password', OLD: 'vault://old/app/db#password' });
    expect(await project.values()).toEqual({ NEW: 'pass-word-1', OLD: 'old-word-1' });
    vault.put('kv/app/db', { password: 'pass-word-2' });
    const { references } = await project.resolve();
    expect(
      references.map(({ ref, source, version, leaseSeconds }) => ({ ref, source, version, leaseSeconds })),
    ).toEqual([
      { ref: 'vault://kv/app/db#password', source: 'vault', version: '2', leaseSeconds: undefined },
      { ref: 'vault://old/app/db#password', source: 'vault', version: null, leaseSeconds: 2_764_800 },
    ]);
  });

  it('finds mounts whose names have several parts, and encodes what an address cannot hold', async () => {
    await using vault = await openVault();
    vault.mount('team/blue/', 2).mount('team/red/', 1);
    vault.put('team/blue/a b/ü?#%'.replace('#', '+'), { 'key with space': 'x' }).put('team/red/a', { k: 'y' });
    await using project = projectOf(vault, {
      A: 'vault://team/blue/a b/ü?+%#key with space',
      B: 'vault://team/red/a#k',
    });
    expect(await project.values()).toEqual({ A: 'x', B: 'y' });
  });

  it('is also read when Vault does not name its mounts: the first part, then the mount `secret`', async () => {
    await using vault = await openVault();
    // In the words of Vault, with the path, which may contain any word.
    const errors = ['preflight capability check returned 403, please ensure access to path "kv/namespaces/"'];
    vault.fail({ kind: 'reply', reply: { status: 403, body: { errors } } }, { on: /internal\/ui/ });
    await using project = projectOf(vault, {
      A: 'vault://kv/app/db#password',
      B: 'vault://old/app/db#password',
      C: 'vault://db#password',
    });
    expect(await project.values()).toEqual({ A: 'pass-word-1', B: 'old-word-1', C: 'plain-word-1' });
  });

  it('to another engine than key-value is read as it is, with its lease', async () => {
    await using vault = await openVault();
    vault.mount('database/', 1, 'database').put('database/creds/app', { username: 'v-app', password: 'made' });
    await using project = projectOf(vault, { A: 'vault://database/creds/app#password' });
    const { references } = await project.resolve();
    expect(references[0]).toMatchObject({ source: 'vault', version: null, leaseSeconds: 300 });
  });

  it('has a lease no longer than that of the token that read it', async () => {
    await using vault = await openVault();
    vault.mount('database/', 1, 'database').put('database/creds/app', { username: 'v-app', password: 'made' });
    const references = { A: 'vault://database/creds/app#password', B: 'vault://old/app/db#password' };
    const token = vault.issueToken({ ttl: 60, renewable: true });
    await using project = projectOf(vault, references, token);
    const [leased, kept] = (await project.resolve()).references;
    expect(leased?.leaseSeconds).toBeGreaterThan(30);
    expect(leased?.leaseSeconds).toBeLessThanOrEqual(60);
    expect(kept?.leaseSeconds).toBe(2_764_800);
  });

  it('gives numbers, truth values and mappings as JSON', async () => {
    await using vault = await openVault();
    vault.put('kv/x', { n: 5432, b: true, m: { a: [1] }, e: '' });
    await using project = projectOf(vault, {
      N: 'vault://kv/x#n',
      B: 'vault://kv/x#b',
      M: 'vault://kv/x#m',
      E: 'vault://kv/x#e',
    });
    expect(await project.values()).toEqual({ N: '5432', B: 'true', M: '{"a":[1]}', E: '' });
    expect((await project.resolve()).warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('vault://kv/x#e: the key is empty'),
    ]);
  });

  it.each([
    ['12345678901234567890', '12345678901234567890'],
    ['9007199254740993', '9007199254740993'],
    ['1.10', '1.10'],
    ['5432.0', '5432.0'],
    ['1e21', '1e21'],
    ['-0', '-0'],
    ['5432', '5432'],
    ['{"a":[1.10,"1.10",{"b\\"":-2.50}]}', '{"a":[1.10,"1.10",{"b\\"":-2.50}]}'],
    ['"a \\"9007199254740993\\" in a text"', 'a "9007199254740993" in a text'],
  ])('gives the number %s with the digits that are stored', async (stored, expected) => {
    await using vault = await openVault();
    const versioned = `{"data":{"data":{"v":${stored}},"metadata":{"version":1}}}`;
    vault.fail({ kind: 'text', text: versioned }, { on: /v1\/kv\/data\/exact/ });
    vault.fail({ kind: 'text', text: `{"data":{"v":${stored}}}` }, { on: /v1\/old\/exact/ });
    await using project = projectOf(vault, { NEW: 'vault://kv/exact#v', OLD: 'vault://old/exact#v' });
    expect(await project.values()).toEqual({ NEW: expected, OLD: expected });
  });

  it('takes one token lookup, one request for each mount and one read for each path, eight at a time', async () => {
    await using vault = await openVault();
    const references: Record<string, string> = {};
    for (let at = 0; at < 40; at += 1) {
      vault.put(`kv/many/${at}`, { a: `a${at}`, b: `b${at}` });
      references[`A${at}`] = `vault://kv/many/${at}#a`;
      references[`B${at}`] = `vault://kv/many/${at}#b`;
    }
    await using project = projectOf(vault, references);
    expect(Object.keys(await project.values())).toHaveLength(80);
    expect(vault.seen(/lookup-self$/)).toHaveLength(1);
    expect(vault.seen(/internal\/ui\/mounts/)).toHaveLength(1);
    expect(vault.seen(/^\/v1\/kv\/data\//)).toHaveLength(40);
    expect(vault.mostAtOnce).toBeLessThanOrEqual(8);
    await project.values();
    expect(vault.requests).toHaveLength(82);
  });

  it('is requested in a namespace, with the version of mxcp', async () => {
    await using vault = await openVault();
    vault.namespace = 'team-a';
    await using project = projectOf(vault, { A: 'vault://kv/app/db#password' });
    expect((await project.failures())[0]).toMatch(/namespace not found.*correct `vault.namespace`/);
    project.write(vaultSection(vault.address, ['namespace: team-a']), { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    expect(vault.requests.at(-1)?.headers).toMatchObject({
      'x-vault-request': 'true',
      'x-vault-namespace': 'team-a',
      'user-agent': expect.stringMatching(/^mxcp\/\d/),
    });
  });

  it('comes over TLS with the CA file, and with a client certificate where one is required', async () => {
    await using vault = await openVault({ certificate: 'server', asksForClientCertificate: true });
    await using project = projectOf(vault, { A: 'vault://kv/app/db#password' });
    expect((await project.failures())[0]).toMatch(/client certificate|closed the connection/);
    const client = [`client_cert: ${tlsFile('client')}`, `client_key: ${tlsFile('client')}`];
    project.write(vaultSection(vault.address, client), { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
  });

  it("comes through the socket of Vault's agent, which has logged in", async () => {
    await using project = new StoreProject();
    await using vault = await openVault({ socketPath: project.project.path('agent.sock') });
    vault.agentToken = vault.issueToken();
    project.write(vaultSection(vault.address), { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    expect(vault.requests.every(({ headers }) => headers['x-vault-token'] === undefined)).toBe(true);
    expect(project.stores.reports()).toEqual([{ name: 'vault', status: 'ok', message: 'the agent has the token' }]);
    vault.agentToken = undefined;
    expect((await project.failures())[0]).toContain(
      'the agent has no token, or one that lacks permission: set `VAULT_TOKEN`',
    );
  });

  it('has settings that are references too, from env files first', async () => {
    await using vault = await openVault();
    await using project = new StoreProject(
      {},
      { 'service.env': [`WHERE=${vault.address}`, `VAULT_TOKEN=${vault.issueToken()}`], 'name.txt': 'kv-name' },
    );
    project.env['WHERE'] = 'http://127.0.0.1:1';
    project.env['VAULT_TOKEN'] = 'not-this-one';
    project.write(['vault: { enabled: "${ON:-true}", address: "${WHERE}" }'], { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
  });

  it('is answered by the active node when a standby redirects to it', async () => {
    await using active = await openVault();
    await using standby = await new VaultServer().listen();
    standby.activeAddress = active.address;
    await using project = projectOf(active, { A: 'vault://kv/app/db#password' });
    project.write(vaultSection(standby.address), { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    await active.stop();
    expect((await project.failures())[0]).toContain(
      `Vault at ${standby.address} is a standby, and the active node ${active.address} refuses connections`,
    );
  });

  it('in an inactive profile opens nothing', async () => {
    await using vault = await openVault();
    await using project = new StoreProject();
    project.project.write('config.yml', [
      'mxcp: 1',
      'projects: { shop: { profiles: { prod: { secrets: [{ name: a, type: s3, parameters: { K: vault://kv/a#b } }] } } } }',
      ...vaultSection(vault.address),
    ]);
    await project.resolve();
    expect(vault.requests).toEqual([]);
    expect(project.stores.reports()).toEqual([]);
  });
});

describe('a Vault reference without a value says what to do', () => {
  const refused = async (
    prepare: (vault: VaultServer) => string | undefined | void,
    reference = 'vault://kv/app/db#password',
  ): Promise<string> => {
    await using vault = await openVault();
    const token = prepare(vault);
    await using project = projectOf(vault, { A: reference }, token ?? undefined);
    const [reason = ''] = await project.failures();
    return reason.replaceAll(vault.address, 'ADDRESS');
  };

  it('about a missing key: which there are', async () => {
    expect(await refused(() => undefined, 'vault://kv/app/db#pasword')).toBe(
      'there is no key "pasword" at kv/data/app/db; its keys are "password", "user"',
    );
    expect(await refused((vault) => void vault.put('kv/e', {}), 'vault://kv/e#k')).toBe(
      'there is no key "k" at kv/data/e; it has none',
    );
    expect(await refused((vault) => void vault.put('kv/e', { k: null }), 'vault://kv/e#k')).toBe(
      'the key "k" at kv/data/e is null; give it a value',
    );
  });

  it('about a path with nothing at it', async () => {
    expect(await refused(() => undefined, 'vault://kv/app/none#k')).toBe(
      'Vault at ADDRESS has nothing at kv/data/app/none (404), in the mount `kv/`; write it with `vault kv put kv/app/none …`, or correct the path',
    );
    expect(await refused(() => undefined, 'vault://kv/data/app/db#password')).toBe(
      'Vault at ADDRESS has nothing at kv/data/data/app/db (404), in the mount `kv/`; write the path as `vault kv get` takes it: `kv/app/db`',
    );
    expect(await refused(() => undefined, 'vault://old/none#k')).toContain(
      'has nothing at old/none (404), in the mount `old/`',
    );
  });

  it('about a wrong mount', async () => {
    expect(await refused(() => undefined, 'vault://nowhere/app#k')).toBe(
      'Vault at ADDRESS does not report the mount of nowhere/app, and has nothing at nowhere/data/app, nowhere/app, secret/data/nowhere/app, secret/nowhere/app (404); correct the path, or grant the token access to it',
    );
  });

  it('about a version that was deleted or destroyed', async () => {
    expect(await refused((vault) => vault.remove('kv/app/db', { destroyed: false }))).toBe(
      'Vault at ADDRESS: the newest version, 1, at kv/data/app/db was deleted; run `vault kv undelete -versions=1 kv/app/db`, or write a new one',
    );
    expect(await refused((vault) => vault.remove('kv/app/db', { destroyed: true }))).toBe(
      'Vault at ADDRESS: the newest version, 1, at kv/data/app/db was destroyed; write a new one',
    );
  });

  it('about a permission: which path a policy must allow', async () => {
    const reason = await refused((vault) => vault.issueToken({ policies: ['kv/data/other/*'] }));
    expect(reason).toBe(
      'Vault at ADDRESS answered 403 to GET kv/data/app/db (1 error occurred: * permission denied); it rejected the token from VAULT_TOKEN, which has expired or lacks permission: replace it, or grant it `read` on `kv/data/app/db`',
    );
    const blind = await refused((vault) => vault.issueToken({ policies: ['old/*'] }));
    expect(blind).toMatch(
      /grant it `read` on whichever of these applies: `kv\/data\/app\/db`, `kv\/app\/data\/db`, `kv\/app\/db`, `secret\/data\/kv\/app\/db`, `secret\/kv\/app\/db`. Without that permission, mxcp cannot find out the path and the version of the KV mount$/,
    );
  });

  it('about a permission when Vault does not name the mount: the right path is among the suggestions', async () => {
    const others = { policies: ['else/*'] };
    const prepare = (vault: VaultServer) => {
      vault.mount('team/blue/', 2).mount('one/', 1);
      return vault.issueToken(others);
    };
    expect(await refused(prepare, 'vault://one/app#password')).toContain('`one/app`');
    expect(await refused(prepare, 'vault://team/blue/x#k')).toContain('`team/blue/data/x`');
    expect(await refused((vault) => vault.issueToken(others), 'vault://db#password')).toContain(
      'whichever of these applies: `secret/data/db`, `secret/db`. ',
    );
  });

  it('about a permission that another token lacks: the mount is known from the previous token', async () => {
    await using vault = await openVault();
    vault.mount('team/blue/', 2).put('team/blue/x', { k: 'blue-word' });
    await using project = projectOf(vault, { A: 'vault://team/blue/x#k', B: 'vault://old/app/db#password' });
    expect(await project.values()).toEqual({ A: 'blue-word', B: 'old-word-1' });
    project.env['VAULT_TOKEN'] = vault.issueToken({ policies: ['else/*'] });
    const [blue, old] = await project.failures();
    expect(blue).toMatch(/grant it `read` on `team\/blue\/data\/x`$/);
    expect(old).toMatch(/grant it `read` on `old\/app\/db`$/);
  });

  it('about an invalid token', async () => {
    const reason = await refused(() => 'hvs.wrong-token');
    expect(reason).toContain('answered 403 to GET');
    expect(reason).toContain('it rejected the token from VAULT_TOKEN, which has expired or lacks permission');
    expect(reason).not.toContain('hvs.');
  });

  it('when it is switched off, has no address, no token, or settings that are wrong', async () => {
    await using project = new StoreProject();
    const failure = async (section: readonly string[]): Promise<string> => {
      const error = await project.write(section, { A: 'vault://kv/a#b' }).failure();
      return error.message.replaceAll(project.project.root, '');
    };
    expect(await failure([])).toContain(
      '/config.yml:10:18: vault://kv/a#b: Vault is not enabled; set `vault.enabled` to true',
    );
    expect(await failure(['vault: { enabled: true }'])).toContain(
      'the address of Vault is missing; set `vault.address`, for example to `${VAULT_ADDR}`',
    );
    expect(await failure(['vault: { enabled: true, address: "https://vault.example.com" }'])).toContain(
      'the token of Vault is missing: set `VAULT_TOKEN` in an env file or in the environment, or log in with `vault.auto_auth`',
    );
    expect(await failure(['vault: { enabled: true, address: "${UNSET}" }'])).toMatch(
      /vault:\/\/kv\/a#b: cannot be read: settings of `vault` have no value[\s\S]*\$\{UNSET\}: not set/,
    );
    expect(await failure(['vault: { enabled: true, address: "vault://kv/a#b" }'])).toContain(
      'cannot be read: the settings of `vault` may refer to variables and files, but not to a store',
    );
    project.env['HOST'] = 'ftp://somewhere';
    expect(await failure(['vault: { enabled: true, address: "${HOST}" }'])).toContain(
      '`vault.address` must begin with `http://`, `https://`, `unix://`',
    );
    expect(await failure(['vault: { enabled: true, address: "http://localhost", ca_cert: none.pem }'])).toContain(
      '`vault.ca_cert`: the file /none.pem does not exist',
    );
  });
});

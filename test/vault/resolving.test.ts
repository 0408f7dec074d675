import { createSign, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Secret } from '../../src/secrets/index.js';
import { StoreProject, vaultSection } from '../kit/projects/store-project.js';
import { stopClock, untilHolds } from '../kit/stopped-clock.js';
import { RealVault } from './real-vault.js';

let vault: RealVault;

beforeAll(async () => {
  vault = await RealVault.start({ tls: true });
  await vault.mountKv('kv', 2);
  await vault.mountKv('secret', 2);
  await vault.mountKv('old', 1);
  await vault.mountKv('team/blue', 2);
  await vault.put('kv/app/db', { password: 'pass-word-1', port: 5432 });
  await vault.put('secret/db', { password: 'plain-word-1' });
  await vault.write('old/app/db', { password: 'old-word-1' });
  await vault.write('team/blue/data/a b/ü', { data: { 'a key': 'blue-word-1' } });
});

afterAll(() => vault[Symbol.asyncDispose]());

async function projectOf(references: Readonly<Record<string, string>>, paths = ['*']): Promise<StoreProject> {
  const project = new StoreProject();
  project.env['VAULT_TOKEN'] = await vault.issueToken(paths);
  return project.write(vaultSection(vault.address), references);
}

async function reasonFor(reference: string, paths = ['*']): Promise<string> {
  await using project = await projectOf({ A: reference }, paths);
  const [reason = ''] = await project.failures();
  return reason.replaceAll(vault.address, 'ADDRESS');
}

/** What Vault reports about a token. */
async function lookUp(token: Secret | undefined): Promise<unknown> {
  return (await vault.write('auth/token/lookup', { token: token?.reveal() }))['data'];
}

describe('a real Vault', () => {
  it('gives values of mounts of both kinds, with their versions', async () => {
    await using project = await projectOf({
      NEW: 'vault://kv/app/db#password',
      PORT: 'vault://kv/app/db#port',
      OLD: 'vault://old/app/db#password',
      BLUE: 'vault://team/blue/a b/ü#a key',
    });
    expect(await project.values()).toEqual({
      NEW: 'pass-word-1',
      PORT: '5432',
      OLD: 'old-word-1',
      BLUE: 'blue-word-1',
    });
    await vault.put('kv/rotating', { a: '1' });
    await vault.put('kv/rotating', { a: '2' });
    project.write(vaultSection(vault.address), { A: 'vault://kv/rotating#a', B: 'vault://old/app/db#password' });
    const { references } = await project.resolve();
    expect(references.map(({ version, leaseSeconds }) => ({ version, leaseSeconds }))).toEqual([
      { version: '2', leaseSeconds: undefined },
      { version: null, leaseSeconds: expect.any(Number) },
    ]);
  });

  it('is also read with a policy for only that path, and in the form of older configurations', async () => {
    await using project = await projectOf({ A: 'vault://kv/app/db#password' }, ['kv/data/app/db']);
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    await using older = await projectOf({ A: 'vault://db#password' }, ['secret/data/*', 'secret/*']);
    expect(await older.values()).toEqual({ A: 'plain-word-1' });
  });

  it('refuses with the same answers as the test server', async () => {
    expect(await reasonFor('vault://kv/app/db#none')).toBe(
      'there is no key "none" at kv/data/app/db; its keys are "password", "port"',
    );
    expect(await reasonFor('vault://kv/none#a')).toContain('has nothing at kv/data/none (404), in the mount `kv/`');
    expect(await reasonFor('vault://kv/data/app/db#a')).toContain(
      'write the path as `vault kv get` takes it: `kv/app/db`',
    );
    expect(await reasonFor('vault://nowhere/app#a')).toContain('does not report the mount of nowhere/app');
    expect(await reasonFor('vault://kv/app/db#password', ['kv/data/other'])).toMatch(
      /answered 403 to GET kv\/data\/app\/db \(.*permission denied.*\).*grant it `read` on `kv\/data\/app\/db`/,
    );
    await vault.put('kv/gone', { a: 'x' });
    await vault.remove('kv/data/gone');
    expect(await reasonFor('vault://kv/gone#a')).toContain(
      'the newest version, 1, at kv/data/gone was deleted; run `vault kv undelete -versions=1 kv/gone`',
    );
    await vault.write('kv/destroy/gone', { versions: [1] });
    expect(await reasonFor('vault://kv/gone#a')).toContain('was destroyed; write a new one');
  });

  it('rejects a wrong token and says so', async () => {
    await using project = await projectOf({ A: 'vault://kv/app/db#password' });
    project.env['VAULT_TOKEN'] = 'hvs.no-such-token';
    const [reason] = await project.failures();
    expect(reason).toContain(
      'it rejected the token from VAULT_TOKEN, which has expired or lacks permission: replace it',
    );
    expect(reason).not.toContain('no-such-token');
  });

  it('answers plain HTTP where it speaks TLS with a hint', async () => {
    await using project = await projectOf({ A: 'vault://kv/app/db#password' });
    project.write(vaultSection(vault.address.replace('https:', 'http:')), { A: 'vault://kv/app/db#password' });
    expect((await project.failures())[0]).toContain('begin its address with `https://`');
  });
});

describe('a login to a real Vault', () => {
  it('by AppRole is kept, renewed, and repeated after the token is revoked', async () => {
    stopClock();
    await vault.issueToken(['*']);
    await vault.write('sys/auth/approle', { type: 'approle' });
    await vault.write('auth/approle/role/app', { token_policies: 'of-test', token_ttl: '60s', token_max_ttl: '1h' });
    const { data: role } = await vault.read('auth/approle/role/app/role-id');
    const { data: secret } = await vault.write('auth/approle/role/app/secret-id', {});
    // Vault's answers to these requests.
    const { role_id: roleId } = role as { readonly role_id: string };
    const { secret_id: secretId } = secret as { readonly secret_id: string };
    await using project = new StoreProject({}, { 'role-id': roleId, 'secret-id': secretId });
    const login = [
      'auto_auth:',
      '  method:',
      '    type: approle',
      '    config: { role_id_file_path: role-id, secret_id_file_path: secret-id }',
    ];
    project.write(vaultSection(vault.address, login), { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    const [token] = project.stores.secrets();
    expect(await lookUp(token)).not.toHaveProperty('last_renewal');
    // Vault has its own clock and renews a token at any request.
    vi.advanceTimersByTime(40_000);
    await untilHolds(() => project.stores.reports()[0]?.message.includes('ends in 60s') === true, 'the renewal');
    expect(project.stores.reports()[0]).toMatchObject({ status: 'ok' });
    expect(await lookUp(token)).toHaveProperty('last_renewal');
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    expect(project.stores.secrets()[0]).toBe(token);
    await vault.write('auth/token/revoke', { token: token?.reveal() });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    expect(project.stores.secrets()[0]?.reveal()).not.toBe(token?.reveal());
    project.project.write('secret-id', 'wrong');
    await vault.write('auth/token/revoke', { token: project.stores.secrets()[0]?.reveal() });
    expect((await project.failures())[0]).toMatch(/answered 400 to POST auth\/approle\/login \(invalid/);
  });

  it('by JWT is judged by its signature and its time', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await vault.write('sys/auth/jwt', { type: 'jwt' });
    await vault.write('auth/jwt/config', {
      jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })],
    });
    await vault.write('auth/jwt/role/ci', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['mxcp'],
      token_policies: ['of-test'],
      expiration_leeway: -1,
      clock_skew_leeway: -1,
    });
    const jwtAt = (seconds: number): string => {
      const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = { sub: 'job', aud: 'mxcp', iat: seconds, nbf: seconds, exp: seconds + 60 };
      const head = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
      return `${head}.${createSign('RSA-SHA256').update(head).sign(privateKey, 'base64url')}`;
    };
    const now = Math.floor(Date.now() / 1000);
    await using project = new StoreProject({}, { jwt: jwtAt(now) });
    const login = ['auto_auth: { method: { type: jwt, config: { role: ci, path: jwt } } }'];
    project.write(vaultSection(vault.address, login), { A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    await using late = new StoreProject({}, { jwt: jwtAt(now - 3600) });
    late.write(vaultSection(vault.address, login), { A: 'vault://kv/app/db#password' });
    expect((await late.failures())[0]).toMatch(
      /answered 400 to POST auth\/jwt\/login \(error validating token.*expired/,
    );
  });
});

describe('a real Vault that is sealed', () => {
  it('is reported as sealed, and works again after it is unsealed', async () => {
    await using project = await projectOf({ A: 'vault://kv/app/db#password' });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
    await vault.write('sys/seal', {});
    expect((await project.failures())[0]).toMatch(
      /answered 503 to GET kv\/data\/app\/db \(Vault is sealed\); it is sealed: unseal it/,
    );
    await vault.write('sys/unseal', { key: vault.unsealKey });
    expect(await project.values()).toEqual({ A: 'pass-word-1' });
  });
});

import { describe, expect, it } from 'vitest';
import type { Fault, LoopbackOptions } from '../../kit/loopback-server.js';
import { VaultServer } from '../../kit/vault-server.js';
import { StoreProject, vaultSection } from '../../kit/projects/store-project.js';

const RESOLVE_MS = 1_500;
const VALUE = 'served-value-1';
const REFERENCES = { A: 'vault://kv/app#a', B: 'vault://kv/other#b' };

interface Outage {
  readonly options?: LoopbackOptions;
  readonly breaks: (vault: VaultServer, project: StoreProject) => void | Promise<void>;
  readonly says: readonly RegExp[];
}

const status = (code: number, headers: Readonly<Record<string, string>> = {}, error = 'x'): Fault => ({
  kind: 'reply',
  reply: { status: code, headers, body: { errors: [error] } },
});

/** Each breaks a Vault that worked until then. */
const OUTAGES: Readonly<Record<string, Outage>> = {
  'is down': { breaks: (vault) => vault.stop(), says: [/refuses connections; start it, or correct its address/] },
  'does not answer': { breaks: (vault) => vault.fail({ kind: 'silent' }), says: [/did not answer in time/] },
  'answers something else': {
    breaks: (vault) => vault.fail({ kind: 'text', text: '<h1>Log in</h1>' }),
    says: [/answered 200 to GET .* with something other than JSON \(text\/html\); is there Vault/],
  },
  'answers JSON that is not from Vault': {
    breaks: (vault) => vault.fail({ kind: 'reply', reply: { status: 200, body: ['x'] } }),
    says: [/in a form that is not Vault's; is there Vault at `vault.address`/],
  },
  'answers 403': {
    breaks: (vault) => vault.fail(status(403, {}, 'permission denied'), { on: /\/data\// }),
    says: [/answered 403 to GET kv\/data\/app \(permission denied\)/, /grant it `read` on `kv\/data\/app`/],
  },
  'answers 429 for longer than there is time': {
    breaks: (vault) => vault.fail(status(429, { 'Retry-After': '30' })),
    says: [/answered 429 .*asks to wait 30 s/],
  },
  'answers 500': { breaks: (vault) => vault.fail(status(500)), says: [/answered 500 to GET .*\(x\); see its log/] },
  'answers 502 in a form of its own': {
    breaks: (vault) => vault.fail({ kind: 'text', status: 502, text: '<h1>Bad gateway</h1>' }),
    says: [/answered 502 to GET [^(]*; see its log/],
  },
  'is sealed': {
    breaks: (vault) => {
      vault.sealed = true;
    },
    says: [/answered 503 to GET .*\(Vault is sealed\); it is sealed: unseal it/],
  },
  'is a standby without an active node': {
    breaks: (vault) => vault.fail(status(500, {}, 'local node not active but active cluster node not found')),
    says: [/it is a standby and finds no active node/],
  },
  'is a standby that sends clients in a circle': {
    breaks: (vault) => {
      vault.activeAddress = vault.address;
    },
    says: [/redirects every request to another node; check the `api_addr`/],
  },
  'is a standby that sends clients to an open connection': {
    options: { certificate: 'server' },
    breaks: (vault) => {
      vault.activeAddress = 'http://127.0.0.1:1';
    },
    says: [/redirects requests to an address that is not secure/],
  },
  'cuts the connection half way': {
    breaks: (vault) => vault.fail({ kind: 'cut' }),
    says: [/closed the connection in the middle of the answer/],
  },
  'closes the connection without an answer': {
    breaks: (vault) => vault.fail({ kind: 'reset' }),
    says: [/closed the connection without an answer/],
  },
  'does not speak TLS': {
    breaks: (vault, project) => void project.write(vaultSection(vault.address.replace('http:', 'https:')), REFERENCES),
    says: [/does not speak TLS there; should its address begin with `http:\/\/`/],
  },
  'sends an answer without end': {
    breaks: (vault) => vault.fail({ kind: 'text', text: 'x'.repeat(5_000_000) }),
    says: [/sent an answer of more than 4194304 bytes/],
  },
};

describe.each(Object.entries(OUTAGES))('when Vault %s', (_name, { options, breaks, says }) => {
  it('a resolve fails in time with a reason at each reference, and succeeds after the recovery', async () => {
    await using vault = await new VaultServer(options).listen();
    vault.mount('kv/', 2).put('kv/app', { a: VALUE }).put('kv/other', { b: 'x' });
    await using project = new StoreProject();
    project.resolveTimeout = `${RESOLVE_MS}ms`;
    project.env['VAULT_TOKEN'] = vault.issueToken();
    project.write(vaultSection(vault.address), REFERENCES);
    await project.values();
    await breaks(vault, project);
    const begun = performance.now();
    const failures = await project.failures();
    expect(performance.now() - begun).toBeLessThan(RESOLVE_MS + 5_000);
    expect(failures).toHaveLength(2);
    for (const pattern of says) expect(failures[0]).toMatch(pattern);
    expect(failures.join()).not.toContain(VALUE);
    expect(failures.join()).not.toContain(project.env['VAULT_TOKEN']);
    vault.heal();
    vault.sealed = false;
    vault.activeAddress = undefined;
    await vault.stop();
    await vault.listen();
    project.write(vaultSection(vault.address), REFERENCES);
    expect(await project.values()).toEqual({ A: VALUE, B: 'x' });
  });
});

describe('a certificate', () => {
  it.each([
    ['expired', /no longer valid: the clock of this machine says 20.*; set the clock, or renew/],
    ['not-yet', /not valid yet: the clock of this machine says 20.*; set the clock/],
    ['other-host', /certificate for another host name/],
  ] as const)('that is wrong (%s) is refused before anything is sent', async (certificate, says) => {
    await using vault = await new VaultServer({ certificate }).listen();
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken();
    project.write(vaultSection(vault.address), REFERENCES);
    const [reason] = await project.failures();
    expect(reason).toMatch(says);
    expect(vault.requests).toEqual([]);
  });

  it('of a CA that is not configured is refused', async () => {
    await using vault = await new VaultServer({ certificate: 'server' }).listen();
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken();
    project.write(['vault:', '  enabled: true', `  address: ${vault.address}`], REFERENCES);
    const [reason] = await project.failures();
    expect(reason).toMatch(/issuer that is not trusted here; set `ca_cert`/);
  });

  it('for another name is accepted when that name is configured', async () => {
    await using vault = await new VaultServer({ certificate: 'other-host' }).listen();
    vault.mount('kv/', 2).put('kv/app', { a: VALUE }).put('kv/other', { b: 'x' });
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken();
    project.write(vaultSection(vault.address, ['tls_server_name: vault.example.com']), REFERENCES);
    expect(await project.values()).toEqual({ A: VALUE, B: 'x' });
  });
});

describe('a temporary failure', () => {
  it.each([
    ['429, and waits as long as it is asked to', status(429, { 'Retry-After': '1' }), 1_000],
    ['503', status(503), 100],
    ['a closed connection', { kind: 'reset' } as const, 100],
    ['a connection that was cut', { kind: 'cut' } as const, 100],
  ])('is retried after %s', async (_name, fault, atLeastMs) => {
    await using vault = await new VaultServer().listen();
    vault.mount('kv/', 2).put('kv/app', { a: VALUE }).put('kv/other', { b: 'x' });
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken();
    project.write(vaultSection(vault.address), REFERENCES);
    vault.fail(fault, { times: 1, on: /kv\/data\/app/ });
    const begun = performance.now();
    expect(await project.values()).toEqual({ A: VALUE, B: 'x' });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(atLeastMs);
    expect(vault.seen(/kv\/data\/app$/)).toHaveLength(2);
  });

  it('is tried at most three times', async () => {
    await using vault = await new VaultServer().listen();
    vault.mount('kv/', 2);
    await using project = new StoreProject();
    project.env['VAULT_TOKEN'] = vault.issueToken();
    project.write(vaultSection(vault.address), { A: 'vault://kv/app#a' });
    vault.fail(status(500), { on: /kv\/data\/app/ });
    await project.failures();
    expect(vault.seen(/kv\/data\/app$/)).toHaveLength(3);
  });
});

import { createHmac } from 'node:crypto';
import { exportSPKI } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailedAttempts } from '../../../src/auth/credentials/index.js';
import { OidcVerifier, TokenProvider } from '../../../src/auth/oidc/index.js';
import type { Caller } from '../../../src/caller/index.js';
import { TokenProviderServer } from '../../kit/identity/token-provider-server.js';

const HERE = 'https://tools.example.com/mcp';
const provider = new TokenProviderServer();
let clock = 0;

beforeAll(async () => {
  await provider.listen();
  await provider.rotate('RS256');
});
afterAll(() => provider.stop());

interface Section {
  readonly audience?: string;
  readonly allow_unverified_audience?: boolean;
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly claim_mappings?: Record<string, Record<string, string[]>>;
}

/** A verifier of its own, so that no test sees what another one made it remember. */
function verifierWith(section: Section = {}): { verify: (token: string) => Promise<Caller>; stale: string[] } {
  const stale: string[] = [];
  const identityProvider = new TokenProvider({
    configUrl: provider.configUrl,
    allowsHttp: false,
    signal: new AbortController().signal,
    onStale: (what) => stale.push(what),
    now: () => clock,
  });
  const verifier = new OidcVerifier({
    provider: identityProvider,
    section: () => ({
      config_url: provider.configUrl,
      allow_http: false,
      allow_unverified_audience: false,
      ...section,
    }),
    names: () => [HERE],
    failures: new FailedAttempts(),
    now: () => clock,
  });
  return { verify: async (token) => (await verifier.verify(token, { client: '192.0.2.1' })).caller, stale };
}

type Claims = Readonly<Record<string, unknown>>;

const now = () => Math.floor(Date.now() / 1000);
const claimsOf = (more: Claims = {}): Claims => ({
  iss: provider.address,
  aud: HERE,
  sub: 'u-1',
  exp: now() + 300,
  ...more,
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    (error: unknown) => `${Reflect.get(Object(error), 'code')}: ${Reflect.get(Object(error), 'message')}`,
  );
}

describe('a signed token', () => {
  it.each(['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'])('is verified with a key for %s', async (algorithm) => {
    const key = await provider.rotate(algorithm);
    const { verify } = verifierWith();
    expect(await verify(await provider.sign(claimsOf(), {}, key))).toMatchObject({ userId: 'u-1', provider: 'oidc' });
  });

  it('shows the user that it names', async () => {
    const { verify } = verifierWith({
      claim_mappings: { 'realm_access.roles': { admin: ['write'] }, groups: { '7': ['x'] } },
    });
    const token = await provider.sign(
      claimsOf({
        preferred_username: 'ada',
        email: 'ada@example.com',
        name: 'Ada',
        role: 'owner',
        permissions: ['a', 'b'],
        scope: 'read write',
        scp: ['more'],
        groups: [7, 8],
        realm_access: { roles: ['admin', 'user'] },
      }),
    );
    expect(await verify(token)).toMatchObject({
      username: 'ada',
      email: 'ada@example.com',
      name: 'Ada',
      role: 'owner',
      permissions: ['a', 'b'],
      capabilities: ['write', 'x'],
      scopes: ['read', 'write', 'more'],
      externalToken: token,
    });
  });

  it('gives no address that the provider has not verified', async () => {
    const { verify } = verifierWith();
    const token = await provider.sign(claimsOf({ email: 'boss@example.com', email_verified: false }));
    expect(await verify(token)).toMatchObject({ email: null, username: 'u-1' });
  });

  it.each<[string, Section, Claims]>([
    ['one of several audiences', {}, { aud: ['https://other.example.com', HERE] }],
    ['our URL with a slash', {}, { aud: `${HERE}/` }],
    ['the configured audience', { audience: 'api://mcp' }, { aud: 'api://mcp' }],
    ['a clock that is a little behind', {}, { exp: now() - 10, nbf: now() + 10 }],
    ['no audience, where that is allowed', { allow_unverified_audience: true }, { aud: undefined }],
  ])('is accepted with %s', async (_what, section, claims) => {
    expect(await codeOf(verifierWith(section).verify(await provider.sign(claimsOf(claims))))).toBe('accepted');
  });

  it.each<[string, Claims, string]>([
    ['another issuer', { iss: 'https://evil.example.com' }, 'from another issuer'],
    ['no issuer', { iss: undefined }, 'from another issuer'],
    ['another audience', { aud: 'https://other.example.com/mcp' }, 'for another server'],
    ['an audience that only begins as ours', { aud: `${HERE}.evil.example.com` }, 'for another server'],
    ['no audience', { aud: undefined }, 'does not say for which server'],
    ['an audience that is no text', { aud: { toString: HERE } }, 'does not say for which server'],
    ['an end in the past', { exp: now() - 60 }, 'has expired'],
    ['no end', { exp: undefined }, 'does not say when it ends'],
    ['an end that is no number', { exp: 'never' }, 'does not say when it ends'],
    ['a beginning in the future', { nbf: now() + 120 }, 'not valid yet'],
    ['a key of its client', { cnf: { jkt: 'x' } }, 'bound to a key'],
    ['the hash of an access token, as identity tokens have', { at_hash: 'x' }, 'not an access token'],
    ['the type of a refresh token', { typ: 'Refresh' }, 'not an access token'],
  ])('with %s is refused', async (_what, claims, reason) => {
    const answer = await codeOf(verifierWith().verify(await provider.sign(claimsOf(claims))));
    expect(answer).toMatch(/^unauthenticated: the token is not accepted: /);
    expect(answer).toContain(reason);
  });

  it.each([
    ['logout+jwt', 'not an access token'],
    ['application/dpop+jwt', 'not an access token'],
  ])('of type %s is refused', async (typ, reason) => {
    expect(await codeOf(verifierWith().verify(await provider.sign(claimsOf(), { typ })))).toContain(reason);
  });

  it('is not sent to the provider when it is not good', async () => {
    const before = provider.requests.length;
    const section = { client_id: 'mxcp', client_secret: provider.clientSecret };
    const { verify } = verifierWith(section);
    provider.opaque.set(await provider.sign(claimsOf({ exp: now() - 60 })), claimsOf());
    for (const token of provider.opaque.keys()) expect(await codeOf(verify(token))).toContain('has expired');
    expect(provider.requests.slice(before).map(({ path }) => path)).not.toContain('/introspect');
    provider.opaque.clear();
  });
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a forged token', () => {
  const body = () => encode(claimsOf());
  const forged: Readonly<Record<string, () => Promise<string> | string>> = {
    'without a signature (alg none)': () => `${encode({ alg: 'none' })}.${body()}.`,
    'without a signature (alg nOnE)': () => `${encode({ alg: 'nOnE', kid: 'key-1' })}.${body()}.`,
    'without an algorithm': () => `${encode({ kid: 'key-1' })}.${body()}.AAAA`,
    'signed with the public key as a shared one': async () => {
      const { pair } = await provider.rotate('RS256');
      const input = `${encode({ alg: 'HS256', kid: provider.keys[0]?.id, typ: 'JWT' })}.${body()}`;
      const secret = await exportSPKI(pair.publicKey);
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    },
    'signed with another key of the same name': async () => {
      const own = provider.keys[0];
      const { pair } = await provider.rotate(own?.algorithm);
      provider.keys.shift();
      return provider.sign(claimsOf(), {}, own && { ...own, pair });
    },
    'with an unknown key': async () => provider.sign(claimsOf(), { kid: 'unknown' }),
    'with a path as the name of its key': async () => provider.sign(claimsOf(), { kid: '../../../../dev/null' }),
    'with an address of its own keys': async () => {
      const { address } = provider;
      return provider.sign(claimsOf(), {
        kid: 'mine',
        jku: `${address}/evil`,
        x5u: `${address}/evil`,
        jwk: { kty: 'oct' },
      });
    },
    'with an unknown critical extension': async () => {
      const [, payload, signature] = (await provider.sign(claimsOf())).split('.');
      return `${encode({ alg: 'ES256', crit: ['x'], x: 1 })}.${payload}.${signature}`;
    },
    'with other claims': async () => {
      const [header, , signature] = (await provider.sign(claimsOf())).split('.');
      return `${header}.${encode(claimsOf({ sub: 'admin' }))}.${signature}`;
    },
    'that is cut': async () => (await provider.sign(claimsOf())).slice(0, -8),
    'whose header is an array': () => `${encode([])}.${body()}.AAAA`,
    'whose header is no JSON': () => `AAAA.${body()}.AAAA`,
    'of dots': () => '..',
  };

  it.each(Object.keys(forged))('%s is refused', async (how) => {
    const token = await forged[how]?.();
    const before = provider.requests.length;
    expect(await codeOf(verifierWith().verify(token ?? ''))).toMatch(/^unauthenticated: the token is not accepted: /);
    expect(provider.requests.slice(before).map(({ path }) => path)).not.toContain('/evil');
  });
});

describe('the signing keys', () => {
  it('are read again for an unknown one, but not at every request', async () => {
    const { verify } = verifierWith();
    await verify(await provider.sign(claimsOf()));
    const countReads = () => provider.seen(/^\/keys$/).length;
    const before = countReads();
    await provider.rotate();
    clock += 11_000;
    await verify(await provider.sign(claimsOf()));
    expect(countReads()).toBe(before + 1);
    for (let kid = 0; kid < 50; kid += 1)
      expect(await codeOf(verify(await provider.sign(claimsOf(), { kid: `made-up-${kid}` })))).toContain(
        'does not publish',
      );
    expect(countReads()).toBe(before + 1);
  });

  it('that were read before verify while the provider is away, for a day', async () => {
    const { verify, stale } = verifierWith();
    const token = await provider.sign(claimsOf());
    await verify(token);
    await provider.stop();
    clock += 20 * 60_000;
    expect(await codeOf(verify(token))).toBe('accepted');
    await expect.poll(() => stale).toContain('the signing keys of the identity provider');
    clock += 25 * 60 * 60_000;
    expect(await codeOf(verify(token))).toMatch(/^identity_provider_unavailable: /);
    await provider.listen();
    clock += 11_000;
    expect(await codeOf(verify(token))).toBe('accepted');
  });

  it('that the provider withdraws verify no longer', async () => {
    const { verify } = verifierWith();
    const old = await provider.sign(claimsOf());
    await verify(old);
    await provider.rotate();
    provider.keys.splice(1);
    clock += 11 * 60_000;
    // This one begins to read the keys, and a later one uses them.
    await verify(old).catch(() => undefined);
    await expect.poll(() => codeOf(verify(old))).toContain('does not publish');
  });
});

describe('a provider', () => {
  it.each([
    ['that is away', { kind: 'reset' }],
    ['that answers with a page', { kind: 'text', text: '<html>' }],
    ['that answers with an error', { kind: 'reply', reply: { status: 500, body: {} } }],
    ['that leads elsewhere', { kind: 'reply', reply: { status: 302, headers: { location: 'https://example.com' } } }],
    ['without an issuer', { kind: 'reply', reply: { status: 200, body: {} } }],
    ['with endless keys', { kind: 'text', text: `{"keys":["${'x'.repeat(600_000)}"]}` }],
    [
      'with keys on an open network',
      { kind: 'reply', reply: { status: 200, body: { issuer: 'x', jwks_uri: 'http://192.0.2.1/keys' } } },
    ],
  ] as const)('%s refuses every caller', async (_how, fault) => {
    const token = await provider.sign(claimsOf());
    provider.fail(fault);
    expect(await codeOf(verifierWith().verify(token))).toMatch(/^identity_provider_unavailable: /);
    provider.heal();
  });
});

const OPAQUE = { client_id: 'mxcp', client_secret: provider.clientSecret };

describe('an opaque token', () => {
  it('is looked up once, and again after a minute', async () => {
    provider.opaque.set('opaque-1', claimsOf({ username: 'ada', scope: 'read' }));
    const { verify } = verifierWith(OPAQUE);
    const count = () => provider.seen(/introspect/).length;
    const before = count();
    const both = await Promise.all([verify('opaque-1'), verify('opaque-1')]);
    expect(both).toMatchObject([{ username: 'ada', scopes: ['read'] }, { username: 'ada' }]);
    await verify('opaque-1');
    expect(count()).toBe(before + 1);
    provider.opaque.delete('opaque-1');
    clock += 61_000;
    expect(await codeOf(verify('opaque-1'))).toContain('revoked');
  });

  it.each<[string, Claims, string]>([
    ['for another server', { aud: 'https://other.example.com' }, 'for another server'],
    ['for no server in particular', { aud: undefined }, 'does not say for which server'],
    ['of another issuer', { iss: 'https://evil.example.com' }, 'from another issuer'],
    ['that has ended', { exp: now() - 1 }, 'has expired'],
    ['that begins later', { nbf: now() + 100 }, 'not valid yet'],
    ['of another kind', { token_type: 'DPoP' }, 'not a bearer token'],
    ['that needs a key', { cnf: { jkt: 'x' } }, 'bound to a key'],
  ])('%s is refused', async (_what, claims, reason) => {
    provider.opaque.set('opaque-2', claimsOf(claims));
    expect(await codeOf(verifierWith(OPAQUE).verify('opaque-2'))).toContain(reason);
  });

  it('is refused while the secret of this server is wrong', async () => {
    provider.opaque.set('opaque-3', claimsOf());
    const { verify } = verifierWith({ ...OPAQUE, client_secret: 'old' });
    expect(await codeOf(verify('opaque-3'))).toMatch(/^identity_provider_unavailable: /);
  });

  it('is refused without a way to ask about it', async () => {
    provider.opaque.set('opaque-4', claimsOf());
    expect(await codeOf(verifierWith().verify('opaque-4'))).toContain('no way to ask');
  });

  it('is looked up as a user only where its audience may stay unknown, and then has no scopes', async () => {
    provider.opaque.set('opaque-5', { sub: 'u-5', preferred_username: 'eve', scope: 'admin' });
    const { verify } = verifierWith({ allow_unverified_audience: true });
    expect(await verify('opaque-5')).toMatchObject({ username: 'eve', scopes: [] });
    expect(await codeOf(verify('opaque-6'))).toMatch(/^unauthenticated: /);
  });
});

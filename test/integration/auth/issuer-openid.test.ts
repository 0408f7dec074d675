import { describe, expect, onTestFinished, test } from 'vitest';
import { IssuerHarness } from '../../kit/identity/issuer-harness.js';
import { OidcServer } from '../../kit/identity/oidc-server.js';

const ANNA = {
  sub: 'u-1',
  preferred_username: 'anna',
  name: 'Anna Berg',
  email: 'anna@example.com',
  email_verified: true,
  groups: ['staff', 'admins'],
};

async function startProvider(user: object = ANNA): Promise<OidcServer> {
  const provider = await new OidcServer({ users: [{ ...ANNA, ...user }], claims: ['groups'] }).listen();
  onTestFinished(() => provider.stop());
  return provider;
}

function open(provider: OidcServer, more: Partial<Parameters<typeof IssuerHarness.open>[0]> = {}) {
  const block = () => ({ ...provider.block, claim_mappings: { groups: { admins: ['reports:write'] } } });
  return IssuerHarness.open({ provider: 'oidc', block, ...more });
}

async function signIn(harness: IssuerHarness, provider: OidcServer) {
  const { client_id: clientId = '' } = await harness.register();
  return { clientId, tokens: await harness.signIn(clientId, { signIn: provider.signInAs('u-1') }) };
}

describe('a real OpenID provider', () => {
  test('signs a person in', async () => {
    const provider = await startProvider();
    const harness = await open(provider);
    const { tokens } = await signIn(harness, provider);
    expect(harness.issuer.verify(tokens.access_token).caller).toMatchObject({
      userId: 'u-1',
      username: 'anna',
      email: 'anna@example.com',
      name: 'Anna Berg',
      provider: 'oidc',
      role: 'user',
      capabilities: ['reports:write'],
      profile: { sub: 'u-1', groups: ['staff', 'admins'] },
    });
  });

  test('an address that it has not checked is not believed', async () => {
    const provider = await startProvider({
      email: 'boss@example.com',
      email_verified: false,
      preferred_username: undefined,
    });
    const harness = await open(provider);
    const { tokens } = await signIn(harness, provider);
    expect(harness.issuer.verify(tokens.access_token).caller).toMatchObject({ email: null, username: 'u-1' });
  });

  test('what it says of a person is up to date after the next refresh', async () => {
    const provider = await startProvider();
    let now = Date.now();
    const harness = await open(provider, { now: () => now });
    const { clientId, tokens } = await signIn(harness, provider);
    provider.users[0] = { ...ANNA, groups: ['staff'] };
    now += 10 * 60_000;
    const next = (await (await harness.refresh(clientId, tokens.refresh_token)).json()) as typeof tokens;
    expect(harness.issuer.verify(next.access_token).caller.capabilities).toEqual([]);
  });

  test('with keycloak as its name, the addresses follow from server and realm', async () => {
    const provider = await startProvider();
    const { config_url: _, ...block } = provider.block;
    const harness = await IssuerHarness.open({
      provider: 'keycloak',
      block: () => ({ ...block, realm: 'shop', server_url: provider.address }),
    });
    const { tokens } = await signIn(harness, provider);
    expect(harness.issuer.verify(tokens.access_token).caller).toMatchObject({ userId: 'u-1', provider: 'keycloak' });
  });

  test('a sign-in fails for now while its keys cannot be read, and works afterwards', async () => {
    const provider = await startProvider();
    const harness = await open(provider);
    const { client_id: clientId = '' } = await harness.register();
    provider.failOn(/^\/jwks/);
    const { answer } = await harness.authorize(clientId, { signIn: provider.signInAs('u-1') });
    expect(answer.get('error')).toBe('temporarily_unavailable');
    expect(answer.get('state')).toBe('client-state');
    expect(answer.get('iss')).toBe('https://mcp.example.com');
    provider.failOn(undefined);
    expect((await harness.authorize(clientId, { signIn: provider.signInAs('u-1') })).code).toMatch(/^mcp_/);
  });

  test('a token that it signed with another key is refused', async () => {
    const provider = await startProvider();
    const harness = await open(provider);
    const { client_id: clientId = '' } = await harness.register();
    provider.publishForeignKeys = true;
    const { answer } = await harness.authorize(clientId, { signIn: provider.signInAs('u-1') });
    expect(answer.get('error')).toBe('access_denied');
    expect(answer.get('code')).toBeNull();
  });
});

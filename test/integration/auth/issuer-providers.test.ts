import { onTestFinished, expect, test, describe } from 'vitest';
import { IssuerHarness } from '../../kit/identity/issuer-harness.js';
import { type ProviderKind, ProviderServer } from '../../kit/identity/provider-server.js';

const PROFILES: Readonly<Record<ProviderKind, Readonly<Record<string, unknown>>>> = {
  github: { id: 1234, login: 'anna', name: 'Anna Berg', email: null },
  google: { id: '110', email: 'anna@example.com', verified_email: true, name: 'Anna Berg' },
  atlassian: { account_id: '5b10', email: 'anna@example.com', name: 'Anna Berg', nickname: 'anna' },
  salesforce: {
    sub: 'https://login.salesforce.com/id/00D/005',
    user_id: '005',
    preferred_username: 'anna@example.com.dev',
    email: 'anna@example.com',
    email_verified: true,
    name: 'Anna Berg',
  },
};
const USERS = {
  github: { userId: '1234', username: 'anna', email: 'anna@example.com' },
  google: { userId: '110', username: 'anna@example.com', email: 'anna@example.com' },
  atlassian: { userId: '5b10', username: 'anna@example.com', email: 'anna@example.com' },
  salesforce: { userId: '005', username: 'anna@example.com.dev', email: 'anna@example.com' },
};

async function startProvider(kind: ProviderKind): Promise<ProviderServer> {
  const provider = await new ProviderServer(kind, PROFILES[kind]).listen();
  onTestFinished(() => provider.stop());
  provider.emails = [
    { email: 'old@example.com', primary: false, verified: true },
    { email: 'anna@example.com', primary: true, verified: true },
  ];
  return provider;
}

describe.each(['github', 'google', 'atlassian', 'salesforce'] as const)('%s', (kind) => {
  test('signs a person in, and says who they are', async () => {
    const provider = await startProvider(kind);
    const harness = await IssuerHarness.open({ provider: kind, block: () => provider.block });
    const { client_id: clientId = '' } = await harness.register();
    const tokens = await harness.signIn(clientId);
    expect(tokens.access_token).toMatch(/^mcp_[0-9a-f]{64}$/);
    expect(tokens.refresh_token).toMatch(/^mcp_refresh_[0-9a-f]{64}$/);
    expect(tokens.token_type).toBe('Bearer');
    expect(tokens.expires_in).toBeGreaterThan(3500);
    const { caller } = harness.issuer.verify(tokens.access_token);
    expect(caller).toMatchObject({ ...USERS[kind], name: 'Anna Berg', provider: kind, role: 'user' });
    expect(caller.externalToken).toMatch(/^[0-9a-f]{32}$/);
  });

  test('keeps the person signed in by refreshes', async () => {
    const provider = await startProvider(kind);
    let now = Date.now();
    const harness = await IssuerHarness.open({ provider: kind, block: () => provider.block, now: () => now });
    const { client_id: clientId = '' } = await harness.register();
    let tokens = await harness.signIn(clientId);
    for (let hour = 0; hour < 5; hour += 1) {
      now += 58 * 60_000;
      const response = await harness.refresh(clientId, tokens.refresh_token);
      expect(response.status).toBe(200);
      tokens = (await response.json()) as typeof tokens;
      expect(harness.issuer.verify(tokens.access_token).caller.userId).toBe(USERS[kind].userId);
    }
  });

  test('ends the sessions of a person whom the provider no longer knows', async () => {
    const provider = await startProvider(kind);
    let now = Date.now();
    const harness = await IssuerHarness.open({ provider: kind, block: () => provider.block, now: () => now });
    const { client_id: clientId = '' } = await harness.register();
    const tokens = await harness.signIn(clientId);
    provider.revokeAll();
    now += 58 * 60_000;
    const response = await harness.refresh(clientId, tokens.refresh_token);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_grant' });
    expect(() => harness.issuer.verify(tokens.access_token)).toThrow('revoked');
  });

  test('keeps sessions while the provider is down, and refuses new tokens meanwhile', async () => {
    const provider = await startProvider(kind);
    let now = Date.now();
    const harness = await IssuerHarness.open({ provider: kind, block: () => provider.block, now: () => now });
    const { client_id: clientId = '' } = await harness.register();
    const tokens = await harness.signIn(clientId);
    now += 58 * 60_000;
    await provider.stop();
    const down = await harness.refresh(clientId, tokens.refresh_token);
    expect(down.status).toBe(503);
    expect(down.headers.get('retry-after')).toBe('10');
    expect(await down.json()).toMatchObject({ error: 'temporarily_unavailable' });
    await provider.listen();
    expect((await harness.refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });

  test('does not end sessions when only the secret of this server is wrong', async () => {
    const provider = await startProvider(kind);
    let now = Date.now();
    let { block } = provider;
    const harness = await IssuerHarness.open({ provider: kind, block: () => block, now: () => now });
    const { client_id: clientId = '' } = await harness.register();
    const tokens = await harness.signIn(clientId);
    provider.clientSecret = 'app-secret-2';
    const { code } = await harness.authorize(clientId);
    expect(code).toBe('');
    block = provider.block;
    now += 58 * 60_000;
    expect((await harness.refresh(clientId, tokens.refresh_token)).status).toBe(200);
    expect((await harness.authorize(clientId)).code).toMatch(/^mcp_[0-9a-f]{32}$/);
  });
});

import { expect, it, onTestFinished, vi } from 'vitest';
import { Browser } from '../../kit/identity/browser.js';
import { OidcServer } from '../../kit/identity/oidc-server.js';
import { IssuerHarness } from '../../kit/identity/issuer-harness.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { SigningClient } from '../../kit/identity/signing-client.js';
import { readAuditLines } from '../../kit/audit-lines.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectSigningIn } from '../../kit/mcp-client.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';
import { callOf, postMessage } from '../../kit/raw-http.js';

const KINDS = ['github', 'google', 'salesforce'] as const;
const PROFILE = { id: 7, sub: '7', user_id: '7', login: 'anna', email: 'anna@example.com', preferred_username: 'anna' };

async function startSignedIn(kind: (typeof KINDS)[number] = 'github') {
  const provider = await new ProviderServer(kind, PROFILE).listen();
  onTestFinished(() => provider.stop());
  const auth = { provider: kind, [kind]: provider.block };
  const project = protectedProject(auth, {
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles: { dev: { audit: { enabled: true, path: audit.jsonl } } }',
    ],
    'config.yml': configWith(auth),
  });
  const server = await InProcessServer.start(project);
  onTestFinished(() => server.server.close());
  const signIn = async (): Promise<SigningClient> => {
    const memory = new SigningClient(new Browser());
    await (await connectSigningIn(server.url, memory)).close();
    return memory;
  };
  return { provider, project, server, signIn };
}

const statusWith = async (url: string, { stored }: SigningClient): Promise<number> =>
  (await postMessage(url, callOf('whoami'), ['authorization', `Bearer ${stored.tokens?.access_token}`])).status;

it('an operator sees who has signed in, without any token, and ends a session', async () => {
  const { server, project, signIn } = await startSignedIn();
  expect(await server.admin.sessions()).toEqual({ sessions: [], count: 0 });
  const first = await signIn();
  const second = await signIn();
  const { sessions, count } = await server.admin.sessions({ user: 'anna' });
  expect(count).toBe(2);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(sessions[0]).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{20}$/),
    user_id: '7',
    username: 'anna',
    email: 'anna@example.com',
    provider: 'github',
    client_id: second.stored.client?.client_id,
    client_name: 'Official client',
    scopes: ['vault:list', 'vault:read'],
    signed_in_at: time,
    used_at: time,
    confirmed_at: time,
    ends_at: time,
  });
  const shown = JSON.stringify(sessions);
  // The first half of a token names its grant.
  for (const { stored } of [first, second])
    for (const token of [stored.tokens?.access_token, stored.tokens?.refresh_token])
      expect(shown).not.toContain(token?.replace(/^mcp_(refresh_)?/, '').slice(0, 16));
  expect(await server.admin.endSession(sessions[1]?.id ?? '')).toMatchObject({ id: sessions[1]?.id, username: 'anna' });
  expect(await statusWith(server.url, first)).toBe(401);
  expect(await statusWith(server.url, second)).toBe(200);
  await expect(server.admin.endSession(sessions[1]?.id ?? '')).rejects.toMatchObject({ code: 'session_not_found' });
  const signIns = (await readAuditLines(project.path('audit.jsonl'))).filter(
    ({ operation_name: name }) => name === 'sign_in',
  );
  expect(signIns).toHaveLength(2);
  expect(signIns[1]).toMatchObject({
    operation_type: 'auth',
    operation_status: 'success',
    user_id: '7',
    username: 'anna',
    client: '127.0.0.1',
    input_data: { client_id: second.stored.client?.client_id },
  });
  const records = (await readAuditLines(project.path('audit.jsonl'))).filter(
    ({ operation_name: name }) => name === 'end_session',
  );
  expect(records).toMatchObject([
    { operation_type: 'admin', operation_status: 'success', input_data: { id: sessions[1]?.id } },
    { operation_type: 'admin', operation_status: 'error', error_code: 'session_not_found' },
  ]);
});

it('an operator ends the sessions of one user, or of all, and never by a slip', async () => {
  const { server, provider, signIn } = await startSignedIn();
  const anna = await signIn();
  provider.profile = { id: 8, login: 'bert', email: 'bert@example.com' };
  const bert = await signIn();
  await expect(server.admin.endSessions({ user: '' })).rejects.toMatchObject({ code: 'bad_request' });
  expect(await server.admin.endSessions({ user: 'unknown' })).toEqual({ ended: 0 });
  expect(await server.admin.endSessions({ user: 'bert@example.com' })).toEqual({ ended: 1 });
  expect([await statusWith(server.url, anna), await statusWith(server.url, bert)]).toEqual([200, 401]);
  expect(await server.admin.endSessions({ all: true })).toEqual({ ended: 1 });
  expect(await statusWith(server.url, anna)).toBe(401);
});

it('a client whose session was ended signs its person in again', async () => {
  const { server, signIn } = await startSignedIn();
  const memory = await signIn();
  await server.admin.endSessions({ all: true });
  const client = await connectSigningIn(server.url, memory);
  expect(await callText(client, 'whoami')).toContain('anna');
  await client.close();
  expect(memory.signIns).toBe(2);
});

it.each(KINDS)('the last session of a person ends at the provider too (%s)', async (kind) => {
  const { server, provider, signIn } = await startSignedIn(kind);
  await signIn();
  await signIn();
  const [last, earlier] = (await server.admin.sessions()).sessions;
  await server.admin.endSession(earlier?.id ?? '');
  await server.admin.endSession(last?.id ?? '');
  await expect.poll(() => provider.revoked).toHaveLength(1);
  await expect.poll(() => server.logLines.join('\n')).toContain('was revoked at the identity provider');
  expect(provider.revoked[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(server.logLines.join('\n')).not.toContain(provider.revoked[0]);
});

it('a client that revokes its token ends the sign-in at a real provider, and a provider that is away does not keep the session', async () => {
  const provider = await new OidcServer({ users: [{ sub: 'u-1', preferred_username: 'anna' }] }).listen();
  onTestFinished(() => provider.stop());
  const harness = await IssuerHarness.open({ provider: 'oidc', block: () => provider.block });
  const { client_id: clientId = '' } = await harness.register();
  const signIn = () => harness.signIn(clientId, { signIn: provider.signInAs('u-1') });
  const tokens = await signIn();
  const external = harness.issuer.verify(tokens.access_token).caller.externalToken ?? '';
  const askProvider = async () =>
    (await fetch(`${provider.address}/me`, { headers: { authorization: `Bearer ${external}` } })).status;
  expect(await askProvider()).toBe(200);
  const revoke = (token: string) => harness.post('/revoke', { client_id: clientId, token });
  expect((await revoke(tokens.refresh_token)).status).toBe(200);
  expect(() => harness.issuer.verify(tokens.access_token)).toThrow('revoked');
  await expect.poll(askProvider).toBe(401);
  const next = await signIn();
  provider.failOn(/revocation/);
  expect((await revoke(next.access_token)).status).toBe(200);
  expect(() => harness.issuer.verify(next.access_token)).toThrow('revoked');
});

it('a server that gives out no tokens says so', async () => {
  const auth = { provider: 'static', static: { tokens: [{ token: 'ada-token-0123456789abcdef', username: 'ada' }] } };
  await using server = await InProcessServer.start(protectedProject(auth));
  for (const ask of [server.admin.sessions(), server.admin.endSession('0'), server.admin.endSessions({ all: true })])
    await expect(ask).rejects.toMatchObject({ code: 'sessions_off' });
});

it('many sessions that end at once ask the provider only a few things at the same time', async () => {
  const { server, provider, signIn } = await startSignedIn();
  const count = 10;
  for (let index = 0; index < count; index += 1) {
    provider.profile = { id: index + 1, login: `user-${index}` };
    await signIn();
  }
  provider.mostAtOnce = 0;
  expect(await server.admin.endSessions({ all: true })).toEqual({ ended: count });
  await vi.waitFor(() => expect(provider.revoked).toHaveLength(count), { timeout: 5_000 });
  expect(provider.mostAtOnce).toBeLessThanOrEqual(4);
});

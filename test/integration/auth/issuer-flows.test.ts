import { describe, expect, onTestFinished, test } from 'vitest';
import {
  authorizeUrl,
  challengeOf,
  IssuerHarness,
  ORIGIN,
  REDIRECT,
  RESOURCE,
  type Tokens,
} from '../../kit/identity/issuer-harness.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { createProject } from '../../kit/projects/temporary-project.js';

const CHALLENGE = challengeOf('a'.repeat(43));

async function open(more: Partial<Parameters<typeof IssuerHarness.open>[0]> = {}) {
  const provider = await new ProviderServer('github', { id: 7, login: 'anna', email: 'anna@example.com' }).listen();
  onTestFinished(() => provider.stop());
  const harness = await IssuerHarness.open({ provider: 'github', block: () => provider.block, ...more });
  return { provider, harness };
}

async function openWithClient(more: Parameters<typeof open>[0] = {}) {
  const { provider, harness } = await open(more);
  const { client_id: clientId = '' } = await harness.register();
  return { provider, harness, clientId };
}

describe('a request for authorization', () => {
  test.each([
    ['an unknown client', { client_id: 'mcp_client_x' }],
    ['another redirect URI', { redirect_uri: 'http://127.0.0.1:4711/other' }],
    ['a redirect URI that only begins like the right one', { redirect_uri: `${REDIRECT}.evil.example` }],
    ['a redirect URI of another host', { redirect_uri: 'http://127.0.0.1.evil.example:4711/callback' }],
  ])('with %s ends at a page and leads nowhere', async (_, parameters) => {
    const { harness, clientId } = await openWithClient();
    const url = authorizeUrl(clientId, { code_challenge: CHALLENGE, ...parameters });
    const page = await harness.newBrowser().visit(url);
    expect(page.url).toBe(url);
    expect(page.response.status).toBe(400);
    expect(page.response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  test.each([
    ['no challenge', { code_challenge: '' }, 'invalid_request'],
    ['a plain challenge', { code_challenge: CHALLENGE, code_challenge_method: 'plain' }, 'invalid_request'],
    ['another type of response', { code_challenge: CHALLENGE, response_type: 'token' }, 'unsupported_response_type'],
    ['another resource', { code_challenge: CHALLENGE, resource: 'https://other.example.com/mcp' }, 'invalid_target'],
  ])('with %s is refused to the client', async (_, parameters, error) => {
    const { harness, clientId } = await openWithClient();
    const page = await harness
      .newBrowser()
      .visit(authorizeUrl(clientId, parameters), (url) => url.startsWith(REDIRECT));
    const answer = new URL(page.url).searchParams;
    expect(Object.fromEntries(answer)).toMatchObject({ error, state: 'client-state', iss: ORIGIN });
  });

  test('may use any port of the own machine, which applications choose at their start', async () => {
    const { harness, clientId } = await openWithClient();
    const redirect = 'http://127.0.0.1:50123/callback';
    const { code } = await harness.authorize(clientId, { parameters: { redirect_uri: redirect } });
    expect(code).toMatch(/^mcp_/);
  });
});

describe('the page that asks', () => {
  test('shows a name as text, and allows no script and no frame', async () => {
    const { harness } = await open();
    const { client_id: clientId = '' } = await harness.register({ client_name: '<script>alert(1)</script>\u202e"x' });
    const page = await harness.newBrowser().visit(authorizeUrl(clientId, { code_challenge: CHALLENGE }));
    expect(page.text).not.toContain('<script>');
    expect(page.text).not.toContain('\u202e');
    expect(page.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;x');
    const policy = page.response.headers.get('content-security-policy');
    expect(policy).toMatch(/default-src 'none'.*base-uri 'none'.*frame-ancestors 'none'/);
    expect(page.response.headers.get('x-frame-options')).toBe('DENY');
    expect(page.response.headers.get('cache-control')).toBe('no-store');
  });

  test('is refused by another browser, to which a thief has sent it', async () => {
    const { harness, clientId } = await openWithClient();
    const page = await harness.newBrowser().visit(authorizeUrl(clientId, { code_challenge: CHALLENGE }));
    const stolen = await harness.newBrowser().press(page, 'Allow', (url) => url.startsWith(REDIRECT));
    expect(stolen.url).toBe(`${ORIGIN}/consent`);
    expect(stolen.response.status).toBe(400);
  });

  test('leads back to the client when the person says no', async () => {
    const { provider, harness, clientId } = await openWithClient();
    const browser = harness.newBrowser();
    const page = await browser.visit(authorizeUrl(clientId, { code_challenge: CHALLENGE }));
    const end = await browser.press(page, 'Deny', (url) => url.startsWith(REDIRECT));
    expect(new URL(end.url).searchParams.get('error')).toBe('access_denied');
    expect(provider.requests).toEqual([]);
  });

  test('can be open twice, for two applications at the same time', async () => {
    const { harness, clientId } = await openWithClient();
    const browser = harness.newBrowser();
    const first = await browser.visit(authorizeUrl(clientId, { code_challenge: CHALLENGE, state: 'one' }));
    const second = await browser.visit(authorizeUrl(clientId, { code_challenge: CHALLENGE, state: 'two' }));
    const isEnd = (url: string) => url.startsWith(REDIRECT);
    for (const [page, state] of [
      [first, 'one'],
      [second, 'two'],
    ] as const)
      expect(new URL((await browser.press(page, 'Allow', isEnd)).url).searchParams.get('state')).toBe(state);
  });
});

describe('the way back from the provider', () => {
  test('works once, in the browser where it began, and for five minutes', async () => {
    let now = Date.now();
    const { provider, harness, clientId } = await openWithClient({ now: () => now });
    const browser = harness.newBrowser();
    const begin = async () => {
      const page = await browser.visit(authorizeUrl(clientId, { code_challenge: CHALLENGE }));
      const callback = await browser.press(page, 'Allow', (url) => url.includes('/github/callback'));
      return callback.url;
    };
    const isEnd = (url: string) => url.startsWith(REDIRECT);
    const first = await begin();
    expect((await harness.newBrowser().visit(first, isEnd)).response.status).toBe(400);
    expect((await browser.visit(first, isEnd)).url).toContain('code=mcp_');
    expect((await browser.visit(first, isEnd)).response.status).toBe(400);
    const late = await begin();
    now += 5 * 60_000;
    expect((await browser.visit(late, isEnd)).response.status).toBe(400);
    expect(provider.seen(/access_token/)).toHaveLength(1);
  });
});

describe('a code', () => {
  test.each([
    ['another verifier', { code_verifier: 'b'.repeat(43) }],
    ['no verifier', { code_verifier: '' }],
    ['another redirect URI', { redirect_uri: 'http://127.0.0.1:4711/other' }],
    ['another resource', { resource: 'https://other.example.com/mcp' }],
  ])('with %s gives no tokens', async (_, more) => {
    const { harness, clientId } = await openWithClient();
    const { code, verifier } = await harness.authorize(clientId);
    const response = await harness.redeem(clientId, code, verifier, more);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(/^invalid_(?:grant|target)$/) });
  });

  test('of one client gives no tokens to another one', async () => {
    const { harness, clientId } = await openWithClient();
    const { client_id: other = '' } = await harness.register();
    const { code, verifier } = await harness.authorize(clientId);
    expect((await harness.redeem(other, code, verifier)).status).toBe(400);
  });

  test('that is used twice ends what came of it', async () => {
    const { harness, clientId } = await openWithClient();
    const { code, verifier } = await harness.authorize(clientId);
    const answers = await Promise.all([
      harness.redeem(clientId, code, verifier),
      harness.redeem(clientId, code, verifier),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const tokens = (await answers.find(({ status }) => status === 200)?.json()) as { access_token: string };
    expect(() => harness.issuer.verify(tokens.access_token)).toThrow('revoked');
  });

  test('is good for five minutes', async () => {
    let now = Date.now();
    const { harness, clientId } = await openWithClient({ now: () => now });
    const { code, verifier } = await harness.authorize(clientId);
    now += 5 * 60_000;
    expect(await (await harness.redeem(clientId, code, verifier)).json()).toMatchObject({ error: 'invalid_grant' });
  });
});

describe('a refresh token', () => {
  test('that was replaced gives the same successor for a minute, also after a restart, and then ends everything', async () => {
    let now = Date.now();
    const sessionsFile = createProject().path('oauth.sessions');
    const options = { now: () => now, sessionsFile, encryptionKey: () => 'a key that is long enough' };
    const { provider, harness, clientId } = await openWithClient(options);
    const first = await harness.signIn(clientId);
    const second = (await (await harness.refresh(clientId, first.refresh_token)).json()) as typeof first;
    now += 59_000;
    await harness.close();
    const next = await IssuerHarness.open({ provider: 'github', block: () => provider.block, ...options });
    expect(await (await next.refresh(clientId, first.refresh_token)).json()).toEqual({
      ...second,
      expires_in: second.expires_in - 59,
    });
    now += 2_000;
    expect((await next.refresh(clientId, first.refresh_token)).status).toBe(400);
    expect((await next.refresh(clientId, second.refresh_token)).status).toBe(400);
    expect(() => next.issuer.verify(second.access_token)).toThrow('revoked');
  });

  test('that many requests send at once is replaced once', async () => {
    const { harness, clientId } = await openWithClient();
    const { refresh_token: token } = await harness.signIn(clientId);
    const answers = await Promise.all(Array.from({ length: 10 }, () => harness.refresh(clientId, token)));
    const tokens = await Promise.all(answers.map((answer) => answer.json() as Promise<{ refresh_token: string }>));
    expect(new Set(tokens.map(({ refresh_token: next }) => next)).size).toBe(1);
  });

  test('of one client gives nothing to another one, and stays good', async () => {
    const { harness, clientId } = await openWithClient();
    const { client_id: other = '' } = await harness.register();
    const { refresh_token: token } = await harness.signIn(clientId);
    expect((await harness.refresh(other, token)).status).toBe(400);
    expect((await harness.refresh(clientId, token)).status).toBe(200);
  });

  test('ends when it is not used for thirty days', async () => {
    let now = Date.now();
    const { harness, clientId } = await openWithClient({ now: () => now });
    const { refresh_token: token } = await harness.signIn(clientId);
    now += 30 * 24 * 3_600_000;
    expect((await harness.refresh(clientId, token)).status).toBeGreaterThanOrEqual(400);
  });
});

describe('tokens for a group', () => {
  const GROUP = `${RESOURCE}/sales`;
  const withGroup = {
    resources: (group: string | undefined) => (group === 'sales' ? [RESOURCE, GROUP] : [RESOURCE]),
    allResources: () => [RESOURCE, GROUP],
  };

  test('are good there only, also after a refresh', async () => {
    const { harness, clientId } = await openWithClient(withGroup);
    const { code, verifier } = await harness.authorize(clientId, { parameters: { resource: GROUP } });
    const first = await readTokens(await harness.redeem(clientId, code, verifier, { resource: GROUP }));
    const next = await readTokens(await harness.refresh(clientId, first.refresh_token, { resource: GROUP }));
    for (const { access_token: token } of [first, next]) {
      expect(harness.issuer.verify(token, { group: 'sales' }).caller.username).toBe('anna');
      for (const group of [undefined, 'support'])
        expect(() => harness.issuer.verify(token, { group })).toThrow('for another server');
    }
    const more = await harness.refresh(clientId, next.refresh_token, { resource: RESOURCE });
    expect([more.status, await more.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_target' })]);
  });

  test('are no tokens for everything, and those are good for each group', async () => {
    const { harness, clientId } = await openWithClient(withGroup);
    const { code, verifier } = await harness.authorize(clientId, { parameters: { resource: GROUP } });
    const refused = await harness.redeem(clientId, code, verifier, { resource: RESOURCE });
    expect(await refused.json()).toMatchObject({ error: 'invalid_target' });
    const { access_token: token } = await harness.signIn(clientId);
    for (const group of [undefined, 'sales'])
      expect(harness.issuer.verify(token, { group }).caller.username).toBe('anna');
  });
});

async function readTokens(response: Response): Promise<Tokens> {
  expect(response.status).toBe(200);
  return (await response.json()) as Tokens;
}

describe('scopes', () => {
  const scopes = { requiredScopes: ['base'], supportedScopes: () => ['reports:read', 'reports:write'] };

  test('are those that every call needs, and those that the client asked for', async () => {
    const { harness, clientId } = await openWithClient(scopes);
    const tokens = await harness.signIn(clientId, { parameters: { scope: 'reports:read unknown' } });
    expect(tokens.scope).toBe('base reports:read');
    expect(harness.issuer.verify(tokens.access_token).caller.scopes).toEqual(['base', 'reports:read']);
  });

  test('can be given up at a refresh, and not added', async () => {
    const { harness, clientId } = await openWithClient(scopes);
    const tokens = await harness.signIn(clientId, { parameters: { scope: 'reports:read' } });
    const more = await harness.refresh(clientId, tokens.refresh_token, { scope: 'base reports:write' });
    expect(await more.json()).toMatchObject({ error: 'invalid_scope' });
    const less = (await (
      await harness.refresh(clientId, tokens.refresh_token, { scope: 'base' })
    ).json()) as typeof tokens;
    expect(harness.issuer.verify(less.access_token).caller.scopes).toEqual(['base']);
  });

  test('of a configured client are limited to what it may ask for', async () => {
    const client = {
      client_id: 'report-app',
      name: 'Reports',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code'],
      scopes: ['base'],
    };
    const { harness } = await open({ ...scopes, clients: [client] });
    const tokens = await harness.signIn('report-app', { parameters: { scope: 'reports:write' } });
    expect(tokens.scope).toBe('base');
    expect(tokens.refresh_token).toBeUndefined();
  });
});

describe('a client with a secret', () => {
  const secret = 'the secret of the application';
  const client = {
    client_id: 'app',
    name: 'App',
    client_secret: secret,
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code'],
    scopes: [],
  };
  const basic = (value: string) => ({
    authorization: `Basic ${Buffer.from(`app:${encodeURIComponent(value)}`).toString('base64')}`,
  });

  test.each([
    ['in the body', { client_secret: secret }, {}, 200],
    ['in the header', {}, basic(secret), 200],
    ['nowhere', {}, {}, 401],
    ['wrong in the body', { client_secret: 'wrong' }, {}, 401],
    ['wrong in the header', {}, basic('wrong'), 401],
  ])('%s', async (_, body, headers, status) => {
    const { harness } = await open({ clients: [client] });
    const { code, verifier } = await harness.authorize('app');
    const form = {
      grant_type: 'authorization_code',
      client_id: 'app',
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      ...body,
    };
    const answer = await harness.post('/token', form, undefined, headers);
    expect(answer.status).toBe(status);
  });
});

test('a token that is revoked ends with everything that belongs to it', async () => {
  const { harness, clientId } = await openWithClient();
  const tokens = await harness.signIn(clientId);
  expect((await harness.post('/revoke', { client_id: clientId, token: `mcp_${'0'.repeat(64)}` })).status).toBe(200);
  expect(harness.issuer.verify(tokens.access_token).caller.username).toBe('anna');
  expect((await harness.post('/revoke', { client_id: clientId, token: tokens.access_token })).status).toBe(200);
  expect(() => harness.issuer.verify(tokens.access_token)).toThrow('revoked');
  expect((await harness.refresh(clientId, tokens.refresh_token)).status).toBe(400);
});

test.each([
  'javascript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'http://example.com/cb',
  'https://example.com/cb#x',
  'https://a:b@example.com/cb',
  '/cb',
  'https://example.com/\ncb',
  'vbscript:x',
  'blob:https://example.com/x',
])('a client cannot be registered with the redirect URI %j', async (uri) => {
  const { harness } = await open();
  await expect(harness.register({ redirect_uris: [uri] })).rejects.toThrow('invalid_redirect_uri');
});

test.each([
  'https://example.com/cb',
  'http://localhost:3000/cb',
  'http://[::1]/cb',
  'cursor://anysphere.cursor-retrieval/oauth',
  'com.example.app:/oauth',
])('a client can be registered with the redirect URI %j', async (uri) => {
  const { harness } = await open();
  expect(await harness.register({ redirect_uris: [uri] })).toMatchObject({
    client_id: expect.stringMatching(/^mcp_client_/),
  });
});

test('registrations are limited', async () => {
  const now = Date.now();
  const { harness } = await open({ now: () => now });
  const register = (from: string) =>
    harness.post('/register', JSON.stringify({ redirect_uris: [REDIRECT] }), 'application/json', { 'x-from': from });
  for (let count = 0; count < 60; count += 1) expect((await register(`192.0.2.${count}`)).status).toBe(201);
  const limited = await register('192.0.2.100');
  expect([limited.status, await limited.text()]).toEqual([429, expect.stringContaining('too many clients')]);
});

test('the metadata says what clients need to know', async () => {
  const { harness } = await open({ requiredScopes: ['base'] });
  const answer = await harness.send(new Request(`${ORIGIN}/.well-known/oauth-authorization-server`));
  expect(await answer.json()).toEqual({
    issuer: ORIGIN,
    authorization_endpoint: `${ORIGIN}/authorize`,
    token_endpoint: `${ORIGIN}/token`,
    revocation_endpoint: `${ORIGIN}/revoke`,
    registration_endpoint: `${ORIGIN}/register`,
    scopes_supported: ['base'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    revocation_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    protected_resources: [RESOURCE],
  });
});

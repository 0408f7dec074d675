import { describe, expect, onTestFinished, test } from 'vitest';
import { IdentityProvider } from '../../../src/auth/issuer/identity-provider.js';
import { authorizeUrl, challengeOf, IssuerHarness, ORIGIN, REDIRECT } from '../../kit/identity/issuer-harness.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { LoopbackServer, type Reply } from '../../kit/loopback-server.js';

const CHALLENGE = challengeOf('v'.repeat(43));
const EVIL = 'https://evil.example.com/steal';

async function open() {
  const provider = await new ProviderServer('github', { id: 7, login: 'anna' }).listen();
  onTestFinished(() => provider.stop());
  const client = { client_id: 'reports', name: 'Reports', redirect_uris: ['https://reports.example.com/cb'] };
  const clients = [{ ...client, grant_types: ['authorization_code'], scopes: [] }];
  return IssuerHarness.open({ provider: 'github', block: () => provider.block, clients });
}

/** What a browser gets that does not follow redirects. */
const get = (harness: IssuerHarness, url: string) => harness.send(new Request(url));

describe('a link to this server that an attacker sends around', () => {
  test.each([
    ['an unknown response type', { response_type: 'token' }],
    ['no challenge', { code_challenge: '' }],
    ['another resource', { resource: 'https://other.example.com/mcp' }],
  ])('does not lead a browser on to a page of a client that registered itself: %s', async (_, wrong) => {
    const harness = await open();
    const { client_id: clientId = '' } = await harness.register({ redirect_uris: [EVIL] });
    const parameters = { redirect_uri: EVIL, code_challenge: CHALLENGE, ...wrong };
    const response = await get(harness, authorizeUrl(clientId, parameters));
    expect([response.status, response.headers.get('location')]).toEqual([400, null]);
    // The person sees where it would lead, and may go there.
    const page = await response.text();
    expect(page).toMatch(
      /<a href="https:\/\/evil\.example\.com\/steal\?error=[^"]*" rel="noreferrer">evil\.example\.com<\/a>/,
    );
    expect(page).not.toMatch(/http-equiv|<script/);
  });

  test('leads on to a client that the operator has listed, or that runs on the own machine', async () => {
    const harness = await open();
    const { client_id: clientId = '' } = await harness.register();
    const wrong = { response_type: 'token', code_challenge: CHALLENGE };
    const own = await get(harness, authorizeUrl(clientId, { ...wrong, redirect_uri: REDIRECT }));
    expect([own.status, own.headers.get('location')]).toEqual([303, expect.stringContaining(`${REDIRECT}?error=`)]);
    const listed = { ...wrong, redirect_uri: 'https://reports.example.com/cb' };
    const answer = await get(harness, authorizeUrl('reports', listed));
    expect(answer.headers.get('location')).toMatch(
      /^https:\/\/reports\.example\.com\/cb\?error=unsupported_response_type/,
    );
  });

  test.each([
    ['a longer path', `${REDIRECT}/../evil`],
    ['another host', 'http://127.0.0.1.evil.example.com:4711/callback'],
    ['a user name', 'http://127.0.0.1:4711@evil.example.com/callback'],
    ['a backslash', 'http://127.0.0.1:4711\\@evil.example.com/callback'],
    ['a fragment', `${REDIRECT}#evil`],
    ['a query', `${REDIRECT}?next=${encodeURIComponent(EVIL)}`],
    ['another case', REDIRECT.replace('callback', 'Callback')],
    ['a name of the machine', REDIRECT.replace('127.0.0.1', 'localhost')],
  ])('does not reach a redirect URI with %s', async (_, redirectUri) => {
    const harness = await open();
    const { client_id: clientId = '' } = await harness.register();
    const parameters = { redirect_uri: redirectUri, code_challenge: CHALLENGE };
    const response = await get(harness, authorizeUrl(clientId, parameters));
    expect([response.status, response.headers.get('location')]).toEqual([400, null]);
    expect(await response.text()).not.toContain('evil');
  });
});

test('an answer of a client that has names of an answer in its redirect URI holds each of them once', async () => {
  const harness = await open();
  const redirect = 'http://127.0.0.1:4711/callback?iss=https%3A%2F%2Fevil.example.com&code=planted&state=planted';
  const { client_id: clientId = '' } = await harness.register({ redirect_uris: [redirect] });
  const browser = harness.newBrowser();
  const asked = authorizeUrl(clientId, { redirect_uri: redirect, code_challenge: CHALLENGE });
  const end = await browser.press(await browser.visit(asked), 'Allow', (url) => url.startsWith(REDIRECT));
  const answer = new URL(end.url).searchParams;
  expect(answer.getAll('iss')).toEqual([ORIGIN]);
  expect(answer.getAll('state')).toEqual(['client-state']);
  expect(answer.getAll('code')).toEqual([expect.stringMatching(/^mcp_[0-9a-f]{32}$/)]);
  const wrong = await get(harness, `${asked}&response_type=token`.replace('response_type=code&', ''));
  expect(new URL(wrong.headers.get('location') ?? '').searchParams.has('code')).toBe(false);
});

test('no page of another site sends the answer of the person', async () => {
  const harness = await open();
  const { client_id: clientId = '' } = await harness.register();
  const browser = harness.newBrowser();
  const page = await browser.visit(authorizeUrl(clientId, { code_challenge: CHALLENGE }));
  const [, ticket = ''] = /name="ticket" value="([^"]*)"/.exec(page.text) ?? [];
  const [, request = ''] = /name="request" value="([^"]*)"/.exec(page.text) ?? [];
  // Without the cookie of the browser, which `SameSite` keeps back, the fields of the form are worth nothing.
  const answer = await harness.post('/consent', { ticket, request, decision: 'allow' });
  expect(answer.status).toBe(400);
  const mixed = await browser.visit(authorizeUrl(clientId, { code_challenge: CHALLENGE, state: 'another' }));
  const [, other = ''] = /name="request" value="([^"]*)"/.exec(mixed.text) ?? [];
  // A request is sealed for its own ticket: an attacker cannot put theirs into the page of a victim.
  const swapped = await harness.send(
    new Request(`${ORIGIN}/consent`, {
      method: 'POST',
      body: new URLSearchParams({ ticket, request: other, decision: 'allow' }),
      headers: { cookie: `__Host-mxcp-consent-${ticket}=${ticket}` },
    }),
  );
  expect(swapped.status).toBe(400);
});

test('the code of an attacker is of no use to the client of a victim, who has another verifier', async () => {
  const harness = await open();
  const { client_id: clientId = '' } = await harness.register();
  const attacker = await harness.authorize(clientId);
  const injected = await harness.redeem(clientId, attacker.code, 'w'.repeat(43));
  expect([injected.status, await injected.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
  for (const downgraded of ['', attacker.answer.get('code') ?? ''])
    expect((await harness.redeem(clientId, attacker.code, downgraded)).status).toBe(400);
});

describe('a provider whose metadata someone has changed', () => {
  class Metadata extends LoopbackServer {
    changed: Readonly<Record<string, unknown>> = {};
    protected reply(): Reply {
      const { address } = this;
      const at = (path: string): string => `${address}/${path}`;
      return {
        status: 200,
        body: {
          issuer: address,
          authorization_endpoint: at('auth'),
          token_endpoint: at('token'),
          userinfo_endpoint: at('me'),
          jwks_uri: at('keys'),
          ...this.changed,
        },
      };
    }
  }

  test.each([
    ['authorization_endpoint', 'http://id.example.com/auth'],
    ['authorization_endpoint', 'javascript:alert(1)'],
    ['token_endpoint', 'http://id.example.com/token'],
    ['userinfo_endpoint', 'http://id.example.com/me'],
    ['jwks_uri', 'http://id.example.com/keys'],
    ['revocation_endpoint', 'http://id.example.com/revoke'],
  ])('sends neither people nor secrets over an open network: %s %s', async (name, url) => {
    await using server = await new Metadata().listen();
    const block = (more: object) => ({
      client_id: 'mxcp',
      client_secret: 'secret',
      config_url: `${server.address}/.well-known/openid-configuration`,
      ...more,
    });
    const proof = { state: 's', verifier: 'v', nonce: 'n', callbackUrl: `${ORIGIN}/oidc/callback` };
    const authorize = (more = {}) =>
      new IdentityProvider({ name: 'oidc', block: () => block(more), now: Date.now }).authorizeUrl(proof);
    expect((await authorize()).href).toContain(`${server.address}/auth`);
    server.changed = { [name]: url };
    await expect(authorize()).rejects.toThrow('names an address that does not begin with https://');
    const isHttp = url.startsWith('http:');
    if (isHttp) expect((await authorize({ allow_http: true })).protocol).toBe('http:');
    else await expect(authorize({ allow_http: true })).rejects.toThrow('https://');
  });
});

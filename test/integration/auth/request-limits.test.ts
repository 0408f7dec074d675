import { describe, expect, it, onTestFinished } from 'vitest';
import { FailedAttempts } from '../../../src/auth/credentials/index.js';
import type { OAuthAnswer } from '../../../src/telemetry/index.js';
import { authorizeUrl, IssuerHarness } from '../../kit/identity/issuer-harness.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { TokenProviderServer } from '../../kit/identity/token-provider-server.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';
import { callOf, postMessage, type RawAnswer } from '../../kit/raw-http.js';

const ADA = 'ada-token-0123456789abcdef';
const STATIC = { provider: 'static', static: { tokens: [{ token: ADA, username: 'ada' }] } };
const NOW = Date.now();
/** Of one network in a minute. */
const FAILURES = 60;

function start(auth: object) {
  const config = configWith(auth, { transport: { http: { trust_proxy: true } } });
  return InProcessServer.start(protectedProject(auth, { 'config.yml': config }));
}

function callFrom(url: string, address: string, token: string): Promise<RawAnswer> {
  return postMessage(url, callOf('whoami'), ['x-forwarded-for', address, 'authorization', `Bearer ${token}`]);
}

/** Sends wrong tokens until one is answered with 429: each second, a failure is forgiven, however slow the machine is. */
async function failUntilLimited(url: string, addressOf: (index: number) => string) {
  for (let refused = 0; refused < 100 * FAILURES; refused += 1) {
    const limited = await callFrom(url, addressOf(refused), `wrong-token-0000000000-${refused}`);
    if (limited.status !== 401) return { refused, limited };
  }
  throw new Error('no request was limited');
}

async function metricOf(server: InProcessServer, series: string): Promise<number> {
  const line = (await server.admin.metricsText()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

describe('a network that sends too many wrong tokens', () => {
  it('is refused with a time to wait, while good tokens of the same network are taken', async () => {
    await using server = await start(STATIC);
    const { refused, limited } = await failUntilLimited(server.url, () => '192.0.2.1');
    expect(refused).toBeGreaterThanOrEqual(FAILURES);
    expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(limited.headers['www-authenticate']).toBeUndefined();
    expect(limited.text).toContain('too many requests from this network were refused');
    expect(await callFrom(server.url, '192.0.2.1', ADA)).toMatchObject({ status: 200 });
    expect(await callFrom(server.url, '192.0.2.2', 'wrong-token-0000000000')).toMatchObject({ status: 401 });
    expect(await metricOf(server, 'mxcp_auth_attempts_total{outcome="limited"}')).toBe(1);
    expect(await metricOf(server, 'mxcp_auth_attempts_total{outcome="invalid"}')).toBe(refused + 1);
  });

  it('of IPv6 may choose among its addresses as it likes', async () => {
    await using server = await start(STATIC);
    const { limited } = await failUntilLimited(server.url, (index) => `2001:db8:1:2::${index.toString(16)}`);
    expect(limited.status).toBe(429);
    expect(await callFrom(server.url, '2001:db8:1:3::1', 'wrong-token-0000000000')).toMatchObject({ status: 401 });
  });

  it('causes no more questions to the identity provider, which still confirms the tokens that it knows', async () => {
    await using provider = await new TokenProviderServer().listen();
    provider.hidden = ['jwks_uri'];
    const auth = {
      mode: 'verifier',
      provider: 'oidc',
      oidc: {
        config_url: provider.configUrl,
        client_id: 'mxcp',
        client_secret: provider.clientSecret,
        audience: 'shop',
      },
    };
    provider.opaque.set('opaque-ada-0000', { sub: 'u-1', username: 'ada', aud: 'shop' });
    provider.opaque.set('opaque-bob-0000', { sub: 'u-2', username: 'bob', aud: 'shop' });
    await using server = await start(auth);
    expect(await callFrom(server.url, '192.0.2.1', 'opaque-ada-0000')).toMatchObject({ status: 200 });
    const { refused } = await failUntilLimited(server.url, () => '192.0.2.1');
    // The limited one asked nothing.
    expect(provider.seen(/introspect/)).toHaveLength(1 + refused);
    expect(await callFrom(server.url, '192.0.2.1', 'opaque-ada-0000')).toMatchObject({ status: 200 });
    expect(await callFrom(server.url, '192.0.2.9', 'opaque-bob-0000')).toMatchObject({ status: 200 });
  });

  it('is not limited by tokens that were good once', async () => {
    await using provider = await new TokenProviderServer().listen();
    await provider.rotate();
    const auth = { mode: 'verifier', provider: 'oidc', oidc: { config_url: provider.configUrl, audience: 'shop' } };
    await using server = await start(auth);
    const expired = await provider.sign({ iss: provider.address, aud: 'shop', sub: 'u-1', exp: 1_700_000_000 });
    for (let index = 0; index <= FAILURES; index += 1)
      expect(await callFrom(server.url, '192.0.2.1', expired)).toMatchObject({ status: 401 });
  });
});

describe('the authorization server', () => {
  /** On a stopped clock, so that no failure is forgiven. */
  async function open() {
    const provider = await new ProviderServer('github', { id: 7, login: 'anna' }).listen();
    onTestFinished(() => provider.stop());
    const answers: OAuthAnswer[] = [];
    const harness = await IssuerHarness.open({
      provider: 'github',
      block: () => provider.block,
      clients: [
        {
          client_id: 'reports',
          name: 'Reports',
          client_secret: 'a-secret',
          redirect_uris: ['https://reports.example.com/cb'],
          grant_types: ['authorization_code', 'refresh_token'],
          scopes: [],
        },
      ],
      failures: new FailedAttempts(() => 0),
      now: () => NOW,
      onAnswered: (answer) => answers.push(answer),
    });
    return { harness, answers };
  }

  it('limits wrong requests of one network, and answers its right ones', async () => {
    const { harness, answers } = await open();
    const { client_id: clientId = '' } = await harness.register();
    const statuses = new Map<number, number>();
    const count = ({ status }: Response): void => void statuses.set(status, (statuses.get(status) ?? 0) + 1);
    for (let index = 0; index < FAILURES / 3; index += 1) {
      count(await harness.refresh(clientId, `mcp_refresh_${'0'.repeat(64)}`));
      count(await harness.send(new Request(authorizeUrl('unknown'))));
      count(await harness.post('/register', '{}', 'application/json'));
    }
    expect([...statuses]).toEqual([[400, FAILURES]]);
    const limited = await harness.refresh(clientId, `mcp_refresh_${'0'.repeat(64)}`);
    expect(limited.status).toBe(429);
    expect(limited.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await limited.json()).toMatchObject({ error: 'invalid_request' });
    const tokens = await harness.signIn(clientId);
    expect((await harness.refresh(clientId, tokens.refresh_token)).status).toBe(200);
    expect(new Set(answers.map(({ endpoint, outcome }) => `${endpoint} ${outcome}`))).toEqual(
      new Set([
        'register success',
        'token refused',
        'authorize refused',
        'register refused',
        'token limited',
        'authorize success',
        'consent success',
        'callback success',
        'token success',
      ]),
    );
  });

  it('limits guesses of the secret of a client, also the right one, and only those of that network', async () => {
    const { harness } = await open();
    const ask = (secret: string, from: string) =>
      harness.post(
        '/token',
        { grant_type: 'refresh_token', client_id: 'reports', client_secret: secret, refresh_token: 'mcp_refresh_0' },
        undefined,
        { 'x-from': from },
      );
    for (let index = 0; index < 10; index += 1) expect((await ask(`guess ${index}`, '192.0.2.1')).status).toBe(401);
    const right = await ask('a-secret', '192.0.2.1');
    expect([right.status, await right.json()]).toMatchObject([429, { error: 'invalid_client' }]);
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await (await ask('a-secret', '192.0.2.2')).json()).toMatchObject({ error: 'invalid_grant' });
  });

  it('lets no network register so many clients that others cannot', async () => {
    const { harness } = await open();
    const register = (from: string) =>
      harness.post('/register', '{"redirect_uris":["http://127.0.0.1/cb"]}', 'application/json', { 'x-from': from });
    for (let index = 0; index < 20; index += 1) expect((await register('192.0.2.1')).status).toBe(201);
    expect((await register('192.0.2.1')).status).toBe(429);
    expect((await register('192.0.2.2')).status).toBe(201);
  });

  it('counts its answers in the metrics of a server', async () => {
    await using provider = await new ProviderServer('github', { id: 7, login: 'anna' }).listen();
    await using server = await start({ provider: 'github', github: provider.block });
    expect(await server.admin.metricsText()).not.toContain('mxcp_oauth_requests_total{');
    const answer = await fetch(new URL('/token', server.url), { method: 'POST', body: new URLSearchParams({}) });
    expect(answer.status).toBe(401);
    expect(await metricOf(server, 'mxcp_oauth_requests_total{endpoint="token",outcome="refused"}')).toBe(1);
    expect(await metricOf(server, 'mxcp_oauth_requests_total{endpoint="register",outcome="limited"}')).toBe(0);
  });
});

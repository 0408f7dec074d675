import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TokenProviderServer } from '../../kit/identity/token-provider-server.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectOver, ERAS } from '../../kit/mcp-client.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';
import { callOf, postMessage, send } from '../../kit/raw-http.js';

const PUBLIC = 'https://tools.example.com';
const identityProvider = new TokenProviderServer();

beforeAll(async () => {
  await identityProvider.listen();
  await identityProvider.rotate();
});
afterAll(() => identityProvider.stop());

function authOf(more: object = {}): object {
  const oidc = { config_url: identityProvider.configUrl, client_id: 'mxcp', client_secret: '${SECRET}', ...more };
  return { mode: 'verifier', provider: 'oidc', oidc };
}

function start(auth: object = authOf(), http: object = { base_url: PUBLIC, allowed_hosts: ['tools.example.com'] }) {
  const project = protectedProject(auth, { 'config.yml': configWith(auth, { transport: { http } }) });
  return InProcessServer.start(project, { env: { SECRET: identityProvider.clientSecret } });
}

function tokenFor(audience: string, more: object = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  const claims = { iss: identityProvider.address, aud: audience, sub: 'u-1', preferred_username: 'ada', exp };
  return identityProvider.sign({ ...claims, ...more });
}

const bearer = (token: string) => ['authorization', `Bearer ${token}`];

describe('a server that verifies tokens', () => {
  it.each(ERAS)('serves the official client (%s), and shows SQL its token', async (era) => {
    await using server = await start();
    const token = await tokenFor(`${PUBLIC}/mcp`);
    const headers = { authorization: `Bearer ${token}` };
    const transport = new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } });
    const client = await connectOver(transport, { era });
    expect(JSON.parse(await callText(client, 'whoami'))).toMatchObject({ username: 'ada', provider: 'oidc', token });
    await client.close();
  });

  it('shows Python code the user, with the token and what the provider says', async () => {
    const auth = authOf({ claim_mappings: { team: { sales: ['read_sales'] } } });
    const project = protectedProject(auth, {
      'config.yml': configWith(auth),
      'python/who.py': [
        'from mxcp.sdk.auth.context import get_user_context',
        'def who():',
        '    user = get_user_context()',
        '    return [user.user_id, user.username, user.external_token[:3], user.raw_profile["team"], *user.capabilities]',
      ],
      'tools/who.yml': [
        'mxcp: 1',
        'tool: { name: who, language: python, source: { file: ../python/who.py }, return: { type: array, items: { type: string } } }',
      ],
    });
    await using server = await InProcessServer.start(project, { env: { SECRET: identityProvider.clientSecret } });
    const token = await tokenFor(server.url.replace('127.0.0.1', 'localhost'), { team: 'sales' });
    const { text } = await postMessage(server.url, callOf('who'), bearer(token));
    expect(JSON.parse(text).result.structuredContent).toEqual({ result: ['u-1', 'ada', 'eyJ', 'sales', 'read_sales'] });
  });

  it('removes the token of a caller from the failures of its calls', async () => {
    const auth = authOf({ audience: 'shop' });
    const project = protectedProject(auth, {
      'config.yml': configWith(auth),
      'python/fail.py': [
        'from mxcp.sdk.auth.context import get_user_context',
        'def fail():',
        '    raise ValueError("cannot use " + get_user_context().external_token)',
      ],
      'tools/fail.yml': ['mxcp: 1', 'tool: { name: fail, language: python, source: { file: ../python/fail.py } }'],
    });
    await using server = await InProcessServer.start(project, { env: { SECRET: identityProvider.clientSecret } });
    const token = await tokenFor('shop');
    const { text } = await postMessage(server.url, callOf('fail'), bearer(token));
    expect(JSON.parse(text).result.isError).toBe(true);
    const log = server.logLines.join('\n');
    expect(log).toContain('cannot use [secret]');
    for (const part of token.split('.')) expect(log).not.toContain(part);
  });

  it('says in its metadata and its challenge where tokens come from', async () => {
    await using server = await start({ ...authOf(), authorization: { required_scopes: ['base'] } });
    const { status, headers } = await send(server.url);
    const metadataUrl = `${PUBLIC}/.well-known/oauth-protected-resource/mcp`;
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe(`Bearer realm="mxcp", scope="base", resource_metadata="${metadataUrl}"`);
    for (const path of ['/.well-known/oauth-protected-resource/mcp', '/.well-known/oauth-protected-resource']) {
      const metadata = await send(new URL(path, server.url).href, { headers: ['origin', 'https://any.example.com'] });
      expect(metadata.status).toBe(200);
      expect(metadata.headers['access-control-allow-origin']).toBe('*');
      expect(JSON.parse(metadata.text)).toEqual({
        resource: `${PUBLIC}/mcp`,
        authorization_servers: [identityProvider.address],
        scopes_supported: ['base', 'vault:list', 'vault:read'],
        bearer_methods_supported: ['header'],
        resource_name: 'shop',
      });
    }
  });

  it('accepts no token for the address of its port when it has a public one, and none for the Host of the request', async () => {
    await using server = await start();
    const { port } = new URL(server.url);
    for (const host of [`http://localhost:${port}`, 'https://other.example.com']) {
      const { status } = await postMessage(server.url, callOf('whoami'), bearer(await tokenFor(`${host}/mcp`)));
      expect(status).toBe(401);
    }
  });

  it.each(['localhost', '127.0.0.1', '[::1]'])('is named by the port on loopback (%s)', async (name) => {
    await using server = await start(authOf(), {});
    const host = `${name}:${new URL(server.url).port}`;
    const token = await tokenFor(`http://${host}/mcp`);
    expect((await postMessage(server.url, callOf('whoami'), bearer(token))).status).toBe(200);
    const { headers } = await send(server.url, { headers: ['host', host] });
    expect(headers['www-authenticate']).toContain(`"http://${host}/.well-known/oauth-protected-resource/mcp"`);
  });

  describe('with groups', () => {
    const SITE = [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'groups: { who: { tools: [whoami] }, locked: { tools: [secrets] } }',
    ];
    const startWithGroups = (more: object = {}) => {
      const auth = authOf(more);
      const http = { base_url: PUBLIC, allowed_hosts: ['tools.example.com'] };
      const project = protectedProject(auth, {
        'config.yml': configWith(auth, { transport: { http } }),
        'mxcp-site.yml': SITE,
      });
      return InProcessServer.start(project, { env: { SECRET: identityProvider.clientSecret } });
    };
    const statusAt = async (url: string, token: string) =>
      (await postMessage(url, callOf('whoami'), bearer(token))).status;

    it('names each group as a resource of its own', async () => {
      await using server = await startWithGroups();
      const { status, headers } = await send(`${server.url}/who`);
      const metadata = '/.well-known/oauth-protected-resource/mcp/who';
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toContain(`resource_metadata="${PUBLIC}${metadata}"`);
      const answer = JSON.parse((await send(new URL(metadata, server.url).href)).text);
      expect(answer).toMatchObject({
        resource: `${PUBLIC}/mcp/who`,
        authorization_servers: [identityProvider.address],
      });
      expect(answer).not.toHaveProperty('scopes_supported');
      const locked = await send(new URL('/.well-known/oauth-protected-resource/mcp/locked', server.url).href);
      expect(JSON.parse(locked.text)).toMatchObject({ scopes_supported: ['vault:list', 'vault:read'] });
    });

    it('names its groups only to callers', async () => {
      await using server = await startWithGroups();
      expect((await send(`${server.url}/none`)).status).toBe(401);
      const answer = await postMessage(`${server.url}/none`, callOf('whoami'), bearer(await tokenFor(`${PUBLIC}/mcp`)));
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.text).error.message).toBe('Not found: there is no group "none"; known: who, locked');
    });

    it.each(['signed', 'opaque'])(
      'takes a %s token for the server everywhere, and one for a group only there',
      async (form) => {
        await using server = await startWithGroups();
        const tokenOf = async (audience: string): Promise<string> => {
          if (form === 'signed') return tokenFor(audience);
          const token = `opaque-${audience.length}-0123456789abcdef`;
          identityProvider.opaque.set(token, { sub: 'u-1', username: 'ada', aud: audience });
          return token;
        };
        const [ofAll, ofWho] = [await tokenOf(`${PUBLIC}/mcp`), await tokenOf(`${PUBLIC}/mcp/who`)];
        for (const url of [server.url, `${server.url}/who`, `${server.url}/locked`])
          expect(await statusAt(url, ofAll)).toBe(200);
        // The answer for one path is not taken for that of another one.
        for (const _ of [1, 2]) {
          expect(await statusAt(`${server.url}/who`, ofWho)).toBe(200);
          for (const path of ['', '/locked', '/none']) expect(await statusAt(`${server.url}${path}`, ofWho)).toBe(401);
        }
      },
    );
  });

  it('keeps the path of its public URL', async () => {
    await using server = await start(authOf(), { base_url: `${PUBLIC}/shop/` });
    const token = await tokenFor(`${PUBLIC}/shop/mcp`);
    expect((await postMessage(server.url, callOf('whoami'), bearer(token))).status).toBe(200);
    const path = '/.well-known/oauth-protected-resource/shop/mcp';
    expect((await send(server.url)).headers['www-authenticate']).toContain(`"${PUBLIC}${path}"`);
    expect((await send(new URL(path, server.url).href)).status).toBe(200);
  });

  it('asks the provider about opaque tokens, with a secret that a reload replaces', async () => {
    const auth = authOf();
    const project = protectedProject(auth, { 'config.yml': configWith(auth), '.env': 'SECRET=old\n' });
    await using server = await InProcessServer.start(project, { flags: { envFiles: project.path('.env') } });
    const audience = `http://localhost:${new URL(server.url).port}/mcp`;
    identityProvider.opaque.set('opaque-token', { sub: 'u-9', username: 'eve', aud: audience, scope: 'vault:read' });
    expect(await postMessage(server.url, callOf('whoami'), bearer('opaque-token'))).toMatchObject({ status: 503 });
    project.write('.env', `SECRET=${identityProvider.clientSecret}\n`);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success', restart_required: [] });
    const { text } = await postMessage(server.url, callOf('whoami'), bearer('opaque-token'));
    expect(JSON.parse(text).result.structuredContent).toMatchObject({ result: [{ username: 'eve' }] });
  });

  it('starts without its provider, refuses all calls with 503, and serves when the provider is back', async () => {
    const token = await tokenFor(`${PUBLIC}/mcp`);
    await identityProvider.stop();
    await using server = await start();
    expect(server.logLines.join('\n')).toContain(
      'the identity provider does not answer; calls are refused until it does',
    );
    const refused = await postMessage(server.url, callOf('whoami'), bearer(token));
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '10' } });
    expect(refused.text).not.toContain(identityProvider.address);
    const metadata = await send(new URL('/.well-known/oauth-protected-resource/mcp', server.url).href);
    expect(JSON.parse(metadata.text).authorization_servers).toEqual([identityProvider.address]);
    await identityProvider.listen();
  });

  it('refuses to start beyond loopback without a public URL', async () => {
    await expect(start(authOf(), { host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('transport.http.base_url'),
    });
  });

  it.each([
    ['plain HTTP over a network', { config_url: 'http://id.example.com/.well-known/openid-configuration' }],
    ['an address that is none', { config_url: 'id.example.com' }],
  ])('refuses to start with %s', async (_what, more) => {
    await expect(start(authOf(more))).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

describe('with a real provider', () => {
  let issuer: string;
  let http: HttpServer;

  beforeAll(async () => {
    http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    // A listener on a port has an address with one.
    issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    http.on('request', createProvider(issuer).callback());
  });
  afterAll(() => http.close());

  async function realToken(resource: string, scope: string): Promise<string> {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('agent:agent-secret').toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
    });
    const { access_token: token } = (await response.json()) as { readonly access_token: string };
    return token;
  }

  it.each([
    ['signed', `${PUBLIC}/mcp`],
    ['opaque', `${PUBLIC}/opaque/mcp`],
  ])('accepts its %s tokens for this server only', async (_kind, resource) => {
    const oidc = {
      config_url: `${issuer}/.well-known/openid-configuration`,
      client_id: 'mxcp',
      client_secret: '${SECRET}',
    };
    const auth = { mode: 'verifier', provider: 'oidc', oidc };
    const transport = { http: { base_url: resource.replace(/\/mcp$/, '') } };
    const project = protectedProject(auth, { 'config.yml': configWith(auth, { transport }) });
    await using server = await InProcessServer.start(project, { env: { SECRET: 'mxcp-secret' } });
    const good = bearer(await realToken(resource, 'vault:read vault:list'));
    const { status, text } = await postMessage(server.url, callOf('secrets'), good);
    expect({ status, text }).toMatchObject({ status: 200, text: expect.stringContaining('42') });
    const few = await postMessage(server.url, callOf('secrets'), bearer(await realToken(resource, 'vault:read')));
    expect(few.status).toBe(403);
    const other = await postMessage(
      server.url,
      callOf('whoami'),
      bearer(await realToken('https://other.example.com', 'vault:read')),
    );
    expect(other.status).toBe(401);
  });
});

function createProvider(issuer: string): Provider {
  return new Provider(issuer, {
    clients: ['agent', 'mxcp'].map((id) => ({
      client_id: id,
      client_secret: `${id}-secret`,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    scopes: ['vault:read', 'vault:list'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'vault:read vault:list',
          audience: resource,
          accessTokenFormat: resource.includes('opaque') ? 'opaque' : 'jwt',
        }),
      },
    },
  });
}

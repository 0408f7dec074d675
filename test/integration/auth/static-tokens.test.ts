import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectOver } from '../../kit/mcp-client.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';
import { callOf, postMessage, send } from '../../kit/raw-http.js';

const ADA = 'ada-token-0123456789abcdef';
const BOB = 'bob-token-0123456789abcdef';
const TOKENS = [
  {
    token: ADA,
    username: 'ada',
    email: 'ada@example.com',
    role: 'admin',
    scopes: ['vault:read', 'vault:list', 'base'],
  },
  { token: '${BOB_TOKEN}', username: 'bob', scopes: ['base', 'vault:read'] },
];
const AUTH = { provider: 'static', static: { tokens: TOKENS } };
const bearer = (token: string) => ['authorization', `Bearer ${token}`];

function start(auth: object = AUTH, flags = {}) {
  return InProcessServer.start(protectedProject(auth), { env: { BOB_TOKEN: BOB }, flags });
}

async function resultOf(url: string, name: string, token: string): Promise<unknown> {
  const { text } = await postMessage(url, callOf(name), bearer(token));
  return JSON.parse(text).result.structuredContent;
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

describe('a server with static tokens', () => {
  it('shows SQL who calls', async () => {
    await using server = await start();
    expect(await resultOf(server.url, 'whoami', ADA)).toEqual({
      result: [{ username: 'ada', email: 'ada@example.com', provider: 'static', token: null }],
    });
    expect(await resultOf(server.url, 'whoami', BOB)).toMatchObject({ result: [{ username: 'bob', email: null }] });
  });

  it('shows the token to no endpoint and in no line of the log', async () => {
    await using server = await start(AUTH, { accessLog: 'on', debug: true });
    expect(JSON.stringify(await resultOf(server.url, 'headers', ADA))).not.toMatch(/authorization|ada-token/i);
    await postMessage(server.url, callOf('whoami'), bearer('a-wrong-token-000000'));
    expect(server.logLines.join('\n')).not.toMatch(/ada-token|a-wrong-token/);
  });

  it.each(['GET', 'POST', 'DELETE', 'PUT', 'HEAD'])('answers %s without a token with 401', async (method) => {
    await using server = await start();
    const { status, headers } = await send(server.url, { method });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer realm="mxcp"');
  });

  it.each([
    ['an unknown token', bearer('unknown-token-0123456789'), 401, 'error="invalid_token"'],
    ['a token without its last letter', bearer(ADA.slice(0, -1)), 401, 'error="invalid_token"'],
    ['another scheme', ['authorization', 'Basic YTpi'], 401, 'Bearer realm="mxcp"'],
    ['an empty token', ['authorization', 'Bearer '], 400, 'error="invalid_request"'],
    ['a token with spaces', bearer(`${ADA} ${ADA}`), 400, 'error="invalid_request"'],
    ['a long token', bearer('a'.repeat(9000)), 400, 'error="invalid_request"'],
    ['two tokens', [...bearer(ADA), ...bearer(BOB)], 400, 'error="invalid_request"'],
  ])('refuses %s', async (_what, headers, status, challenge) => {
    await using server = await start();
    const answer = await postMessage(server.url, callOf('whoami'), headers);
    expect(answer.status).toBe(status);
    expect(answer.headers['www-authenticate']).toContain(challenge);
  });

  it('takes no token from the URL', async () => {
    await using server = await start();
    const { status } = await postMessage(`${server.url}?access_token=${ADA}`, callOf('whoami'));
    expect(status).toBe(401);
  });

  it('refuses before it reads the body', async () => {
    await using server = await start();
    const { status } = await send(server.url, { method: 'POST', body: 'x'.repeat(5 * 1024 * 1024) });
    expect(status).toBe(401);
  });

  it('keeps probes open', async () => {
    await using server = await start(AUTH, { healthPath: '/healthz' });
    expect(await send(new URL('/healthz', server.url).href)).toMatchObject({ status: 200, text: 'ready\n' });
  });

  it('lets a page of an allowed origin read the challenge', async () => {
    await using server = await start();
    const { headers } = await send(server.url, { headers: ['origin', 'http://localhost:3000'] });
    expect(headers['access-control-expose-headers']).toContain('www-authenticate');
  });

  it('binds a session to its user', async () => {
    await using server = await start();
    const { headers } = await postMessage(server.url, INITIALIZE, bearer(ADA));
    const session = ['mcp-session-id', String(headers['mcp-session-id'])];
    expect(await postMessage(server.url, callOf('whoami'), [...session, ...bearer(ADA)])).toMatchObject({
      status: 200,
    });
    expect(await postMessage(server.url, callOf('whoami'), [...session, ...bearer(BOB)])).toMatchObject({
      status: 404,
    });
    const asBob = await send(server.url, { method: 'DELETE', headers: [...session, ...bearer(BOB)] });
    expect(asBob.status).toBe(404);
    expect(await postMessage(server.url, callOf('whoami'), [...session, ...bearer(ADA)])).toMatchObject({
      status: 200,
    });
  });

  it.each(['today', 'session'] as const)('serves the official client (%s)', async (era) => {
    await using server = await start();
    const headers = { authorization: `Bearer ${ADA}` };
    const client = await connectOver(
      new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } }),
      { era },
    );
    expect(await callText(client, 'whoami')).toContain('ada@example.com');
    await client.close();
  });
});

describe('an operator', () => {
  it('sees how callers are authenticated, who calls and who was refused', async () => {
    await using server = await start(AUTH, { accessLog: 'on' });
    const auth = { mode: 'verifier', provider: 'static' };
    expect(await server.admin.status()).toMatchObject({ auth });
    expect(await server.admin.config()).toMatchObject({ auth });
    await postMessage(server.url, callOf('secrets'), bearer(BOB));
    await send(server.url);
    const log = server.logLines.join('\n');
    expect(log).toMatch(/tool "secrets" failed: .* user=bob/);
    expect(log).toMatch(/access: POST tools\/call .*user=bob/);
    expect(log).toMatch(/auth: request refused: the request has no access token .*client=127\.0\.0\.1/);
    const { metrics } = await server.admin.metrics();
    const attempts = metrics.find(({ name }) => name === 'mxcp_auth_attempts_total')?.samples ?? [];
    expect(Object.fromEntries(attempts.map(({ labels, value }) => [labels['outcome'], value]))).toEqual({
      success: 1,
      no_credentials: 1,
      limited: 0,
      malformed: 0,
      invalid: 0,
      insufficient_scope: 0,
      unavailable: 0,
    });
  });
});

describe('scopes', () => {
  it('of an endpoint are asked for all at once, with 403', async () => {
    await using server = await start();
    const { status, headers, text } = await postMessage(server.url, callOf('secrets'), bearer(BOB));
    expect(status).toBe(403);
    expect(headers['www-authenticate']).toBe(
      'Bearer realm="mxcp", error="insufficient_scope", scope="vault:read vault:list"',
    );
    expect(JSON.parse(text)).toMatchObject({
      id: 1,
      error: { message: expect.stringContaining('tool "secrets" needs') },
    });
    expect(await resultOf(server.url, 'secrets', ADA)).toEqual({ result: [{ n: 42 }] });
  });

  it('of the server are needed for everything', async () => {
    const tokens = [...TOKENS, { token: 'eve-token-0123456789abcdef', username: 'eve' }];
    const auth = { provider: 'static', static: { tokens }, authorization: { required_scopes: ['base'] } };
    await using server = await start(auth);
    const eve = await postMessage(server.url, callOf('whoami'), bearer('eve-token-0123456789abcdef'));
    expect(eve.status).toBe(403);
    expect(eve.headers['www-authenticate']).toMatch(/error="insufficient_scope".*scope="base"/);
    const step = await postMessage(server.url, callOf('secrets'), bearer(BOB));
    expect(step.headers['www-authenticate']).toContain('scope="base vault:read vault:list"');
    const none = await send(server.url);
    expect(none.headers['www-authenticate']).toBe('Bearer realm="mxcp", scope="base"');
  });

  it('are counted as failed calls with their code', async () => {
    await using server = await start();
    await postMessage(server.url, callOf('secrets'), bearer(BOB));
    expect((await server.admin.status()).calls.failures).toEqual({ insufficient_scope: 1 });
  });
});

describe('a reload', () => {
  it('replaces tokens', async () => {
    const project = protectedProject(AUTH);
    await using server = await InProcessServer.start(project, { env: { BOB_TOKEN: BOB } });
    const next = 'new-token-0123456789abcdef';
    project.write('config.yml', configWith({ ...AUTH, static: { tokens: [{ token: next, username: 'ada' }] } }));
    const run = await server.admin.reload({ waitMs: 20_000 });
    expect(run).toMatchObject({ error: null, restart_required: [] });
    expect(await resultOf(server.url, 'whoami', next)).toMatchObject({ result: [{ username: 'ada' }] });
    for (const old of [ADA, BOB])
      expect(await postMessage(server.url, callOf('whoami'), bearer(old))).toMatchObject({ status: 401 });
  });

  it.each([
    ['removed', { provider: 'none' }, 'provider'],
    ['replaced', { provider: 'proxy', proxy: { user_header: 'x-user', shared_secret: 's'.repeat(20) } }, 'provider'],
    ['without its scopes', { ...AUTH, authorization: { required_scopes: ['x'] } }, 'authorization.required_scopes'],
  ])('keeps protection that is %s until a restart', async (_how, auth, key) => {
    const project = protectedProject(AUTH);
    await using server = await InProcessServer.start(project, { env: { BOB_TOKEN: BOB } });
    project.write('config.yml', configWith(auth));
    const run = await server.admin.reload({ waitMs: 20_000 });
    const setting = `projects.shop.profiles.dev.auth.${key}`;
    expect(run.restart_required).toContainEqual(expect.objectContaining({ setting }));
    expect(await send(server.url)).toMatchObject({ status: 401 });
    expect(await resultOf(server.url, 'whoami', ADA)).toMatchObject({ result: [{ username: 'ada' }] });
    expect(JSON.stringify(run)).not.toContain('ada-token');
  });
});

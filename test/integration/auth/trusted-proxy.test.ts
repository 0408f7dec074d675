import { describe, expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';
import { callOf, postMessage } from '../../kit/raw-http.js';

const SECRET = 'the-secret-of-the-proxy';
const PROXY = { user_header: 'X-User', email_header: 'x-email', scopes_header: 'x-scopes', shared_secret: '${SECRET}' };

function start(proxy: object, env = { SECRET }) {
  return InProcessServer.start(protectedProject({ provider: 'proxy', proxy }), { env, flags: { host: '127.0.0.1' } });
}

const SHOWN = ['x-mxcp-proxy-secret', SECRET];
const ADA = ['x-user', 'CN=ada,O=Shop', 'x-email', 'ada@example.com'];

describe('a server behind a proxy that authenticates', () => {
  it('believes the proxy by its secret', async () => {
    await using server = await start(PROXY);
    const { status, text } = await postMessage(server.url, callOf('whoami'), [...ADA, ...SHOWN]);
    expect(status).toBe(200);
    expect(JSON.parse(text).result.structuredContent).toMatchObject({
      result: [{ username: 'CN=ada,O=Shop', email: 'ada@example.com', provider: 'proxy', token: null }],
    });
    expect((await postMessage(server.url, callOf('headers'), [...ADA, ...SHOWN])).text).not.toContain(SECRET);
  });

  it.each([
    ['without the secret', ADA, 401],
    ['with another secret', [...ADA, 'x-mxcp-proxy-secret', 'guessed'], 401],
    ['with two secrets', [...ADA, 'x-mxcp-proxy-secret', 'guessed', ...SHOWN], 401],
    ['without a user', SHOWN, 401],
    ['with an empty user', ['x-user', ' ', ...SHOWN], 401],
    ['with two users', ['x-user', 'eve', ...ADA, ...SHOWN], 400],
    ['with a user of control characters', ['x-user', 'a\u0001b', ...SHOWN], 400],
    ['with a user that is too long', ['x-user', 'a'.repeat(2000), ...SHOWN], 400],
    ['with two lists of scopes', [...ADA, 'x-scopes', 'a', 'x-scopes', 'b', ...SHOWN], 400],
    ['with a token instead', ['authorization', `Bearer ${SECRET}`, ...ADA], 401],
  ])('refuses a request %s', async (_what, headers, status) => {
    await using server = await start(PROXY);
    // Node itself refuses some of them before they are sent.
    const answer = await postMessage(server.url, callOf('whoami'), headers).catch((error: unknown) => error);
    expect(answer).toSatisfy(
      (each: object) => Reflect.get(each, 'status') === status || Reflect.get(each, 'code') === 'ERR_INVALID_CHAR',
    );
  });

  it('reads scopes with spaces or commas between them', async () => {
    await using server = await start(PROXY);
    const call = (scopes: string) =>
      postMessage(server.url, callOf('secrets'), [...ADA, ...SHOWN, 'x-scopes', scopes]).then(({ status }) => status);
    expect(await call('vault:read, vault:list')).toBe(200);
    expect(await call('vault:read vault:list')).toBe(200);
    expect(await call('vault:read')).toBe(403);
  });

  it.each([
    [['127.0.0.1'], 200],
    [['127.0.0.0/8', '10.0.0.0/8'], 200],
    [['10.0.0.0/8', '::1'], 401],
  ])('believes a proxy only from its addresses: %j', async (addresses, status) => {
    await using server = await start({ user_header: 'x-user', addresses });
    expect((await postMessage(server.url, callOf('whoami'), ADA)).status).toBe(status);
  });

  it('needs address and secret where both are configured', async () => {
    await using server = await start({ ...PROXY, addresses: ['127.0.0.1'] });
    expect((await postMessage(server.url, callOf('whoami'), ADA)).status).toBe(401);
    expect((await postMessage(server.url, callOf('whoami'), [...ADA, ...SHOWN])).status).toBe(200);
  });

  it('changes its secret by a reload, and never loses it', async () => {
    const auth = (proxy: object) => configWith({ provider: 'proxy', proxy });
    const project = protectedProject({ provider: 'proxy', proxy: PROXY });
    await using server = await InProcessServer.start(project, { env: { SECRET }, flags: { host: '127.0.0.1' } });
    const call = (secret: string) =>
      postMessage(server.url, callOf('whoami'), [...ADA, 'x-mxcp-proxy-secret', secret]).then(({ status }) => status);
    project.write('config.yml', auth({ ...PROXY, shared_secret: 'another-secret-of-it' }));
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success', restart_required: [] });
    expect([await call(SECRET), await call('another-secret-of-it')]).toEqual([401, 200]);
    project.write('config.yml', auth({ user_header: 'X-User', addresses: ['127.0.0.1'] }));
    await server.admin.reload({ waitMs: 20_000 });
    expect([await call(''), await call('another-secret-of-it')]).toEqual([401, 200]);
  });

  it.each([
    ['nothing that shows the proxy', { user_header: 'x-user' }, 'needs `addresses` or `shared_secret`'],
    ['an address that is none', { user_header: 'x-user', addresses: ['proxy.local'] }, 'must be an IP address'],
    ['a network of too many bits', { user_header: 'x-user', addresses: ['10.0.0.0/40'] }, 'must be an IP address'],
    ['a header that is none', { user_header: 'x user', shared_secret: SECRET }, 'must be the name of a header'],
  ])('does not start with %s', async (_what, proxy, message) => {
    await expect(start(proxy)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(message),
    });
  });
});

import { request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { Browser } from '../../kit/identity/browser.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { SigningClient } from '../../kit/identity/signing-client.js';
import { TokenProviderServer } from '../../kit/identity/token-provider-server.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectSigningIn, ERAS, type Era } from '../../kit/mcp-client.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';
import { postMessage } from '../../kit/raw-http.js';

const ADA = 'ada-token-0123456789abcdef';
const BOB = 'bob-token-0123456789abcdef';
const staticAuth = (...names: readonly string[]) => {
  const tokens = names.map((username) => ({ token: username === 'ada' ? ADA : BOB, username }));
  return { provider: 'static', static: { tokens } };
};

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const listenFor = (notifications: object) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'subscriptions/listen',
  params: { notifications, _meta: META },
});

/** A stream of notifications, as the protocol of `era` opens it. */
async function openStream(url: string, token: string, era: Era, notifications: object = { toolsListChanged: true }) {
  const headers: Record<string, string> = {
    authorization: `Bearer ${token}`,
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  };
  if (era === 'session') {
    const opened = await postMessage(url, INITIALIZE, ['authorization', `Bearer ${token}`]);
    headers['mcp-session-id'] = String(opened.headers['mcp-session-id']);
    headers['mcp-protocol-version'] = '2025-11-25';
  } else {
    headers['mcp-protocol-version'] = '2026-07-28';
    headers['mcp-method'] = 'subscriptions/listen';
  }
  const sent = request(url, { method: era === 'session' ? 'GET' : 'POST', headers });
  const stream = { status: 0, isOpen: true, endedWhole: false, openedAt: performance.now(), endedAt: 0 };
  sent.end(era === 'session' ? undefined : JSON.stringify(listenFor(notifications)));
  onTestFinished(() => void sent.destroy());
  await new Promise<void>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      stream.status = response.statusCode ?? 0;
      response.resume();
      response.on('close', () => {
        stream.endedWhole = response.complete;
        stream.isOpen = false;
        stream.endedAt = performance.now();
      });
      resolve();
    });
  });
  expect(stream.status).toBe(200);
  return stream;
}

/** Why the test may wait: each of these ends by an event, and not at the next regular look. */
const SOON = { timeout: 8_000, interval: 20 };

it.each(ERAS)('a stream ends when a reload removes its token, and those of others stay (%s)', async (era) => {
  const project = protectedProject(staticAuth('ada', 'bob'));
  await using server = await InProcessServer.start(project);
  const ada = await openStream(server.url, ADA, era);
  const bob = await openStream(server.url, BOB, era);
  await server.admin.reload({ waitMs: 10_000 });
  project.write('config.yml', configWith(staticAuth('bob')));
  await server.admin.reload({ waitMs: 10_000 });
  await expect.poll(() => ada, SOON).toMatchObject({ isOpen: false, endedWhole: true });
  expect(bob.isOpen).toBe(true);
});

it('a stream ends when a reload takes a resource from its reader that others still have, and changes', async () => {
  const tokens = [
    { token: ADA, username: 'ada', scopes: ['vault'] },
    { token: BOB, username: 'bob' },
  ];
  const prices = (scopes: string) =>
    `mxcp: 1\nresource: { uri: "shop://prices", scopes: ${scopes}, source: { code: SELECT 1 AS price } }\n`;
  const project = protectedProject(
    { provider: 'static', static: { tokens } },
    { 'resources/prices.yml': prices('[]') },
  );
  await using server = await InProcessServer.start(project);
  const listened = { resourceSubscriptions: ['shop://prices'] };
  const ada = await openStream(server.url, ADA, 'today', listened);
  const bob = await openStream(server.url, BOB, 'today', listened);
  project.write('resources/prices.yml', prices('[vault]'));
  await server.admin.reload({ definitions: true, waitMs: 10_000 });
  await expect.poll(() => bob.isOpen, SOON).toBe(false);
  expect(ada.isOpen).toBe(true);
});

it('a stream ends when a reload gives its token to another user', async () => {
  const project = protectedProject(staticAuth('ada'));
  await using server = await InProcessServer.start(project);
  const stream = await openStream(server.url, ADA, 'session');
  project.write(
    'config.yml',
    configWith({ provider: 'static', static: { tokens: [{ token: ADA, username: 'eve' }] } }),
  );
  await server.admin.reload({ waitMs: 10_000 });
  await expect.poll(() => stream.isOpen, SOON).toBe(false);
});

it.each(ERAS)('a stream ends when the signed token of its caller expires (%s)', async (era) => {
  await using provider = await new TokenProviderServer().listen();
  await provider.rotate();
  const oidc = { config_url: provider.configUrl, audience: 'shop' };
  await using server = await InProcessServer.start(protectedProject({ mode: 'verifier', provider: 'oidc', oidc }));
  const claims = { iss: provider.address, aud: 'shop', sub: 'u-1', preferred_username: 'ada' };
  const now = Math.floor(Date.now() / 1000);
  const short = await openStream(server.url, await provider.sign({ ...claims, exp: now + 2 }), era);
  const long = await openStream(server.url, await provider.sign({ ...claims, exp: now + 300 }), era);
  await expect.poll(() => short, SOON).toMatchObject({ isOpen: false, endedWhole: true });
  expect(Date.now() / 1000).toBeGreaterThanOrEqual(now + 2);
  expect(long.isOpen).toBe(true);
});

it.each(ERAS)('the streams of a session end with it (%s)', async (era) => {
  await using provider = await new ProviderServer('github', { id: 7, login: 'anna' }).listen();
  await using server = await InProcessServer.start(protectedProject({ provider: 'github', github: provider.block }));
  const [first, second] = [new SigningClient(new Browser()), new SigningClient(new Browser())];
  for (const memory of [first, second]) await (await connectSigningIn(server.url, memory)).close();
  const ended = await openStream(server.url, first.stored.tokens?.access_token ?? '', era);
  const other = await openStream(server.url, second.stored.tokens?.access_token ?? '', era);
  const { sessions } = await server.admin.sessions();
  // The one that was used last comes first.
  await server.admin.endSession(sessions[1]?.id ?? '');
  await expect.poll(() => ended, SOON).toMatchObject({ isOpen: false, endedWhole: true });
  expect(other.isOpen).toBe(true);
});

import { StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import { Browser } from '../../kit/identity/browser.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { SigningClient } from '../../kit/identity/signing-client.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectOver, connectSigningIn as connect, ERAS } from '../../kit/mcp-client.js';
import { configWith, protectedProject } from '../../kit/projects/protected-project.js';

const ENCRYPTION_KEY = 'a key for the tests, long enough';

async function startProvider(): Promise<ProviderServer> {
  const provider = await new ProviderServer('github', { id: 7, login: 'anna', email: 'anna@example.com' }).listen();
  onTestFinished(() => provider.stop());
  return provider;
}

function authWith(provider: ProviderServer, more: object = {}) {
  return { provider: 'github', github: provider.block, persistence: { auth_encryption_key: ENCRYPTION_KEY }, ...more };
}

test.each(ERAS)('the official client signs a person in and calls (%s)', async (era) => {
  const provider = await startProvider();
  await using server = await InProcessServer.start(protectedProject(authWith(provider)));
  const memory = new SigningClient(new Browser());
  const client = await connect(server.url, memory, era);
  expect(JSON.parse(await callText(client, 'whoami'))).toEqual({
    username: 'anna',
    email: 'anna@example.com',
    provider: 'github',
    token: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  await client.close();
  expect(memory.signIns).toBe(1);
});

test('a client refreshes by itself, and stays signed in over a restart', async () => {
  const provider = await startProvider();
  const project = protectedProject(authWith(provider));
  const memory = new SigningClient(new Browser());
  const port = await (async () => {
    await using server = await InProcessServer.start(project);
    await (await connect(server.url, memory)).close();
    return new URL(server.url).port;
  })();
  await using server = await InProcessServer.start(project, { flags: { port } });
  const client = await connect(server.url, memory);
  const first = memory.stored.tokens;
  expect(await callText(client, 'whoami')).toContain('anna');
  // The client has only its refresh token left.
  memory.stored.tokens = { ...first, access_token: `mcp_${'0'.repeat(64)}`, token_type: 'Bearer' };
  expect(await callText(client, 'whoami')).toContain('anna');
  await client.close();
  expect(memory.stored.tokens.access_token).not.toBe(first?.access_token);
  expect(memory.signIns).toBe(1);
});

test('a client asks for the scopes of an endpoint when it needs them', async () => {
  const provider = await startProvider();
  await using server = await InProcessServer.start(
    protectedProject(authWith(provider, { authorization: { required_scopes: ['base'] } })),
  );
  const memory = new SigningClient(new Browser());
  const transport = new StreamableHTTPClientTransport(new URL(server.url), { authProvider: memory });
  const first = await connect(server.url, memory);
  expect(memory.stored.tokens?.scope).toBe('base');
  await first.close();
  const client = await connectOver(transport);
  await expect(callText(client, 'secrets')).rejects.toThrow(UnauthorizedError);
  await transport.finishAuth(memory.answer);
  expect(memory.stored.tokens?.scope?.split(' ')).toEqual(expect.arrayContaining(['base', 'vault:read', 'vault:list']));
  expect(await callText(client, 'secrets')).toContain('42');
  await client.close();
});

test('secrets rotate by a reload, and everything else of the section waits for a restart', async () => {
  const provider = await startProvider();
  const project = protectedProject(authWith(provider));
  await using server = await InProcessServer.start(project);
  const memory = new SigningClient(new Browser());
  await (await connect(server.url, memory)).close();
  provider.clientSecret = 'app-secret-2';
  const next = {
    ...authWith(provider),
    github: { ...provider.block, client_id: 'another' },
    persistence: { auth_encryption_key: 'another key for the tests' },
  };
  project.write('config.yml', configWith(next));
  await server.admin.reload({ waitMs: 10_000 });
  const status = await server.admin.status();
  expect(JSON.stringify(status)).toContain('auth.github.client_id');
  const again = new SigningClient(new Browser());
  const client = await connect(server.url, again);
  expect(await callText(client, 'whoami')).toContain('anna');
  await client.close();
  const kept = await connect(server.url, memory);
  expect(await callText(kept, 'whoami')).toContain('anna');
  await kept.close();
  expect(memory.signIns).toBe(1);
});

test('what is secret appears in no line of the log and in no answer of the admin socket', async () => {
  const provider = await startProvider();
  await using server = await InProcessServer.start(protectedProject(authWith(provider)), {
    flags: { debug: true, accessLog: 'on' },
  });
  const memory = new SigningClient(new Browser());
  const client = await connect(server.url, memory);
  await callText(client, 'whoami');
  await client.close();
  const { access_token: access = '', refresh_token: refresh = '' } = memory.stored.tokens ?? {};
  const seen = [
    server.logLines.join('\n'),
    JSON.stringify(await server.admin.config()),
    JSON.stringify(await server.admin.status()),
  ].join();
  for (const secret of [access, refresh, provider.clientSecret, ENCRYPTION_KEY, memory.answer.get('code') ?? ''])
    expect(seen).not.toContain(secret);
});

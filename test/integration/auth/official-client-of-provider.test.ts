import { expect, onTestFinished, test } from 'vitest';
import { Browser } from '../../kit/identity/browser.js';
import { OidcServer } from '../../kit/identity/oidc-server.js';
import { CLIENT_REDIRECT, SigningClient } from '../../kit/identity/signing-client.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectSigningIn, ERAS } from '../../kit/mcp-client.js';
import { protectedProject } from '../../kit/projects/protected-project.js';

/** A person at the pages of a real provider. */
class ProviderClient extends SigningClient {
  readonly #provider: OidcServer;

  constructor(provider: OidcServer) {
    super(new Browser());
    this.#provider = provider;
  }

  override async redirectToAuthorization(url: URL): Promise<void> {
    this.signIns += 1;
    const browser = new Browser();
    const isEnd = (at: string): boolean => at.startsWith(CLIENT_REDIRECT);
    const end = await this.#provider.signInAs('u-1')(browser, await browser.visit(url.href, isEnd), isEnd);
    this.answer = new URL(end.url).searchParams;
  }
}

test.each(ERAS)('the official client finds a real provider, gets a token there, and calls (%s)', async (era) => {
  const users = [{ sub: 'u-1', preferred_username: 'anna' }];
  const provider = await new OidcServer({ users, servesClients: true }).listen();
  onTestFinished(() => provider.stop());
  const oidc = { config_url: provider.block.config_url };
  await using server = await InProcessServer.start(protectedProject({ mode: 'verifier', provider: 'oidc', oidc }));
  const memory = new ProviderClient(provider);
  const client = await connectSigningIn(server.url, memory, era);
  expect(JSON.parse(await callText(client, 'whoami'))).toMatchObject({
    username: 'u-1',
    provider: 'oidc',
    token: memory.stored.tokens?.access_token,
  });
  // It asked for the scopes that the metadata of the server names.
  expect(await callText(client, 'secrets')).toContain('42');
  await server.admin.reload({ waitMs: 10_000 });
  expect(await callText(client, 'whoami')).toContain('u-1');
  await client.close();
  expect(memory.signIns).toBe(1);
});

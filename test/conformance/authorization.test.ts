import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { Browser } from '../kit/identity/browser.js';
import { ProviderServer } from '../kit/identity/provider-server.js';
import { protectedProject } from '../kit/projects/protected-project.js';
import { OfficialSuite } from './official-suite.js';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listener on a port has an address with one.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const suite = OfficialSuite.install();

it('the authorization server passes all scenarios of the suite', async () => {
  const port = await freePort();
  const callback = `http://127.0.0.1:${port}/callback`;
  await using provider = await new ProviderServer('github', { id: 7, login: 'anna' }).listen();
  const project = protectedProject({
    provider: 'github',
    github: provider.block,
    persistence: { path: 'oauth', auth_encryption_key: 'a key for the test, long enough' },
    clients: [{ client_id: 'suite', name: 'Suite', redirect_uris: [callback] }],
  });
  await using server = await ChildServer.start(project);
  /** The suite waits for the callback while a person does what its URL leads to. */
  const visit = async (url: string): Promise<void> => {
    const browser = new Browser();
    const end = await browser.press(await browser.visit(url), 'Allow', (at) => at.startsWith(callback));
    await fetch(end.url);
  };
  const issuer = new URL(server.url).origin;
  const findings = await suite.runAuthorization({ issuer, port, clientId: 'suite', resource: server.url, visit });
  expect(findings).toEqual({ 'authorization-server-metadata-endpoint': [], 'authorization-code-grant': [] });
});

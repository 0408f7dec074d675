import { expect, onTestFinished, test, vi } from 'vitest';
import { IssuerHarness } from '../../kit/identity/issuer-harness.js';
import { OidcServer } from '../../kit/identity/oidc-server.js';
import { createProject } from '../../kit/projects/temporary-project.js';

const MINUTE_MS = 60_000;
/** One every six hours, as a person works who does not call all the time. */
const REFRESHES = 7 * 4;

/** The provider and this server live in one process and share the clock of the test. */
test('for seven days of refreshes, restarts, rotations and outages, a person signs in once', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const provider = await new OidcServer({ users: [{ sub: 'u-1', preferred_username: 'anna' }] }).listen();
  onTestFinished(() => provider.stop());
  const path = createProject().path('oauth.sessions');
  let { block } = provider;
  let encryptionKey = 'the first key, which is long enough';
  const open = () =>
    IssuerHarness.open({
      provider: 'oidc',
      block: () => block,
      encryptionKey: () => encryptionKey,
      sessionsFile: path,
    });
  let harness = await open();
  const { client_id: clientId = '' } = await harness.register();
  let tokens = await harness.signIn(clientId, { signIn: provider.signInAs('u-1') });
  const seen = new Set<string>();
  for (let round = 1; round <= REFRESHES; round += 1) {
    vi.setSystemTime(Date.now() + 55 * MINUTE_MS);
    expect(harness.issuer.verify(tokens.access_token).caller.username).toBe('anna');
    vi.setSystemTime(Date.now() + 305 * MINUTE_MS);
    if (round % 6 === 1) await provider.rotateKeys();
    if (round % 12 === 2) {
      await provider.changeSecret(`secret of round ${round}`);
      block = provider.block;
    }
    if (round % 12 === 3) encryptionKey = `the key of round ${round}, long enough`;
    if (round % 5 === 4) {
      await harness.close();
      harness = await open();
    }
    if (round % 6 === 5) {
      await provider.stop();
      expect((await harness.refresh(clientId, tokens.refresh_token)).status).toBe(503);
      await provider.listen();
    }
    const response = await harness.refresh(clientId, tokens.refresh_token);
    expect(`${round}: ${response.status}`).toBe(`${round}: 200`);
    const next = (await response.json()) as typeof tokens;
    if (round % 4 === 0) {
      // The answer was lost, and the client asks again.
      vi.setSystemTime(Date.now() + MINUTE_MS / 2);
      expect(await (await harness.refresh(clientId, tokens.refresh_token)).json()).toMatchObject({
        access_token: next.access_token,
        refresh_token: next.refresh_token,
      });
    }
    seen.add(next.refresh_token);
    tokens = next;
  }
  expect(seen.size).toBe(REFRESHES);
  expect(harness.issuer.verify(tokens.access_token).caller).toMatchObject({ userId: 'u-1', username: 'anna' });
});

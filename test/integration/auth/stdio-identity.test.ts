import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Server } from '../../../src/server/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { protectedProject } from '../../kit/projects/protected-project.js';
import { callOf } from '../../kit/raw-http.js';

const TOKEN = 'ada-token-0123456789abcdef';
const AUTH = { provider: 'static', static: { tokens: [{ token: TOKEN, username: 'ada' }] } };

async function answerOf(env: Readonly<Record<string, string>>): Promise<unknown> {
  const project = protectedProject(AUTH);
  const environment = { MXCP_CONFIG: project.path('config.yml'), HOME: project.path('home'), ...env };
  const flags = { transport: 'stdio', adminSocket: project.socketPath };
  const settings = loadSettings({ flags, env: environment, cwd: project.root });
  const [input, output] = [new PassThrough(), new PassThrough()];
  const server = new Server({ settings, env: environment, logSinks: [], openStreams: () => ({ input, output }) });
  try {
    await server.start();
    input.write(`${JSON.stringify(callOf('whoami'))}\n`);
    for await (const chunk of output) return JSON.parse(String(chunk));
    return undefined;
  } finally {
    await server.close();
  }
}

describe('the client of standard input', () => {
  it('is the user of its token', async () => {
    expect(await answerOf({ MXCP_AUTH_TOKEN: TOKEN })).toMatchObject({
      result: { structuredContent: { result: [{ username: 'ada', provider: 'static' }] } },
    });
  });

  it.each([
    ['no token', {}, 'set `MXCP_AUTH_TOKEN` to an access token'],
    ['an empty token', { MXCP_AUTH_TOKEN: '' }, 'set `MXCP_AUTH_TOKEN` to an access token'],
    [
      'an unknown token',
      { MXCP_AUTH_TOKEN: 'an-unknown-token-000' },
      'gives no access: Unauthorized: the token is not known',
    ],
  ])('gets no server with %s', async (_what, env, message) => {
    await expect(answerOf(env)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(message),
    });
  });
});

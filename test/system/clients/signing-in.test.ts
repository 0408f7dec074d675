import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { childEnvironment, ChildServer } from '../../kit/child-server.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { protectedProject } from '../../kit/projects/protected-project.js';

const SCRIPT = join(import.meta.dirname, 'signing-in.py');

it('the official Python client signs a person in and calls', async () => {
  await using provider = await new ProviderServer('github', {
    id: 7,
    login: 'anna',
    email: 'anna@example.com',
  }).listen();
  const project = protectedProject({
    provider: 'github',
    github: provider.block,
    persistence: { path: 'oauth', auth_encryption_key: 'a key for the test, long enough' },
  });
  await using server = await ChildServer.start(project);
  const { stdout } = await promisify(execFile)('python3', [SCRIPT, server.url], { env: childEnvironment(project, {}) });
  expect(JSON.parse(stdout)).toEqual({
    who: { result: [{ username: 'anna', email: 'anna@example.com', provider: 'github', token: expect.any(String) }] },
    token: 'mcp_',
  });
});

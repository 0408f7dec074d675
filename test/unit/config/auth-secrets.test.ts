import { expect, it } from 'vitest';
import { secretTexts, userSchema } from '../../../src/config/schema.js';

it('of authentication, tokens and client secrets are secret, and who the callers are is not', () => {
  const auth = {
    provider: 'static',
    static: { tokens: [{ token: 'token-of-ada-0123456789', username: 'ada', role: 'analyst', scopes: ['read'] }] },
    clients: [{ client_id: 'editor', name: 'An editor', client_secret: 'secret of the editor' }],
    github: { client_id: 'mxcp', client_secret: 'secret of mxcp' },
  };
  const user = userSchema.parse({ mxcp: 1, projects: { shop: { profiles: { dev: { auth } } } } });
  expect(secretTexts(user).map((secret) => secret.reveal())).toEqual([
    'secret of the editor',
    'secret of mxcp',
    'token-of-ada-0123456789',
  ]);
});

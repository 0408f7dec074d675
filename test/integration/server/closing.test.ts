import { describe, expect, it } from 'vitest';
import type { ReferenceResolver } from '../../../src/secrets/index.js';
import { userConfig } from '../../kit/projects/temporary-project.js';
import { startShop } from '../../kit/projects/shop.js';

const CONFIG = userConfig(['name: slow', 'type: http', 'parameters:', '  BEARER_TOKEN: slow://token']);

describe('a server that is stopped', () => {
  it('does not wait for a store that a reload is asking', async () => {
    let tellAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => (tellAsked = resolve));
    let isSilent = false;
    const store: ReferenceResolver = {
      scheme: 'slow',
      resolve: () => {
        if (!isSilent) return Promise.resolve({ value: 'slow-word' });
        tellAsked();
        return new Promise(() => undefined);
      },
    };
    const { server } = await startShop('readonly', {
      files: { 'config.yml': CONFIG },
      flags: { reloadResolveTimeout: '10m' },
      stores: [store],
    });
    isSilent = true;
    const { ended } = server.server.reload({ trigger: 'api' });
    await asked;
    await server.server.close();
    expect(await ended).toMatchObject({ status: 'error', error: { stage: 'resolve' } });
  });
});

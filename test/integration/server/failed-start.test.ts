import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { createShopProject } from '../../kit/projects/shop.js';

it('a start that fails says why, also when what it had opened cannot be freed', async () => {
  using project = await createShopProject('readwrite', {
    'tools/wrong.yml': sqlTool('wrong', 'SELECT nothing FROM item'),
  });
  // Where a file of ours should be removed at the end.
  mkdirSync(project.path('.shop.duckdb.mxcp-held'));
  const server = InProcessServer.create(project, { flags: { envFiles: [project.path('shop.env')] } });
  await expect(server.server.start()).rejects.toMatchObject({ code: 'endpoint_invalid' });
  expect(server.logLines.join('')).toContain('cleanup after a failed build did not complete');
});

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { createShopProject } from '../kit/projects/shop.js';
import { DEPLOYED } from './prometheus-server.js';

function promtool(args: readonly string[], input?: string) {
  const options = { cwd: join(DEPLOYED, 'prometheus'), encoding: 'utf8', input } as const;
  const { status, stdout, stderr } = spawnSync('promtool', [...args], options);
  return { status, output: stdout + stderr };
}

it.each([
  ['check', 'config', 'prometheus.yml'],
  ['check', 'rules', 'mxcp.rules.yml'],
  ['test', 'rules', 'mxcp.rules.test.yml'],
])('promtool %s %s %s', (...args) => {
  const { status, output } = promtool(args);
  expect(status, output).toBe(0);
  expect(output).toContain('SUCCESS');
});

it('promtool check metrics accepts a scrape, and names nothing of ours', async () => {
  using project = await createShopProject('readonly');
  await using server = await ChildServer.start(project, { args: ['--env-file', project.path('shop.env')] });
  const { status, output } = promtool(['check', 'metrics'], await server.admin.metricsText());
  // 3 is for advice about names; those of prom-client are what dashboards for Node.js expect.
  expect([0, 3], output).toContain(status);
  expect(output.split('\n').filter((line) => /^m(?:x)?cp_/.test(line))).toEqual([]);
});

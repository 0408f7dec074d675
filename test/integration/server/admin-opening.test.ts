import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

it('a probe socket without the admin socket is not opened, and the log says how it would be', async () => {
  using project = new TemporaryProject();
  const adminProbeSocket = project.path('probe.sock');
  await using server = await InProcessServer.start(project, { flags: { adminSocket: undefined, adminProbeSocket } });
  expect(existsSync(adminProbeSocket)).toBe(false);
  expect(server.logLines.filter((line) => line.includes('probe socket'))).toEqual([
    expect.stringContaining(
      `WARN admin: the probe socket ${adminProbeSocket} is not opened, because the admin socket is off; MXCP_ADMIN_ENABLED=true or --admin opens both`,
    ),
  ]);
});

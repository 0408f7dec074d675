import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { sqlTool, TemporaryProject } from '../kit/projects/temporary-project.js';

/** Moments of a start and of a reload, spread evenly over longer than either takes. */
const MOMENTS = Array.from({ length: 8 }, (_, index) => index / 8);
const START_MS = 800;
const RELOAD_MS = 120;

/** What may be in the project folder after all that: nothing that grows with the number of kills. */
const KEPT = ['data', 'home', 'mxcp-site.yml', 'mxcp.sock', 'temporary', 'tools'];

/** Throws every error but that of a connection that the kill has cut. */
async function acceptedUnlessKilled(request: Promise<{ readonly status: string }>): Promise<void> {
  try {
    expect((await request).status).toBe('reload_initiated');
  } catch (error) {
    expect(error).toMatchObject({ code: 'connection_failed' });
  }
}

describe('kill -9', () => {
  it('at any moment of a start or a reload leaves nothing that stops the next start, and no litter', async () => {
    using project = new TemporaryProject({
      'tools/one.yml': sqlTool('one', 'SELECT 1 AS one'),
      'temporary/.keep': '',
      'home/.keep': '',
    });
    const options = { args: ['--admin-strict'], env: { TMPDIR: project.path('temporary') } };
    for (const moment of MOMENTS) {
      const starting = ChildServer.spawn(project, options);
      await delay(moment * START_MS);
      starting.child.kill('SIGKILL');
      await starting.ended;

      const server = await ChildServer.start(project, options);
      const reload = acceptedUnlessKilled(server.admin.reload());
      await delay(moment * RELOAD_MS);
      server.child.kill('SIGKILL');
      await Promise.all([reload, server.ended]);
    }
    await using server = await ChildServer.start(project, options);
    expect((await server.admin.reload({ waitMs: 20_000 })).status).toBe('success');
    expect(readdirSync(project.root).sort()).toEqual(KEPT);
    expect(readdirSync(project.path('temporary'))).toEqual(['.keep']);
    const files = readdirSync(project.path('data'));
    expect(files.filter((name) => !/\.mxcp-(?:held|owner)$/.test(name))).toHaveLength(1);
  });
});

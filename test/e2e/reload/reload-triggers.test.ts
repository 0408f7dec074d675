import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import { createShopProject } from '../../kit/projects/shop.js';
import { ChildServer } from '../../kit/child-server.js';
import type { TemporaryProject } from '../../kit/projects/temporary-project.js';

const run = promisify(execFile);
const COMMAND = join(import.meta.dirname, '../../../bin/mxcp');

type Ask = (server: ChildServer, project: TemporaryProject) => Promise<unknown>;

const TRIGGERS: readonly (readonly [name: ReloadRecord['trigger'], ask: Ask])[] = [
  ['sighup', async (server) => server.child.kill('SIGHUP')],
  ['api', (server) => server.admin.reload()],
  // Its exit code is the outcome, which is in the record as well.
  [
    'cli',
    (_server, project) =>
      run(process.execPath, [COMMAND, 'admin', 'reload', '--socket', project.socketPath]).catch(() => undefined),
  ],
];

/** A record without what differs from run to run. */
function comparable({ trigger, ...record }: ReloadRecord) {
  const { id, requested_at, started_at, ended_at, duration_ms, stages, generation, ...rest } = record;
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect([requested_at, started_at, ended_at, duration_ms, trigger]).not.toContain(null);
  return { ...rest, swapped: generation.to !== null, stages: stages.map(({ name, status }) => `${name} ${status}`) };
}

async function recordOf(server: ChildServer, trigger: ReloadRecord['trigger'], count: number): Promise<ReloadRecord> {
  return vi.waitFor(
    async () => {
      const { reloads } = await server.admin.reloads();
      const [latest] = reloads;
      if (reloads.length !== count || latest === undefined || latest.ended_at === null) throw new Error('still runs');
      expect(latest.trigger).toBe(trigger);
      return latest;
    },
    { timeout: 20_000 },
  );
}

describe('SIGHUP, POST /reload and the command', () => {
  it('do the same and write the same record, whether it succeeds or fails', async () => {
    using project = await createShopProject('readonly');
    await using server = await ChildServer.start(project, { args: ['--env-file', 'shop.env'] });
    const records: ReturnType<typeof comparable>[] = [];
    let count = 0;
    for (const envFile of ['FIRST=http://first-1.example:1\n', 'NOTHING=here\n']) {
      project.write('shop.env', envFile);
      for (const [trigger, ask] of TRIGGERS) {
        await ask(server, project);
        records.push(comparable(await recordOf(server, trigger, (count += 1))));
      }
    }
    const [first, second, third, ...failed] = records;
    expect(first).toMatchObject({ status: 'success', swapped: true });
    expect([second, third]).toEqual([first, first]);
    expect(failed[0]).toMatchObject({ status: 'error', error: { stage: 'resolve', line: 10 } });
    expect(failed.slice(1)).toEqual([failed[0], failed[0]]);
    expect((await server.admin.status()).generation).toBe(4);
  });
});

import { readdirSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { resourcesOf } from '../kit/process-resources.js';
import { runningDescendants } from '../kit/processes.js';
import { TemporaryProject } from '../kit/projects/temporary-project.js';

const RELOADS = 1000;
/** A reload that fails is one of them: its workers have to go as well. */
const FAILS_EVERY = 10;
const MINUTES = 60_000;

const CODE = (round: number): readonly string[] => [
  'from mxcp.runtime import db, on_init, on_shutdown',
  '@on_init',
  'def begin(): db.execute("SELECT 1")',
  '@on_shutdown',
  'def end(): pass',
  `def round(): return db.execute("SELECT ${round} AS round")[0]["round"]`,
];

function createProject(): TemporaryProject {
  const project = new TemporaryProject({
    'mxcp-site.yml': ['mxcp: 1', 'project: many', 'profile: dev'],
    'tmp/.keep': '',
    'python/many.py': CODE(0),
    'tools/round.yml': [
      'mxcp: 1',
      'tool:',
      '  name: round',
      '  language: python',
      '  source: { file: ../python/many.py }',
    ],
  });
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

describe(`a server after ${RELOADS} reloads of its Python code`, () => {
  it('holds the processes, descriptors, threads and temporary files it began with', {
    timeout: 15 * MINUTES,
  }, async () => {
    const project = createProject();
    await using server = await ChildServer.start(project, {
      args: ['--python-workers', '1'],
      env: { TMPDIR: project.path('tmp') },
    });
    const client = await connectTo(server.url);
    const reloadTo = async (round: number): Promise<void> => {
      const fails = round % FAILS_EVERY === 0;
      project.write('python/many.py', fails ? ['raise RuntimeError("not today")'] : CODE(round));
      const outcome = server.admin.reload({ waitMs: MINUTES });
      if (fails) await expect(outcome).rejects.toMatchObject({ code: 'reload_failed' });
      else await outcome;
      expect(await callText(client, 'round')).toBe(String(fails ? round - 1 : round));
    };
    // Threads and caches that are meant to stay come to life first.
    for (let round = 1; round <= FAILS_EVERY; round += 1) await reloadTo(round);
    const before = await settled(server);
    for (let round = FAILS_EVERY + 1; round <= FAILS_EVERY + RELOADS; round += 1) await reloadTo(round);
    const after = await settled(server);
    expect(after).toEqual(before);
    expect(readdirSync(project.path('tmp'))).toEqual(['.keep']);
    await client.close();
  });
});

/** What the server holds once the last generation it replaced is gone. */
async function settled(server: ChildServer) {
  await vi.waitFor(async () => expect((await server.admin.status()).reload).toMatchObject({ draining: false }), {
    timeout: MINUTES,
  });
  await vi.waitFor(() => expect(runningDescendants(server.pid)).toHaveLength(1), { timeout: MINUTES });
  const { descriptors, threads } = resourcesOf(server.pid);
  return { descriptors, threads };
}

import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { runningChildren } from '../../kit/processes.js';
import { createProject, pythonTool, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { callOnce, startPython } from '../../kit/projects/python-server.js';

const CODE = [
  'import fcntl, os',
  'from mxcp.runtime import reload_duckdb',
  '',
  'def note(text):',
  '    with open("notes", "a") as notes:',
  '        notes.write(text + "\\n")',
  '',
  'def ask(count):',
  '    for number in range(count):',
  '        reload_duckdb(lambda number=number: note(str(number)))',
  '',
  'kept = []',
  'def hold():',
  '    note("held")',
  '    file = open(os.environ["DATABASE"], "r+b")',
  '    fcntl.lockf(file, fcntl.LOCK_EX)',
  '    kept.append(file)',
  '',
  'def hold_and_fail():',
  '    hold()',
  '    raise ValueError("of the payload")',
  '',
  'def forget(name): reload_duckdb(globals()[name])',
];

async function startPayloads(): Promise<{ readonly project: TemporaryProject; readonly server: InProcessServer }> {
  const project = createProject({
    'python/payloads.py': CODE,
    'tools/ask.yml': pythonTool('ask', 'python/payloads.py', ['parameters: [{ name: count, type: integer }]']),
    'tools/forget.yml': pythonTool('forget', 'python/payloads.py', ['parameters: [{ name: name, type: string }]']),
    'tools/one.yml': sqlTool('one', 'SELECT 1 AS one'),
    notes: '',
    'mxcp-site.yml': ['mxcp: 1', 'project: p', 'profile: dev', 'profiles: { dev: { duckdb: { path: p.duckdb } } }'],
  });
  const server = await startPython(project, { env: { DATABASE: project.path('p.duckdb') } });
  return { project, server };
}

const notes = (project: TemporaryProject): readonly string[] =>
  readFileSync(project.path('notes'), 'utf8').split('\n').slice(0, -1);

/** The records of all reloads, the oldest first, once so many have ended. */
async function endedReloads({ admin }: InProcessServer, count: number) {
  return vi.waitFor(
    async () => {
      const { reloads } = await admin.reloads();
      expect(reloads.filter(({ ended_at: endedAt }) => endedAt !== null)).toHaveLength(count);
      return reloads.toReversed();
    },
    { timeout: 20_000 },
  );
}

it('every payload of one call runs, although the first ends the generation that asked', async () => {
  const { project, server } = await startPayloads();
  await callOnce(server, 'ask', { count: 4 });
  const records = await endedReloads(server, 4);
  expect(records.map(({ status }) => status)).toEqual(Array(4).fill('success'));
  expect(notes(project)).toEqual(['0', '1', '2', '3']);
  await vi.waitFor(() => expect(runningChildren()).toHaveLength(1));
});

it('a payload that waits when the server closes is released, and its worker goes', async () => {
  const { server } = await startPayloads();
  await callOnce(server, 'ask', { count: 12 });
  await vi.waitFor(async () => expect((await server.admin.reloads()).reloads.length).toBeGreaterThan(2));
  await server.server.close();
  expect(runningChildren()).toEqual([]);
});

it.each([
  ['hold', 'success'],
  ['hold_and_fail', 'error'],
])('a payload that leaves the file locked (%s) costs its process, not the database', async (name, status) => {
  const { project, server } = await startPayloads();
  await callOnce(server, 'forget', { name });
  const [record] = await endedReloads(server, 1);
  expect(notes(project)).toEqual(['held']);
  expect(record).toMatchObject({ status, error: status === 'error' ? { code: 'python_failed' } : null });
  expect(await callOnce(server, 'one')).toContain('1');
  expect(server.logLines.join('')).toContain('left the database file open');
  await vi.waitFor(async () => expect(await server.admin.ready()).toMatchObject({ status: 'ok' }));
});

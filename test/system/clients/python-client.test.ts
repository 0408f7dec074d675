import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { childEnvironment, ChildServer } from '../../kit/child-server.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';
import { CLIENT_PROJECT } from '../../kit/projects/client-project.js';

const SCRIPT = join(import.meta.dirname, 'official-client.py');
const CONFIRMING = join(import.meta.dirname, 'confirming-client.py');
const COMMAND = join(import.meta.dirname, '../../../bin/mxcp');

const MODES = [
  ['auto', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const;

const EVERYTHING = {
  server: 'shop',
  tools: ['add', 'rows'],
  resources: ['notes://all'],
  templates: ['notes://{id}'],
  prompts: ['greet'],
  added: { result: 42 },
  refused: true,
  rows: 5000,
  note: [{ a: 1 }],
  named: [{ id: 'seven of 9' }],
  greeting: 'Hello Zoë',
};

const use = (project: TemporaryProject, ...args: readonly string[]) => runScript(SCRIPT, project, args);

async function runScript(script: string, project: TemporaryProject, args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)('python3', [script, ...args], {
    cwd: project.root,
    env: childEnvironment(project, {}),
  });
  return JSON.parse(stdout);
}

describe.each(MODES)('the official Python client (%s)', (mode, protocol) => {
  it.each(['', '/'])('uses everything over HTTP, at /mcp%s', async (end) => {
    using project = new TemporaryProject(CLIENT_PROJECT);
    await using server = await ChildServer.start(project);
    expect(await use(project, mode, `${server.url}${end}`)).toEqual({ ...EVERYTHING, protocol });
  });

  it('uses everything over standard input and output', async () => {
    using project = new TemporaryProject(CLIENT_PROJECT);
    const command = [process.execPath, COMMAND, 'serve', '--transport', 'stdio'];
    expect(await use(project, mode, 'stdio', ...command)).toEqual({ ...EVERYTHING, protocol });
  });
});

it('the official Python client answers confirmations with yes, no and not at all, also across a reload', async () => {
  using project = new TemporaryProject({
    'tools/remove.yml': sqlTool('remove', 'DELETE FROM orders WHERE id = $id RETURNING id', [
      'parameters: [{ name: id, type: integer }]',
      'confirm: "Delete {{ rows }} order with the number {{ id }}?"',
    ]),
  });
  mkdirSync(project.path('data'));
  await createDatabaseFile(
    project.path('data/db-dev.duckdb'),
    'CREATE TABLE orders AS SELECT range AS id FROM range(100)',
  );
  await using server = await ChildServer.start(project);
  const runs = MODES.map(async ([mode, protocol], index) => {
    const first = index * 10;
    const question = (offset: number) => `Delete 1 order with the number ${first + offset}?`;
    expect(await runScript(CONFIRMING, project, [mode, server.url, project.socketPath, String(first)])).toEqual({
      protocol,
      asked: [0, 1, 2, 3].map(question),
      reloads: ['success'],
      accept: [false, `{"id":${first}}`],
      decline: [true, expect.stringContaining('was not called: declined by the person who was asked')],
      cancel: [true, expect.stringContaining('was not called: the question was closed without an answer')],
      reload: [false, `{"id":${first + 3}}`],
    });
  });
  await Promise.all(runs);
});

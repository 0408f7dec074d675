import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { childEnvironment, ChildServer } from '../../kit/child-server.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { CLIENT_PROJECT } from '../../kit/projects/client-project.js';

const SCRIPT = join(import.meta.dirname, 'official-client.py');
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

async function use(project: TemporaryProject, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)('python3', [SCRIPT, ...args], {
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

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';
import { lastReload, PATIENCE, untilReloads } from './reload-by-itself.js';

const WATCH_CODE = { flags: { watch: true, reloadDefinitions: true } } as const;

const ANSWER_TOOL =
  'mxcp: 1\ntool:\n  name: answer\n  return: { type: integer }\n  source: { file: ../sql/answer.sql }\n';
const PYTHON_TOOL = 'mxcp: 1\ntool:\n  name: who\n  language: python\n  source: { file: ../python/who.py }\n';

async function startWatched(
  files: Readonly<Record<string, string | readonly string[]>>,
): Promise<{ readonly project: TemporaryProject; readonly server: InProcessServer }> {
  const project = new TemporaryProject();
  for (const [path, text] of Object.entries(files)) project.write(path, text);
  return { project, server: await InProcessServer.start(project, WATCH_CODE) };
}

async function untilAnswered(server: InProcessServer, tool: string, text: string): Promise<void> {
  await vi.waitFor(async () => {
    const client = await connectTo(server.url);
    try {
      expect(await callText(client, tool)).toContain(text);
    } finally {
      await client.close();
    }
  }, PATIENCE);
}

describe('with --watch and --reload-definitions', () => {
  it('a change of an SQL file, of Python code and of an endpoint file is served without a request', async () => {
    const { project, server } = await startWatched({
      'tools/answer.yml': ANSWER_TOOL,
      'sql/answer.sql': 'SELECT 1',
      'tools/who.yml': PYTHON_TOOL,
      'python/who.py': 'def who():\n    return "first"\n',
    });
    await untilAnswered(server, 'answer', '1');
    project.write('sql/answer.sql', 'SELECT 42');
    await untilAnswered(server, 'answer', '42');
    project.write('python/who.py', 'def who():\n    return "second"\n');
    await untilAnswered(server, 'who', 'second');
    project.write('tools/new.yml', sqlTool('fresh', 'SELECT 7 AS n'));
    await untilAnswered(server, 'fresh', '7');
  });

  it('a change of an image that a message of a prompt names is served, also where both are no text', async () => {
    const prompt = ['mxcp: 1', 'prompt:', '  name: draw', '  messages: [{ type: image, file: ../images/a.png }]'];
    const { project, server } = await startWatched({ 'prompts/draw.yml': prompt, 'images/a.png': 'one' });
    const client = await connectTo(server.url);
    const image = async () => (await client.getPrompt({ name: 'draw' })).messages[0]?.content;
    expect(await image()).toMatchObject({ data: Buffer.from('one').toString('base64') });
    writeFileSync(project.path('images/a.png'), Buffer.from([0xff, 0xfe]));
    const changed = { data: Buffer.from([0xff, 0xfe]).toString('base64') };
    await vi.waitFor(async () => expect(await image()).toMatchObject(changed), PATIENCE);
    writeFileSync(project.path('images/a.png'), Buffer.from([0xff, 0xfd]));
    const again = { data: Buffer.from([0xff, 0xfd]).toString('base64') };
    await vi.waitFor(async () => expect(await image()).toMatchObject(again), PATIENCE);
    await client.close();
  });

  it('a new file that is broken changes nothing, and its correction is served', async () => {
    const { project, server } = await startWatched({ 'tools/a.yml': sqlTool('a', 'SELECT 1 AS n') });
    project.write('tools/deep/b.yml', sqlTool('b', 'SELECT nothing AS n'));
    await untilReloads(server, ['watch error']);
    expect((await lastReload(server))?.error).toMatchObject({ stage: 'check', file: 'tools/deep/b.yml' });
    project.write('tools/deep/b.yml', sqlTool('b', 'SELECT 2 AS n'));
    await untilAnswered(server, 'b', '2');
    await untilReloads(server, ['watch error', 'watch success']);
  });

  it('a broken site file is reported once, and its correction is served', async () => {
    const { project, server } = await startWatched({ 'tools/a.yml': sqlTool('a', 'SELECT 1 AS n') });
    const site = readFileSync(project.path('mxcp-site.yml'), 'utf8');
    project.write('mxcp-site.yml', `${site}\nunclosed: [\n`);
    await untilReloads(server, ['watch error']);
    project.write('mxcp-site.yml', `${site}\n# fixed\n`);
    await untilReloads(server, ['watch error', 'watch success']);
  });

  it('hidden folders, environments, packages and data are not watched', async () => {
    const { project, server } = await startWatched({
      'tools/a.yml': sqlTool('a', 'SELECT 1 AS n'),
      '.git/a.yml': '1',
      'env/pyvenv.cfg': '',
      'env/lib/x.py': '1',
      'node_modules/x/index.py': '1',
    });
    for (const path of [
      '.git/a.yml',
      'env/lib/x.py',
      'env/lib/new.py',
      'node_modules/x/index.py',
      'out.csv',
      'notes.md',
    ])
      project.write(path, 'x = 2\n');
    project.write('tools/a.yml', sqlTool('a', 'SELECT 2 AS n'));
    await untilAnswered(server, 'a', '2');
    await untilReloads(server, ['watch success']);
  });
});

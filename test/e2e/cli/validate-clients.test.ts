import { describe, expect, it } from 'vitest';
import { createProject } from '../../kit/projects/temporary-project.js';
import { runMxcp } from './mxcp-process.js';

const tool = (name: string, parameters = '', sql = 'SELECT 1 AS n') => [
  'tool:',
  `  name: ${name}`,
  '  description: Sums the sales of a region.',
  `  parameters: [${parameters}]`,
  `  source: { code: ${sql} }`,
];

describe('mxcp validate --clients', () => {
  it('warns with file and line, and exits with 0', async () => {
    const project = createProject({
      'tools/a.yml': tool('sales.sum'),
      'tools/b/b.yml': tool('returns', '{ name: f, type: object }', 'SELECT $f AS f'),
    });
    const { code, stdout } = await runMxcp(['validate', '--clients', 'openai, gemini'], { cwd: project.root });
    expect([code, stdout.trimEnd().split('\n')]).toEqual([
      0,
      [
        'ok        tools/a.yml',
        'ok        tools/b/b.yml',
        expect.stringContaining('some clients refuse all tools because of the name "sales.sum"'),
        'warning   tools/a.yml:2:3: OpenAI refuses every request with this tool: its name is "sales.sum"; use at most 64 letters, digits, "_" and "-"',
        'warning   tools/b/b.yml:4:16: Gemini refuses every request with this tool: "f" has no `properties`; add `properties`',
        '2 files: 2 ok, 0 with errors, 2 findings for clients',
      ],
    ]);
    const args = ['validate', 'tools/b', '--clients=all', '--json-output'];
    const json = await runMxcp(args, { cwd: project.root });
    expect(JSON.parse(json.stdout)).toEqual({
      status: 'ok',
      result: {
        status: 'ok',
        validated: [{ status: 'ok', path: 'tools/b/b.yml' }],
        clients: [
          {
            client: 'gemini',
            rule: 'gemini-object',
            path: 'tools/b/b.yml',
            location: 'tool.parameters[0]',
            message: 'Gemini refuses every request with this tool: "f" has no `properties`',
            suggestion: 'add `properties`',
            line: 4,
            column: 16,
          },
        ],
      },
    });
  });

  it('reports the error of a configuration without folders of endpoints', async () => {
    const project = createProject({ 'mxcp-site.yml': ['mxcp: 1', 'project: a', 'profile: b', 'paths: 7'] });
    const { code, stdout } = await runMxcp(['validate', '--clients', 'all'], { cwd: project.root });
    expect([code, stdout]).toEqual([2, expect.stringContaining('mxcp-site.yml:4')]);
  });

  it('refuses a client that it does not know', async () => {
    const project = createProject({ 'tools/a.yml': tool('sales') });
    const { code, stderr } = await runMxcp(['validate', '--clients', 'claud'], { cwd: project.root });
    const message =
      '--clients must be all, claude, openai, gemini, vscode, cursor, not "claud"; did you mean `claude`?';
    expect([code, stderr.trim()]).toEqual([2, `Error: ${message}`]);
  });
});

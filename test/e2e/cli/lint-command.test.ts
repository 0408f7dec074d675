import { describe, expect, it } from 'vitest';
import { createProject } from '../../kit/projects/temporary-project.js';
import { runMxcp } from './mxcp-process.js';

const bare = (name: string) => ['tool:', `  name: ${name}`, '  source: { code: SELECT 1 }'];

describe('mxcp lint', () => {
  it('prints each finding with its place and advice, and exits with 0 if every endpoint can be served', async () => {
    const project = createProject({ 'tools/a.yml': bare('count_flights') });
    const lint = (...args: readonly string[]) => runMxcp(['lint', ...args], { cwd: project.root });
    const all = await lint();
    expect([all.code, all.stdout.split('\n').slice(0, 1), all.stdout.trimEnd().split('\n').at(-1)]).toEqual([
      0,
      [
        'warning   tools/a.yml:1:1: the tool has no description, so a model has only its name to choose it by; ' +
          'say in one or two sentences what the tool gives and when to use it',
      ],
      '0 errors, 1 warning, 3 hints',
    ]);
    const some = await lint('--severity', 'warning');
    expect([some.code, some.stdout.trimEnd().split('\n').length, some.stdout.trimEnd().split('\n').at(-1)]).toEqual([
      0,
      2,
      '0 errors, 1 warning, 3 hints (3 not shown)',
    ]);
  });

  it('prints a list as JSON, and exits with 2 if an endpoint is refused', async () => {
    const project = createProject({ 'tools/a.yml': bare('"bad name"'), 'tools/b.yml': bare('count_flights') });
    const { code, stdout } = await runMxcp(['lint', '--json-output', '--severity=warning', '-C', project.root]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      status: 'error',
      result: [
        {
          severity: 'error',
          path: 'tools/a.yml',
          location: 'tool.name',
          message: expect.stringContaining('`tool.name` must have 1 to 128 letters'),
          suggestion: null,
          line: 2,
          column: 3,
        },
        {
          severity: 'warning',
          path: 'tools/b.yml',
          location: 'tool',
          message: expect.stringContaining('the tool has no description'),
          suggestion: expect.stringContaining('one or two sentences'),
          line: 1,
          column: 1,
        },
      ],
    });
  });

  it('refuses a severity that it does not know', async () => {
    const project = createProject({ 'tools/a.yml': bare('a') });
    const { code, stderr } = await runMxcp(['lint', '--severity', 'fatal'], { cwd: project.root });
    expect([code, stderr.trim()]).toEqual([2, 'Error: --severity must be all, error, warning, info, not "fatal"']);
  });
});

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { childEnvironment } from '../../kit/child-server.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { BROKEN } from './broken-projects.js';
import { CANARIES, CANARY_ENVIRONMENT, CANARY_PROJECT, leaksIn } from './canaries.js';

const COMMAND = join(import.meta.dirname, '../../../bin/mxcp');

describe('a command', () => {
  const COMMANDS = [
    ['validate', '--json-output'],
    ['list'],
    ['run', 'tool', 'cast', '--param', `text=${CANARIES.envFile}`],
    ['run', 'tool', 'cast', '--json-output', '--param', `text=${CANARIES.unicode}`],
    ['run', 'tool', 'file', '--debug'],
    ['query', `SELECT '${CANARIES.literal}'::INTEGER`],
    ['query', '--json-output', '--debug', `SELECT '${CANARIES.literal}'::INTEGER`],
    ['serve', '--port', '99999'],
  ];

  it.each(COMMANDS)('prints nothing secret: %s %s', (...args) => {
    using project = new TemporaryProject(CANARY_PROJECT);
    const { output } = run(project, args);
    expect(leaksIn(output)).toEqual([]);
  });

  it.each(Object.entries(BROKEN))('prints nothing secret of a project with %s', (_, breakIt) => {
    using project = new TemporaryProject(CANARY_PROJECT);
    breakIt(project);
    for (const args of [['validate'], ['serve', '--json-output', '--port', '0']]) {
      const { output, status } = run(project, args);
      expect(status).not.toBe(0);
      expect(leaksIn(output)).toEqual([]);
    }
  });

  function run(project: TemporaryProject, args: readonly string[]): { output: string; status: number | null } {
    const { stdout, stderr, status } = spawnSync(process.execPath, [COMMAND, ...args], {
      cwd: project.root,
      env: childEnvironment(project, { ...CANARY_ENVIRONMENT, MXCP_ENV_FILE: project.path('service.env') }),
      encoding: 'utf8',
    });
    return { output: stdout + stderr, status };
  }
});

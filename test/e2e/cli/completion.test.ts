import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { cleanEnv, LAUNCHER, SMALL_PROJECT, temporaryFolder } from './mxcp-process.js';

const script = execFileSync(process.execPath, [LAUNCHER, 'completion', 'bash'], { encoding: 'utf8' });

/** What bash offers for the last of these words. */
function completed(words: readonly string[], cwd = '/'): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _mxcp; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...cleanEnv(cwd), PATH: `${dirname(LAUNCHER)}:${process.env['PATH']}` };
  const offered = execFileSync('bash', ['--norc', '-c', `${script}\n${ask}`], { encoding: 'utf8', cwd, env });
  return offered.split('\n').filter((line) => line !== '');
}

it.each([
  [['mxcp', 'va'], ['validate']],
  [
    ['mxcp', 'admin', 'relo'],
    ['reload', 'reloads'],
  ],
  [['mxcp', 'admin', 'sessions', ''], ['end']],
  [
    ['mxcp', 'run', ''],
    ['tool', 'resource', 'prompt'],
  ],
  [['mxcp', 'run', '-p', 'a=b', 'pr'], ['prompt']],
  [
    ['mxcp', 'serve', '--transport', 's'],
    ['streamable-http', 'stdio'],
  ],
  [
    ['mxcp', 'serve', '--sql-tools', ''],
    ['on', 'off'],
  ],
  [['mxcp', 'serve', '--no'], ['--no-admin']],
  [
    ['mxcp', 'admin', 'reload', '--d'],
    ['--definitions', '--dry-run', '--debug'],
  ],
  [
    ['mxcp', 'completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['mxcp', 'help', 'ad'], ['admin']],
] as const)('bash completes %j', (words, offered) => {
  expect(completed(words)).toEqual(offered);
});

it('bash completes the endpoints and profiles of the project', () => {
  const project = temporaryFolder(SMALL_PROJECT);
  expect(completed(['mxcp', 'run', 'tool', ''], project.path)).toEqual(['add', 'many', 'slow', 'who']);
  expect(completed(['mxcp', 'run', '-p', 'a=1', 'prompt', ''], project.path)).toEqual(['ask']);
  expect(completed(['mxcp', '-C', project.path, 'test', 'resource', 're'])).toEqual(['region']);
  expect(completed(['mxcp', 'serve', '--profile', ''], project.path)).toEqual(['dev']);
  expect(completed(['mxcp', 'run', 'tool', ''])).toEqual([]);
  project.dispose();
});

it('bash completes file names where a file belongs', () => {
  const folder = temporaryFolder({ 'report.sql': '', 'tools/add.yml': '' });
  expect(completed(['mxcp', 'query', '--file', 'rep'], folder.path)).toEqual(['report.sql']);
  expect(completed(['mxcp', 'validate', 'to'], folder.path)).toEqual(['tools']);
  folder.dispose();
});

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { LAUNCHER, temporaryFolder } from './mxcp-process.js';

const script = execFileSync(process.execPath, [LAUNCHER, 'completion', 'bash'], { encoding: 'utf8' });

/** What bash offers for the last of these words. */
function completed(words: readonly string[], cwd = '/'): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _mxcp; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const offered = execFileSync('bash', ['--norc', '-c', `${script}\n${ask}`], { encoding: 'utf8', cwd });
  return offered.split('\n').filter((line) => line !== '');
}

it.each([
  [['mxcp', 'va'], ['validate']],
  [
    ['mxcp', 'admin', 'relo'],
    ['reload', 'reloads'],
  ],
  [
    ['mxcp', 'run', ''],
    ['tool', 'resource', 'prompt'],
  ],
  [['mxcp', 'run', '-p', 'a=b', 'pr'], ['prompt']],
  [['mxcp', 'run', 'tool', ''], []],
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

it('bash completes file names where a file belongs', () => {
  const folder = temporaryFolder({ 'report.sql': '', 'tools/add.yml': '' });
  expect(completed(['mxcp', 'query', '--file', 'rep'], folder.path)).toEqual(['report.sql']);
  expect(completed(['mxcp', 'validate', 'to'], folder.path)).toEqual(['tools']);
  folder.dispose();
});

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LAUNCHER, temporaryFolder } from '../e2e/cli/mxcp-process.js';

let folder: ReturnType<typeof temporaryFolder>;
let script: string;
beforeEach(() => {
  folder = temporaryFolder();
  script = join(folder.path, 'script');
});
afterEach(() => folder.dispose());

function writeScript(shell: string): void {
  writeFileSync(script, execFileSync(process.execPath, [LAUNCHER, 'completion', shell]));
}

it('zsh takes the script for its syntax', () => {
  writeScript('zsh');
  execFileSync('zsh', ['-n', script]);
});

it('zsh loads the script into its completion system', () => {
  writeScript('zsh');
  const load = `autoload -Uz compinit; compinit -u -d ${folder.path}/dump; source ${script}; print $_comps[mxcp]`;
  expect(execFileSync('zsh', ['-f', '-c', load], { encoding: 'utf8' })).toBe('_mxcp\n');
});

it.each([
  ['mxcp admin relo', ['reload', 'reloads']],
  ['mxcp run ', ['prompt', 'resource', 'tool']],
  ['mxcp serve --transport st', ['stdio', 'streamable-http']],
  ['mxcp admin reload --d', ['--debug', '--definitions', '--dry-run']],
])('fish completes %j', (line, offered) => {
  writeScript('fish');
  const ask = `source ${script}; complete -C ${JSON.stringify(line)}`;
  const answer = execFileSync('fish', ['--no-config', '-c', ask], { encoding: 'utf8' });
  const words = answer.split('\n').flatMap((row) => (row === '' ? [] : [row.split('\t', 1)[0]]));
  expect(words.filter((word) => offered.some((each) => each === word)).sort()).toEqual([...offered].sort());
});

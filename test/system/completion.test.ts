import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cleanEnv, LAUNCHER, SMALL_PROJECT, temporaryFolder, waitFor } from '../e2e/cli/mxcp-process.js';

let folder: ReturnType<typeof temporaryFolder>;
let script: string;
beforeEach(() => {
  folder = temporaryFolder(SMALL_PROJECT);
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
  ['mxcp run tool ', ['add', 'many', 'slow', 'who']],
  ['mxcp run -p a=1 prompt ', ['ask']],
  ['mxcp run tool add ', []],
  ['mxcp -C /tmp run tool ', []],
  ['mxcp list --profile ', ['dev']],
])('fish completes %j, and offers nothing else', (line, offered) => {
  writeScript('fish');
  const ask = `source ${script}; complete -C ${JSON.stringify(line)}`;
  const options = { encoding: 'utf8', cwd: folder.path, env: environment() } as const;
  const answer = execFileSync('fish', ['--no-config', '-c', ask], options);
  const words = answer.split('\n').flatMap((row) => (row === '' ? [] : [row.split('\t', 1)[0]]));
  expect(words.sort()).toEqual([...offered].sort());
});

function environment(): NodeJS.ProcessEnv {
  return { ...cleanEnv(folder.path), PATH: `${dirname(LAUNCHER)}:${process.env['PATH']}`, TERM: 'xterm' };
}

/** Python gives zsh a terminal, in which it completes as a person sees it. */
const ON_A_TERMINAL = 'import pty; pty.spawn(["zsh", "-f", "-i"])';

it.each([
  ['mxcp run prompt ', 'mxcp run prompt ask'],
  ['mxcp test tool wh', 'mxcp test tool who'],
  ['mxcp serve --profile ', 'mxcp serve --profile dev'],
])('zsh completes %j with a name of the project', async (line, completed) => {
  writeScript('zsh');
  const shell = spawn('python3', ['-c', ON_A_TERMINAL], {
    cwd: folder.path,
    env: environment(),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(shell, 'close');
  let screen = '';
  shell.stdout.on('data', (chunk) => (screen += String(chunk)));
  shell.stdin.write(`autoload -Uz compinit; compinit -u -d ${folder.path}/dump; source ${script}; print lo''aded\n`);
  await waitFor(() => screen.includes('loaded'), 'zsh to load the script');
  shell.stdin.write(`${line}\t`);
  await waitFor(() => screen.includes(completed), `zsh to complete: ${screen}`);
  shell.stdin.end('\u0015exit\n');
  await ended;
});

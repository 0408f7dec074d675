import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cleanEnv, LAUNCHER, MxcpProcess, SMALL_PROJECT, temporaryFolder } from './mxcp-process.js';

/** Python gives the command a terminal; what it writes there comes out of Python's own standard output. */
const ON_A_TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
const ESCAPE = String.fromCharCode(27);

let project: ReturnType<typeof temporaryFolder>;
let server: MxcpProcess;
let socket: string;

beforeAll(async () => {
  project = temporaryFolder({ ...SMALL_PROJECT, 'tools/broken.yml': 'mxcp: 1\ntool: [\n' });
  socket = join(project.path, 'admin.sock');
  const args = ['serve', '--port', '0', '--ignore-errors', '--admin-socket', socket];
  server = new MxcpProcess(args, { cwd: project.path });
  await server.url();
});

afterAll(async () => {
  server.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
  project.dispose();
});

async function onTerminal(...args: readonly string[]): Promise<string> {
  const command = ['-c', ON_A_TERMINAL, process.execPath, LAUNCHER, ...args];
  const env = { ...cleanEnv(project.path), TERM: 'xterm-256color' };
  const child = spawn('python3', command, { cwd: project.path, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await once(child, 'close');
  return text;
}

it.each([
  ['a reload', ['admin', 'reload']],
  ['a failed reload', ['admin', 'reload', '--definitions']],
  ['the list of reloads', ['admin', 'reloads']],
  ['the status', ['admin', 'status']],
  ['the endpoints', ['admin', 'endpoints']],
  ['a validation', ['validate']],
  ['a run of tests', ['test']],
])('%s has colours, and none of them as text', async (_what, args) => {
  const isAdmin = args[0] === 'admin';
  const text = await onTerminal(...args, ...(isAdmin ? ['--socket', socket] : []));
  expect(text).toContain(`${ESCAPE}[`);
  expect(text).not.toMatch(/\\u001b|\\x1b/i);
});

it('the list of reloads has the beginnings of ids, which fit on a terminal', async () => {
  const text = await onTerminal('admin', 'reloads', '--limit', '1', '--socket', socket);
  const [, row = ''] = stripVTControlCharacters(text).split(/\r?\n/);
  expect(row).toMatch(/^[0-9a-f]{8} +cli +\w+ +\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z/);
});

it('the list of endpoints has its errors below the table', async () => {
  const lines = stripVTControlCharacters(await onTerminal('list')).split(/\r?\n/);
  expect(lines[0]).toMatch(/^KIND +NAME +PATH +ERROR +URI$/);
  expect(lines.find((line) => line.includes('tools/broken.yml'))).toMatch(/ see below$/);
  expect(lines.at(-2)).toMatch(/^tools\/broken\.yml:\d+:\d+: /);
});

it.each([
  ['a result', `SELECT chr(27) || '[2J' || chr(155) AS a`, '[2J'],
  ['an error', `SELECT error(chr(27) || '[2J') AS a`, '\\u001b[2J'],
])('%s of a tool cannot move the cursor', async (_what, sql, shown) => {
  const other = temporaryFolder({
    ...SMALL_PROJECT,
    'tools/escape.yml': `mxcp: 1\ntool:\n  name: escape\n  description: x\n  source:\n    code: ${sql}\n`,
  });
  const text = await onTerminal('-C', other.path, 'run', 'tool', 'escape');
  other.dispose();
  expect(text).toContain(shown);
  expect(text).not.toContain(`${ESCAPE}[2J`);
  expect(text).not.toContain('\u009b');
});

it('a query of endless rows ends after those that are shown, in the order of its columns', async () => {
  const other = temporaryFolder(SMALL_PROJECT);
  try {
    const sql = `SELECT 'x' AS name, i AS "2021", 2 AS "2020" FROM range(100000000000) t(i)`;
    const lines = stripVTControlCharacters(await onTerminal('-C', other.path, 'query', sql))
      .trimEnd()
      .split(/\r?\n/);
    expect(lines.find((line) => line.startsWith('name'))).toMatch(/^name +2021 +2020$/);
    expect(lines.at(-2)).toMatch(/^x +999 +2$/);
    expect(lines.at(-1)).toBe('the first 1000 rows; a pipe or `--json-output` gets all of them');
  } finally {
    other.dispose();
  }
});

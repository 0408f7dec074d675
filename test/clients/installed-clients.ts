import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { installLocked, nodeFrom } from '../kit/locked-packages.js';
import { ABILITIES, type Ability, type ClientRun } from './client-table.js';

const DRIVERS = join(import.meta.dirname, 'drivers');
/** A tool of the test takes longer than this only when it hangs. */
const LIMIT_MS = 240_000;

export interface Client {
  readonly name: string;
  /** Uses the server at this URL. */
  readonly run: (url: string) => Promise<ClientRun>;
}

/** Installs all clients at their pinned versions. Needs npm, Python and Go, and says which of them is missing. */
export function installClients(): readonly Client[] {
  const packages = installLocked(join(import.meta.dirname, 'packages'), 'mxcp-clients');
  cpSync(DRIVERS, packages, { recursive: true });
  const python = (requirement: string) => installPython(packages, requirement);
  const [mcp2, mcp1, fastmcp] = [python('mcp==2.3.0'), python('mcp==1.30.0'), python('fastmcp==4.2.3')];
  const go = buildGo(packages);
  const inspector = [nodeFrom(22), findInspector()];
  const driver = (name: string, ...command: readonly string[]): Client => ({
    name,
    run: (url) => runDriver(name, packages, [...command, url]),
  });
  const { execPath: node } = process;
  return [
    driver('Python SDK 2.3.0', mcp2, 'python_2.py', 'auto'),
    driver('Python SDK 2.3.0', mcp2, 'python_2.py', 'legacy'),
    driver('Python SDK 1.30.0', mcp1, 'python_1.py'),
    driver('TypeScript SDK 2.4.0', node, 'typescript_2.mjs', 'auto'),
    driver('TypeScript SDK 2.4.0', node, 'typescript_2.mjs', 'legacy'),
    driver('TypeScript SDK 1.32.2', node, 'typescript_1.mjs'),
    driver('Go SDK 1.8.0', go, '2026-07-28'),
    driver('Go SDK 1.8.0', go, '2025-11-25'),
    driver('FastMCP 4.2.3', fastmcp, 'fastmcp_4.py', 'auto'),
    driver('FastMCP 4.2.3', fastmcp, 'fastmcp_4.py', 'legacy'),
    { name: 'Inspector 2.12.0, command line', run: (url) => runInspector(inspector, packages, url) },
  ];
}

/** A virtual environment with one package. Returns its Python. */
function installPython(folder: string, requirement: string): string {
  const environment = join(folder, requirement.replace('==', '-'));
  const python = join(environment, 'bin/python');
  const isComplete = join(environment, 'complete');
  if (existsSync(isComplete)) return python;
  execFileSync('python3', ['-m', 'venv', '--clear', environment], { stdio: 'inherit' });
  const options = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement];
  execFileSync(python, options, { stdio: 'inherit' });
  mkdirSync(isComplete);
  return python;
}

function buildGo(folder: string): string {
  const program = join(folder, 'go-client');
  execFileSync('go', ['build', '-o', program, '.'], { cwd: join(folder, 'go_sdk'), stdio: 'inherit' });
  return program;
}

/** By npx, because `npm ci` of npm 11 refuses each lock file that names an optional package of the Inspector, which does not exist. */
function findInspector(): string {
  const options = ['-y', '-p', '@modelcontextprotocol/inspector@2.12.0', '-c', 'command -v mcp-inspector'];
  return execFileSync('npx', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/** The last line of a driver is its report. */
async function runDriver(client: string, folder: string, command: readonly string[]): Promise<ClientRun> {
  const { output } = await execute(folder, command);
  const line = output.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) throw new Error(`${command.join(' ')} reported nothing:\n${output}`);
  // The drivers are part of the test; what is missing in a report differs from the table.
  const report = JSON.parse(line) as Record<Ability, boolean> & { protocol: string; errors: object };
  if (Object.keys(report.errors).length > 0) process.stderr.write(`${client}: ${JSON.stringify(report.errors)}\n`);
  const abilities = Object.fromEntries(Object.keys(ABILITIES).map((name) => [name, report[name as Ability]]));
  return { client, protocol: report.protocol, abilities };
}

/** The Inspector makes one request for each process, so there is nothing that it could be notified of. */
async function runInspector(program: readonly string[], folder: string, url: string): Promise<ClientRun> {
  const command = [...program, '--cli', url, '--method'];
  const request = (...args: readonly string[]) => execute(folder, [...command, ...args]);
  const tool = (name: string) => request('tools/call', '--tool-name', name);
  const lists = await Promise.all(
    ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'].map((method) => request(method)),
  );
  const wanted = ['test_simple_text', 'test://static-text', 'test://template/{id}/data', 'test_simple_prompt'];
  const failure = await tool('test_error_handling');
  const prompt = await request(
    'prompts/get',
    '--prompt-name',
    'test_prompt_with_arguments',
    '--prompt-args',
    'arg1=a',
    'arg2=b',
  );
  return {
    client: 'Inspector 2.12.0, command line',
    protocol: '2025-11-25',
    abilities: {
      lists: lists.every(({ output, code }, index) => code === 0 && output.includes(`"${wanted[index]}"`)),
      calls: (await tool('test_simple_text')).output.includes('This is a simple text'),
      failures: failure.code === 5 && failure.output.includes('intentionally'),
      large: (await tool('large')).output.includes('x'.repeat(1_000_000)),
      reads: (await request('resources/read', '--uri', 'test://static-text')).output.includes('static text resource'),
      gets: prompt.output.includes("arg1='a'"),
    },
  };
}

function execute(
  folder: string,
  [program = '', ...args]: readonly string[],
): Promise<{ output: string; code: unknown }> {
  const options = {
    cwd: folder,
    timeout: LIMIT_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, HOME: folder },
  };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ output: stdout === '' ? stderr : stdout, code: error === null ? 0 : error.code }),
    );
  });
}

import { existsSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/cli/parse-command-line.js';
import { PROGRAM } from '../../../src/cli/command-table.js';
import { createOutput } from '../../../src/cli/terminal/output.js';
import { toMxcpError } from '../../../src/errors/index.js';
import { createProject } from '../../kit/projects/temporary-project.js';

const tool = (parameters: string) => [
  'tool:',
  '  name: sales',
  '  description: Sums the sales of a region.',
  `  parameters: [${parameters}]`,
  '  source: { code: SELECT 1 AS n }',
];
const REGION = '{ name: region, type: string }';
const LIMIT = '{ name: limit, type: integer, default: 10 }';
const FILE = 'mxcp-contract.json';

/** Runs the command in this process, as `main` does. */
async function runContract(cwd: string, args: readonly string[]) {
  const ran = { code: 0, stdout: '', stderr: '' };
  const write = (text: string): void => void (ran.stdout += text);
  const output = {
    ...createOutput(),
    isTerminal: false,
    write,
    print: (line: string) => write(`${line}\n`),
    json: (value: unknown) => write(JSON.stringify(value)),
  };
  const line = parseCommandLine(['contract', ...args], output);
  if (line.kind !== 'invocation') throw new Error(`mxcp contract ${args.join(' ')} was not understood`);
  const early = { hangups: 0, stops: 0, stopSignal: undefined, onHangup: ignore, onReopen: ignore, onStop: ignore };
  const context = {
    env: {},
    cwd,
    output,
    program: PROGRAM,
    early: { ...early, streams: { input: 0, output: 1 }, threads: [] },
  };
  const before = process.cwd();
  try {
    const { run } = await line.load();
    ran.code = await run(line.args, line.options, context);
  } catch (error) {
    const { exitCode, message } = toMxcpError(error);
    Object.assign(ran, { code: exitCode, stderr: message });
  } finally {
    process.chdir(before);
  }
  return ran;
}

const ignore = (): void => {};

function createSales(parameters = REGION) {
  const project = createProject({ 'tools/sales.yml': tool(parameters) });
  return { project, contract: (...args: readonly string[]) => runContract(project.root, args) };
}

describe('mxcp contract', () => {
  it('writes the file once, and the same text to standard output', async () => {
    const { project, contract } = createSales();
    const written = await contract();
    expect([written.code, written.stdout]).toEqual([
      0,
      `wrote ${project.path(FILE)} (1 tool, 0 resources, 0 prompts)\n`,
    ]);
    const text = readFileSync(project.path(FILE), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ mxcpContract: 1, tools: [{ name: 'sales' }], resources: [], prompts: [] });
    expect((await contract()).stdout).toContain('unchanged: ');
    expect((await contract('-o', '-')).stdout).toBe(text);
    expect(readdirSync(project.root).sort()).toEqual([FILE, 'mxcp-site.yml', 'tools']);
    const json = await contract('--output', 'other.json', '--json-output');
    expect(JSON.parse(json.stdout)).toEqual({
      status: 'ok',
      result: { status: 'ok', path: project.path('other.json'), changed: true, tools: 1, resources: 0, prompts: 0 },
    });
  });

  it('keeps a symbolic link, and writes to what is no file', async () => {
    const { project, contract } = createSales();
    project.write('shared.json', 'old');
    symlinkSync('shared.json', project.path(FILE));
    expect((await contract()).code).toBe(0);
    expect(readFileSync(project.path('shared.json'), 'utf8')).toContain('"mxcpContract": 1');
    expect((await contract('-o', '/dev/null')).code).toBe(0);
  });

  it('does not write the contract of a project with errors, and leaves nothing behind where it cannot write', async () => {
    const { project, contract } = createSales();
    const failed = await contract('-o', 'missing/contract.json');
    expect([failed.code, failed.stderr]).toEqual([3, expect.stringContaining('cannot write')]);
    const folder = await contract('-o', 'tools');
    expect([folder.code, readdirSync(project.root).sort()]).toEqual([3, ['mxcp-site.yml', 'tools']]);
    project.write('tools/other.yml', ['tool:', '  name: a b']);
    const broken = await contract();
    expect([broken.code, broken.stderr, existsSync(project.path(FILE))]).toEqual([
      2,
      expect.stringContaining('tools/other.yml:2:3'),
      false,
    ]);
  });
});

describe('mxcp contract --check', () => {
  it('exits with 0 for what breaks no client, and with 1 for the rest', async () => {
    const { project, contract } = createSales();
    await contract();
    const same = await contract('--check');
    expect([same.code, same.stdout]).toEqual([0, 'nothing changed for clients\n']);
    project.write('tools/sales.yml', tool(`${REGION}, ${LIMIT}`));
    const compatible = await contract('--check');
    expect([compatible.code, compatible.stdout]).toEqual([
      0,
      'compatible  tool "sales": parameter "limit" is new and optional\n' +
        '0 breaking changes, 1 compatible change\n' +
        '`mxcp contract` writes the file anew\n',
    ]);
    expect((await contract('--check', '--strict')).code).toBe(1);
    project.write('tools/sales.yml', tool('{ name: area, type: integer }'));
    const breaking = await contract('--check');
    expect([breaking.code, breaking.stdout]).toEqual([
      1,
      'breaking    tool "sales": parameter "area" is new and required; calls without it are refused\n' +
        'breaking    tool "sales": parameter "region" was removed; calls that give it are refused or do something else\n' +
        '2 breaking changes, 0 compatible changes\n' +
        'if this is intended, `mxcp contract` writes the file anew\n',
    ]);
  });

  it('exits with 2 without a contract to compare with', async () => {
    const { project, contract } = createSales();
    const missing = await contract('--check');
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringContaining('`mxcp contract` writes it, and you commit it'),
    ]);
    project.write(FILE, '{}');
    const invalid = await contract('--check');
    expect([invalid.code, invalid.stderr]).toEqual([2, expect.stringContaining('is not a contract: `mxcpContract`')]);
    expect((await contract('--strict')).code).toBe(2);
  });
});

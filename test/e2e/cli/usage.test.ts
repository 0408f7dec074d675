import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanEnv, runMxcp, temporaryFolder } from './mxcp-process.js';

describe('help', () => {
  it('lists commands and exit codes', async () => {
    const { stdout, code } = await runMxcp(['--help']);
    for (const name of ['init', 'serve', 'validate', 'list', 'run', 'query', 'admin', 'completion']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    }
    expect(stdout).toContain('Exit codes:');
    expect(code).toBe(0);
  });

  it('explains a group of commands', async () => {
    const asked = await runMxcp(['help', 'admin']);
    expect(asked.stdout).toContain('reload [options]');
    expect(asked.code).toBe(0);
    const bare = await runMxcp(['admin']);
    expect(bare.stderr).toContain('reload [options]');
    expect(bare.code).toBe(2);
  });

  it('is what a bare mxcp prints, as misuse', async () => {
    const { stderr, code } = await runMxcp([]);
    expect(stderr).toContain('Usage: mxcp');
    expect(code).toBe(2);
  });

  it('suggests the nearest command and option', async () => {
    const command = await runMxcp(['valdate']);
    expect(command.stderr).toContain('did you mean `validate`?');
    expect(command.code).toBe(2);
    const option = await runMxcp(['serve', '--prot', '1']);
    expect(option.stderr).toContain('did you mean `--port`?');
    expect(option.code).toBe(2);
  });

  it('prints the version', async () => {
    expect((await runMxcp(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('says how to get a project where there is none', async () => {
    const folder = temporaryFolder();
    const { stderr, code } = await runMxcp(['list'], { cwd: folder.path });
    expect(stderr).toContain('no mxcp-site.yml in');
    expect(stderr).toContain('`mxcp init`');
    expect(code).toBe(2);
    folder.dispose();
  });
});

describe('misuse, where JSON was asked for', () => {
  it.each([
    ['an argument that is none of the choices', ['run', 'tol', 'x', '--json-output']],
    ['an option that does not exist', ['query', 'SELECT 1', '--json-output', '--bogus']],
    ['an option without its value, before the one that asks for JSON', ['run', '--json-output', 'tool', 'x', '-p']],
    ['a command that does not exist', ['qery', '--json-output']],
  ])('is an answer as any failure is: %s', async (_what, args) => {
    const { code, stdout, stderr } = await runMxcp(args);
    const answer = JSON.parse(stdout);
    expect(answer).toEqual({ status: 'error', error: 'usage', message: expect.any(String), code: 'usage' });
    expect(answer.message).not.toMatch(/^[Ee]rror:|\n|--help/);
    expect(stderr).toMatch(/^Error: /);
    expect(code).toBe(2);
  });

  it.each([
    [['serve', '--json-output', '--prot', '1'], 'unknown option `--prot`; did you mean `--port`?'],
    [['admin', 'status', '--json', '--bogus'], 'unknown option `--bogus`'],
    [['admin', 'statsu', '--json'], 'unknown command "statsu"; did you mean `status`?'],
    [['statsu', '--help', '--json-output'], 'unknown command "statsu"'],
  ])('has one form for all commands: %j', async (args, message) => {
    const { stdout, code } = await runMxcp(args);
    expect(JSON.parse(stdout)).toEqual({ status: 'error', error: 'usage', message, code: 'usage' });
    expect(code).toBe(2);
  });

  it('is not asked for JSON by arguments after `--`', async () => {
    const { code, stdout } = await runMxcp(['query', '--bogus', '--', '--json-output']);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

/** Which files a command loads, as V8's own coverage report lists them. */
async function loadedBy(args: readonly string[]): Promise<readonly string[]> {
  const folder = temporaryFolder();
  const env = { ...cleanEnv(folder.path), NODE_V8_COVERAGE: join(folder.path, 'coverage') };
  await runMxcp(args, { cwd: folder.path, env });
  const reports = readdirSync(join(folder.path, 'coverage'));
  const urls = reports.flatMap((name) => {
    const report = JSON.parse(readFileSync(join(folder.path, 'coverage', name), 'utf8'));
    return report.result.map(({ url }: { url: string }) => url);
  });
  folder.dispose();
  return urls;
}

describe('loading', () => {
  it.each([['admin status'], ['admin reload'], ['serve --help'], ['completion bash']])(
    'keeps databases, MCP, YAML and schemas out of %s',
    async (command) => {
      const loaded = await loadedBy(command.split(' '));
      expect(loaded.some((url) => url.endsWith('/dist/command/main.js'))).toBe(true);
      const heavy =
        /@duckdb|packages\/(duckdb|modelcontextprotocol|yaml|zod|ajv|pino)|command\/(serve|project-loading)/;
      expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
    },
  );

  it('keeps MCP and the admin API out of the commands that work on a project', async () => {
    const loaded = await loadedBy(['query', 'SELECT 1']);
    expect(loaded.some((url) => url.endsWith('/packages/duckdb-node-api.js'))).toBe(true);
    expect(loaded.filter((url) => /packages\/modelcontextprotocol|command\/serve/.test(url))).toEqual([]);
  });
});

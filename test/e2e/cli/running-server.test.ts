import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownerFilePath, readOwnerFile } from '../../../src/admin/client/owner-file.js';
import { AdminClient } from '../../../src/admin/client/index.js';
import { type Finished, MxcpProcess, runMxcp, SMALL_PROJECT, temporaryFolder } from './mxcp-process.js';

const PYTHON = {
  'tools/twice.yml':
    'mxcp: 1\ntool:\n  name: twice\n  language: python\n  parameters: [{ name: n, type: integer }]\n  source: { file: ../python/twice.py }\n',
  'python/twice.py':
    'from mxcp.runtime import db\n\ndef twice(n):\n    if n < 0:\n        raise ValueError("negative")\n    return db.execute("SELECT $n * 2 AS n, get_username() AS who", {"n": n})[0]\n',
};
const DATABASE = 'data/db-dev.duckdb';

let project: ReturnType<typeof temporaryFolder>;
let server: MxcpProcess;

async function serve(...args: readonly string[]): Promise<void> {
  server = new MxcpProcess(['serve', '--port', '0', ...args], { cwd: project.path });
  await server.url();
}

beforeEach(() => {
  const site = `mxcp: 1\nproject: small\nprofile: dev\nprofiles: { dev: { duckdb: { path: ${DATABASE} } } }\n`;
  project = temporaryFolder({ ...SMALL_PROJECT, ...PYTHON, 'mxcp-site.yml': site });
});
afterEach(async () => {
  server.kill('SIGTERM');
  await server.ended;
  project.dispose();
});

const mxcp = (...args: readonly string[]): Promise<Finished> => runMxcp(args, { cwd: project.path });
const owner = () => readOwnerFile(join(project.path, DATABASE));
const client = (token?: string) =>
  new AdminClient({ socketPath: join(project.path, 'mxcp.sock'), ...(token !== undefined && { token }) });

describe('while a server has the database open', () => {
  beforeEach(() => serve('--admin-socket', './mxcp.sock'));

  it('`mxcp run` calls the endpoints of the server, as the user that it is given', async () => {
    const add = await mxcp('run', 'tool', 'add', '-p', 'a=20', '-p', 'b=22');
    expect(JSON.parse(add.stdout)).toEqual({ sum: 42 });
    expect(add.stderr).toBe(
      `Note: the running server (process ${server.pid}) answered from generation 1, because it has the database open\n`,
    );
    const twice = await mxcp('run', 'tool', 'twice', '-p', 'n=4', '--user-context', '{"username":"ada"}');
    expect(JSON.parse(twice.stdout)).toEqual({ n: 8, who: 'ada' });
    const who = await mxcp('run', 'tool', 'who', '--request-headers', '{"X-Team":"blue"}');
    expect(JSON.parse(who.stdout)).toEqual({ name: null, team: 'blue' });
    const region = await mxcp('run', 'resource', 'region', '-p', 'region=north');
    expect(region.stdout).toContain('north');
    const prompt = await mxcp('run', 'prompt', 'ask', '-p', 'topic=rain', '--json-output');
    expect(JSON.parse(prompt.stdout)).toMatchObject({ result: [{ prompt: 'Tell me about rain', role: 'user' }] });
  });

  it('errors are those of a call, with its exit code', async () => {
    const wrong = await mxcp('run', 'tool', 'add', '-p', 'a=x');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('"a" must be a whole number, not "x"');
    expect(await mxcp('query', 'SELECT nope')).toMatchObject({ code: 1, stdout: '' });
    const raised = await mxcp('run', 'tool', 'twice', '-p', 'n=-1');
    expect(raised).toMatchObject({ code: 1, stdout: '' });
    expect(raised.stderr).toContain('ValueError: negative');
    expect(raised.stderr).toContain('python/twice.py:5');
  });

  it('`mxcp query` runs on the database of the server, with its columns in their order', async () => {
    await mxcp('query', 'CREATE TABLE t AS SELECT 7 AS n');
    const { code, stdout } = await mxcp('query', `SELECT 'x' AS name, $a AS "2021", n AS "2020" FROM t`, '-p', 'a=5');
    expect(stdout).toBe('name\t2021\t2020\nx\t5\t7\n');
    expect(code).toBe(0);
    const many = await mxcp('query', 'FROM range(5000)');
    expect(many.stdout.trim().split('\n')).toHaveLength(5001);
  });

  it('`mxcp validate` checks what is on disk, and nothing of it is served', async () => {
    writeFileSync(join(project.path, 'tools/new.yml'), 'mxcp: 1\ntool: { name: new, source: { code: SELECT nope } }\n');
    const { code, stdout, stderr } = await mxcp('validate');
    expect(stdout).toMatch(/^error +tools\/new\.yml:2:\d+: .*Referenced column "nope"/m);
    expect(stdout).toMatch(/^ok +tools\/twice\.yml$/m);
    expect(stdout).toContain('8 files: 7 ok, 1 with errors');
    expect(stderr).toBe(`Note: the running server (process ${server.pid}) checked the project\n`);
    expect(code).toBe(2);
    expect((await client().status()).endpoints.tools).toBe(5);
  });

  it('a change that the server has not read is named, with the command that applies it', async () => {
    const socket = join(project.path, 'mxcp.sock');
    writeFileSync(
      join(project.path, 'tools/new.yml'),
      'mxcp: 1\ntool: { name: new, source: { code: SELECT 1 AS n } }\n',
    );
    const command = `mxcp admin reload --definitions --socket ${socket}`;
    const missing = await mxcp('run', 'tool', 'new');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain(`does not serve this endpoint: \`${command}\` applies the files on disk`);
    const add = join(project.path, 'tools/add.yml');
    const other = await mxcp('run', 'tool', 'add', '-p', 'a=1');
    expect(other.stderr).not.toContain('on disk');
    writeFileSync(add, `${readFileSync(add, 'utf8')}\n`);
    const stale = await mxcp('run', 'tool', 'add', '-p', 'a=1');
    expect(stale.stderr).toContain(
      `it has not read the changes on disk (tools/add.yml: changed); \`${command}\` applies`,
    );
    expect((await mxcp(...command.split(' ').slice(1))).code).toBe(0);
    expect(JSON.parse((await mxcp('run', 'tool', 'new')).stdout)).toEqual([{ n: 1 }]);
  });

  it('a file that the server read and refused is named with its problem, and not called unread', async () => {
    const problem = 'Referenced column "nope"';
    writeFileSync(join(project.path, 'tools/add.yml'), 'mxcp: 1\ntool: { name: add, source: { code: SELECT nope } }\n');
    writeFileSync(join(project.path, 'tools/new.yml'), 'mxcp: 1\ntool: { name: new, source: { code: SELECT nope } }\n');
    const socket = ['--socket', join(project.path, 'mxcp.sock')];
    expect((await mxcp('admin', 'reload', '--definitions', ...socket)).code).toBe(1);
    const add = await mxcp('run', 'tool', 'add', '-p', 'a=20', '-p', 'b=22');
    expect(JSON.parse(add.stdout)).toEqual({ sum: 42 });
    expect(add.stderr).toContain(
      'it refused the changes on disk (tools/add.yml: changed) and serves an earlier version',
    );
    expect(add.stderr).toContain(problem);
    const fresh = await mxcp('run', 'tool', 'new');
    expect(fresh).toMatchObject({ code: 2, stdout: '' });
    expect(fresh.stderr).toMatch(/the server refused the file of tool "new":\n {2}tools\/new\.yml:2:\d+: .*"nope"/);
    const { code, stdout } = await mxcp('test', 'tool', 'add');
    expect(code).toBe(2);
    expect(stdout).toContain(problem);
    const status = (await mxcp('admin', 'status', ...socket)).stdout;
    expect(status).toContain(`refused: tools/add.yml:2:`);
    expect(status).toContain('not applied: tools/add.yml: changed, tools/new.yml: added');
    const { endpoints } = await client().endpoints();
    expect(endpoints.find(({ name }) => name === 'add')).toMatchObject({
      status: 'ok',
      error: expect.stringContaining(problem),
    });
    expect(endpoints.find(({ path }) => path === 'tools/new.yml')).toMatchObject({
      status: 'error',
      error: expect.stringContaining(problem),
    });
  });

  it('only a user who can read the owner file may act; it is gone after the server', async () => {
    const { mode } = statSync(ownerFilePath(join(project.path, DATABASE)));
    expect((mode & 0o777).toString(8)).toBe('600');
    const { token = '' } = owner() ?? {};
    for (const wrong of [undefined, '', `${token}x`, token.slice(1), 'é'.repeat(token.length)])
      await expect(client(wrong).query({ sql: 'SELECT 1' })).rejects.toMatchObject({ code: 'owner_only', status: 403 });
    expect(await client(token).query({ sql: 'SELECT 1 AS n' })).toMatchObject({ result: [{ n: 1 }], truncated: false });
    expect(await client(token).query({ sql: 'FROM range(9)', limit: 2 })).toMatchObject({
      result: [{ range: 0 }, { range: 1 }],
      truncated: true,
    });
    server.kill('SIGTERM');
    await server.ended;
    expect(existsSync(ownerFilePath(join(project.path, DATABASE)))).toBe(false);
    expect(server.stderr).not.toContain(token);
  });

  it('a file of a server that was killed is not believed', async () => {
    server.kill('SIGKILL');
    await server.ended;
    expect(owner()?.pid).toBe(server.pid);
    expect((await mxcp('run', 'tool', 'add', '-p', 'a=1')).stderr).toBe('');
    await serve();
    expect(owner()?.pid).not.toBe(server.pid);
    const { code, stderr } = await mxcp('run', 'tool', 'add', '-p', 'a=1');
    expect(code).toBe(3);
    expect(stderr).toContain('start it with `--admin-socket <path>`');
  });
});

it('beside `--ignore-errors`, the endpoints that were left out are reported as a check would', async () => {
  writeFileSync(join(project.path, 'tools/add.yml'), 'mxcp: 1\ntool: { name: add, source: { code: SELECT nope } }\n');
  await serve('--admin-socket', './mxcp.sock', '--ignore-errors');
  for (const args of [
    ['run', 'tool', 'add'],
    ['test', 'tool', 'add'],
  ]) {
    const { code, stdout, stderr } = await mxcp(...args);
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/tools\/add\.yml:2:\d+: the SQL does not compile.*"nope"/);
  }
});

it('without an admin socket, a command says what the server needs', async () => {
  await serve();
  for (const args of [['run', 'tool', 'add', '-p', 'a=1'], ['query', 'SELECT 1'], ['validate']]) {
    const { code, stdout, stderr } = await mxcp(...args);
    expect(code).toBe(3);
    expect(stdout + stderr).toContain(`process ${server.pid} has it open`);
    expect(stdout + stderr).toContain(
      'start it with `--admin-socket <path>`: this command then asks the server instead',
    );
  }
  expect(() => readFileSync(ownerFilePath(join(project.path, DATABASE)))).toThrow('ENOENT');
});

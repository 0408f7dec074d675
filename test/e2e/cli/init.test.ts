import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectClient, MxcpProcess, runMxcp, temporaryFolder } from './mxcp-process.js';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.dispose());

it('creates a project whose first tool works at once', async () => {
  const made = await runMxcp(['init', 'sales'], { cwd: folder.path });
  expect(made.code).toBe(0);
  expect(made.stdout).toContain('wrote sales/tools/hello.yml\n');
  expect(made.stdout).toMatch(
    /Next:\n {2}cd sales\n {2}mxcp validate\n {2}mxcp run .*\n {2}mxcp dev\n {2}mxcp serve\n$/,
  );
  const server = new MxcpProcess(['serve', '--port', '0'], { cwd: join(folder.path, 'sales') });
  try {
    const client = await connectClient(await server.url());
    const answer = await client.callTool({ name: 'hello', arguments: { name: 'Ada' } });
    await client.close();
    expect(answer.structuredContent).toMatchObject({ greeting: 'Hello, Ada!' });
  } finally {
    server.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  }
});

it('adds examples that are valid when it is asked to', async () => {
  const made = await runMxcp(['init', '--bootstrap', '--project', 'shop', '--profile', 'prod', '--json-output'], {
    cwd: folder.path,
  });
  expect(JSON.parse(made.stdout)).toEqual({
    status: 'ok',
    result: {
      project: 'shop',
      profile: 'prod',
      folder: folder.path,
      files: [
        '.gitignore',
        'mxcp-site.yml',
        'tools/hello.yml',
        'prompts/introduce.yml',
        'resources/settings.yml',
        'sql/setting.sql',
      ],
    },
  });
  expect(readFileSync(join(folder.path, 'mxcp-site.yml'), 'utf8')).toContain('project: "shop"');
  const checked = await runMxcp(['validate'], { cwd: folder.path });
  expect(checked.stdout).toContain('3 files: 3 ok, 0 with errors');
  const tested = await runMxcp(['test'], { cwd: folder.path });
  expect(tested.stdout).toContain('3 tests: 3 passed, 0 failed, 0 errors\n');
  expect((await runMxcp(['lint'], { cwd: folder.path })).stdout).toBe('0 errors, 0 warnings, 0 hints\n');
  const read = await runMxcp(['run', 'resource', 'database_setting', '-p', 'setting=threads'], { cwd: folder.path });
  expect(JSON.parse(read.stdout)).toMatchObject({ name: 'threads' });
});

it('adds what builds an image, to a new project and to one that exists', async () => {
  const made = await runMxcp(['init', '--docker', 'sales'], { cwd: folder.path });
  expect(made.stdout).toContain('wrote sales/Dockerfile\n');
  expect(made.stdout).toMatch(/ {2}mxcp serve\n {2}docker compose up --build\n$/);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(readFileSync(join(folder.path, 'sales', 'Dockerfile'), 'utf8')).toContain(`ARG MXCP_IMAGE=mxcp:${version}\n`);

  await runMxcp(['init', 'older'], { cwd: folder.path });
  const added = await runMxcp(['init', '--docker', '--json-output'], { cwd: join(folder.path, 'older') });
  expect(JSON.parse(added.stdout)).toEqual({
    status: 'ok',
    result: { folder: join(folder.path, 'older'), files: ['Dockerfile', 'compose.yaml', '.dockerignore'] },
  });
  const refused = await runMxcp(['init', '--docker'], { cwd: join(folder.path, 'older') });
  expect(refused.stderr).toContain('already has Dockerfile, compose.yaml, .dockerignore');
});

it('creates no project inside another one, unless it is forced to', async () => {
  await runMxcp(['init', 'outer'], { cwd: folder.path });
  const inside = join(folder.path, 'outer', 'tools');
  const refused = await runMxcp(['init', 'inner', '--json-output'], { cwd: inside });
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: 'usage', message: expect.stringContaining('`--force`') });
  expect(refused.code).toBe(2);
  expect(existsSync(join(inside, 'inner'))).toBe(false);
  expect((await runMxcp(['init', 'inner', '--force'], { cwd: inside })).code).toBe(0);
  expect((await runMxcp(['init', '--force'], { cwd: join(folder.path, 'outer') })).code).toBe(2);
});

it('overwrites nothing', async () => {
  writeFileSync(join(folder.path, 'mxcp-site.yml'), 'mine');
  const refused = await runMxcp(['init'], { cwd: folder.path });
  expect(refused.stderr).toContain('already has mxcp-site.yml');
  expect(refused.code).toBe(2);
  expect(readFileSync(join(folder.path, 'mxcp-site.yml'), 'utf8')).toBe('mine');
  expect(existsSync(join(folder.path, 'tools'))).toBe(false);
});

it('leaves nothing behind when it cannot write everything', async () => {
  writeFileSync(join(folder.path, 'resources'), 'no folder');
  const refused = await runMxcp(['init', '--bootstrap'], { cwd: folder.path });
  expect(refused.stderr).toContain('cannot write the project: ');
  expect(refused.code).toBe(2);
  expect(readdirSync(folder.path)).toEqual(['resources']);
});

it('names the folder that cannot be made, also where nothing can be', async () => {
  const refused = await runMxcp(['init', '/proc/mxcp-no-such-folder/shop'], { cwd: folder.path });
  expect(refused.stderr).toContain("mkdir '/proc/mxcp-no-such-folder'");
  expect(refused.code).toBe(2);
});

it('keeps what a server writes out of Git', async () => {
  await runMxcp(['init'], { cwd: folder.path });
  const written = [
    'audit/logs-dev-20260101T000000.jsonl',
    'data/db-dev.duckdb',
    'db.duckdb.wal',
    'data/.db-dev.duckdb.mxcp-owner',
    '.db.duckdb.mxcp-owner',
    'mxcp.sock',
    'oauth.sessions',
    'python/__pycache__/shop.cpython-311.pyc',
    'secrets/token',
  ];
  execFileSync('git', ['init', '--quiet'], { cwd: folder.path });
  const ignored = execFileSync('git', ['check-ignore', ...written], { cwd: folder.path, encoding: 'utf8' });
  expect(ignored.trim().split('\n')).toEqual(written);
});

it('keeps a .gitignore that is there', async () => {
  writeFileSync(join(folder.path, '.gitignore'), 'mine\n');
  expect((await runMxcp(['init'], { cwd: folder.path })).code).toBe(0);
  expect(readFileSync(join(folder.path, '.gitignore'), 'utf8')).toBe('mine\n');
});

it('refuses a project name that is none', async () => {
  const refused = await runMxcp(['init', 'x', '--project', 'a: b'], { cwd: folder.path });
  expect(refused.stderr).toContain('--project must be');
  expect(refused.code).toBe(2);
});

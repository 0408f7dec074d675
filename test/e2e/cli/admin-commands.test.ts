import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnv, MxcpProcess, runMxcp, SMALL_PROJECT, temporaryFolder, type Finished } from './mxcp-process.js';

const CONFIG = `mxcp: 1
projects:
  small:
    profiles:
      dev:
        secrets:
          - { name: feed, type: http, parameters: { BEARER_TOKEN: "file://token.txt" } }
`;

let project: ReturnType<typeof temporaryFolder>;
let server: MxcpProcess;
let socket: string;

beforeAll(async () => {
  project = temporaryFolder({ ...SMALL_PROJECT, 'config.yml': CONFIG, 'token.txt': 'first-token' });
  socket = join(project.path, 'admin.sock');
  const env = { ...cleanEnv(project.path), MXCP_CONFIG: join(project.path, 'config.yml') };
  server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', socket], { cwd: project.path, env });
  await server.url();
});

afterAll(async () => {
  server.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
  project.dispose();
});

afterEach(() => {
  writeFileSync(join(project.path, 'token.txt'), 'first-token');
  writeFileSync(join(project.path, 'tools/add.yml'), SMALL_PROJECT['tools/add.yml'] ?? '');
});

const admin = (...args: readonly string[]): Promise<Finished> => runMxcp(['admin', ...args, '--socket', socket]);

describe('asking a server', () => {
  it('says that it is healthy and ready', async () => {
    const health = await admin('health');
    expect(health.stdout).toMatch(/^ok at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/);
    expect(health.code).toBe(0);
    const ready = await admin('ready');
    expect(ready.stdout).toContain('database\tok\tanswers\n');
    expect(ready.stdout).toMatch(/ready\n$/);
    expect(ready.code).toBe(0);
  });

  it('prints the answer as it is with --json', async () => {
    const { stdout } = await admin('status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'ok',
      pid: server.pid,
      endpoints: { tools: 4, resources: 1, prompts: 1 },
    });
  });

  it('takes it out of rotation and back, with exit codes', async () => {
    const drained = await admin('drain', '--wait', '20s');
    expect([drained.code, drained.stdout]).toEqual([
      0,
      expect.stringMatching(/^out of rotation since \S+: new calls are refused, no calls are left\n$/),
    ]);
    const ready = await admin('ready');
    expect([ready.code, ready.stdout]).toEqual([1, expect.stringContaining('rotation\tfail\tout of rotation since ')]);
    expect((await admin('status')).stdout).toMatch(/^out of rotation since: \d/m);
    const resumed = await admin('resume', '--json');
    expect(JSON.parse(resumed.stdout)).toEqual({ status: 'in_rotation', draining_since: null, active_requests: 0 });
    expect((await admin('ready')).code).toBe(0);
    const wrong = await admin('drain', '--wait', 'soon');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('--wait must be a time such as 30s')]);
  });

  it('names the option, not the field of the request, when a level or a time is wrong', async () => {
    const results = await Promise.all([
      admin('loglevel', 'loud'),
      admin('loglevel', 'default', '--for', '3m'),
      admin('loglevel', 'debug', '--for', 'soon'),
      admin('loglevel', 'debug', '--for', '25h'),
      admin('events', '--types', 'foo'),
      admin('trace', '--slower-than', 'soon'),
      admin('events', '--since-id', '0'),
    ]);
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual([
      [2, expect.stringContaining('unknown log level "loud"; expected debug, info, warn, error, default')],
      [2, expect.stringContaining('`--for` cannot be combined with `default`')],
      [2, expect.stringContaining('--for must be a time such as 90s')],
      [2, expect.stringContaining('at most 24h, not "25h"')],
      [2, expect.stringContaining('`--types` has no event "foo"; there are reload.')],
      [2, expect.stringContaining('--slower-than must be a time such as 30s')],
      [2, expect.stringContaining('`--since-id` must be the `id` of an event')],
    ]);
  });

  it('prints status, configuration and endpoints for a person', async () => {
    expect((await admin('status')).stdout).toContain('endpoints: 4 tools, 1 resource, 1 prompt\n');
    const config = await admin('config');
    expect(config.stdout).toContain('project: small (profile dev)\n');
    expect(config.stdout).toContain('file://token.txt\tfile\t');
    expect(config.stdout).not.toContain('first-token');
    expect((await admin('endpoints')).stdout).toContain('ok\ttool\tadd\ttools/add.yml\t\n');
  });

  it('shows that an earlier version of a refused file is served', async () => {
    const path = join(project.path, 'tools/add.yml');
    const sound = readFileSync(path);
    writeFileSync(path, 'tool: {}\n');
    expect((await admin('reload', '--definitions')).code).not.toBe(0);
    expect((await admin('endpoints')).stdout).toMatch(/^ok \(earlier version\)\ttool\tadd\ttools\/add.yml\t.*missing/m);
    writeFileSync(path, sound);
    expect((await admin('reload', '--definitions')).code).toBe(0);
  });

  it('prints the metrics as a scrape reads them, all or those with a prefix, and as JSON', async () => {
    const all = await admin('metrics');
    expect(all.stdout).toMatch(/^# HELP mxcp_build_info [^]*\nmxcp_ready 1\n/);
    const some = await admin('metrics', 'mxcp_endpoints');
    expect(some.stdout).toMatch(
      /^# HELP mxcp_endpoints .*\n# TYPE mxcp_endpoints gauge\nmxcp_endpoints\{kind="tool"\} 4\n/,
    );
    expect(some.stdout).not.toContain('mxcp_ready');
    const { stdout } = await admin('metrics', 'mxcp_ready', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ metrics: [{ name: 'mxcp_ready', samples: [{ value: 1 }] }] });
    const none = await admin('metrics', 'absent');
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no metric begins with "absent"')]);
  });

  it('shows the machine and the process', async () => {
    const all = await admin('system');
    expect(all.stdout).toMatch(/^memory total: [\d.]+ [KMGT]iB$/m);
    expect(all.stdout).toMatch(/^disk of the database: .* free \(/m);
    expect(all.stdout).toContain(`process pid: ${server.pid}\n`);
    const part = await admin('system', 'process', '--json');
    expect(JSON.parse(part.stdout)).toMatchObject({ pid: server.pid, num_threads: expect.any(Number) });
    expect((await admin('system', 'moon')).code).toBe(2);
  });

  it('finds the server of a project, in its folder and by its name', async () => {
    const here = await runMxcp(['admin', 'status'], { cwd: join(project.path, 'tools') });
    expect(here.stdout).toContain(`admin socket: ${socket}`);
    const named = await runMxcp(['admin', 'status', '-C', project.path], { cwd: '/' });
    expect(named.stdout).toContain(`pid: ${server.pid}`);
    const missing = await runMxcp(['admin', 'status', '-C', join(project.path, 'nope')], { cwd: '/' });
    expect(missing.stderr).toContain('which is not a folder');
    expect(missing.code).toBe(2);
  });

  it('finds the socket through the environment', async () => {
    const env = { ...cleanEnv(project.path), MXCP_ADMIN_SOCKET: socket };
    expect((await runMxcp(['admin', 'health'], { env })).code).toBe(0);
  });
});

describe('reloading', () => {
  it('shows what changed, the new generation, and the stages if they are asked for', async () => {
    const quick = await admin('reload');
    expect(quick.stdout).not.toMatch(/^load /m);
    writeFileSync(join(project.path, 'token.txt'), 'second-token');
    const { stdout, code } = await admin('reload', '--stages');
    expect(stdout).toMatch(
      /^load +success.*\nresolve +success.*\nbuild +success.*\ncheck +success.*\nswap +success.*\ndrain +success.*\ndispose +success/,
    );
    expect(stdout).toMatch(/^file:\/\/token\.txt\tchanged\t/m);
    expect(stdout).toMatch(/reloaded in \d+ ms: generation \d+ -> \d+\n$/);
    expect(stdout).not.toContain('second-token');
    expect(code).toBe(0);
  });

  it('says why a reload failed, where, and answers 1', async () => {
    rmSync(join(project.path, 'token.txt'));
    const { stdout, code } = await admin('reload');
    expect(stdout).toContain(
      'reload failed at resolve (reference_unresolved); the previous configuration is still active\n',
    );
    expect(stdout).toMatch(/config\.yml:7:\d+: .*token\.txt/);
    expect(code).toBe(1);
    const status = await admin('status');
    expect(status.stdout).toMatch(/^last reload: error at .*token\.txt/m);
    const config = await admin('config');
    expect(config.stdout).toMatch(/^last rejected: .*config\.yml:7:.*$/m);
    expect(config.stdout).not.toContain(String.raw`\n`);
    expect(status.code).toBe(0);
  });

  it('checks new definitions without activating them', async () => {
    writeFileSync(join(project.path, 'tools/add.yml'), 'mxcp: 1\ntool:\n  nam: add\n');
    const tried = await admin('reload', '--dry-run', '--definitions');
    expect(tried.stdout).toMatch(/tools\/add\.yml:3:3: /);
    expect(tried.code).toBe(1);
    const plain = await admin('reload');
    expect(plain.stdout).toMatch(
      /reloaded in .*\nBut changed endpoint files were not read: tools\/add\.yml: changed\. `--definitions` reads them too\n$/,
    );
    expect(plain.code).toBe(0);
  });

  it('says of a dry run that it would succeed', async () => {
    const { stdout, code } = await admin('reload', '--dry-run');
    expect(stdout).toContain('a reload would succeed\n');
    expect(code).toBe(0);
  });

  it('only asks with --no-wait, and the record can be read later', async () => {
    const asked = JSON.parse((await admin('reload', '--no-wait', '--json')).stdout);
    expect(asked.status).toBe('reload_initiated');
    await admin('reload');
    const record = await admin('reloads', asked.reload_request_id.slice(0, 8));
    expect(record.stdout).toMatch(/^trigger: cli$/m);
    expect(record.code).toBe(0);
    const list = await admin('reloads', '--limit', '2');
    expect(list.stdout.trimEnd().split('\n')).toHaveLength(3);
  });

  it('says in JSON why a reload failed', async () => {
    rmSync(join(project.path, 'token.txt'));
    const { stdout, code } = await admin('reload', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'error', error: { stage: 'resolve', line: 7 } });
    expect(code).toBe(1);
  });
});

describe('mistakes', () => {
  it('says what to do when there is no socket, and answers 3', async () => {
    const missing = await runMxcp(['admin', 'health', '--json', '--socket', join(project.path, 'no.sock')]);
    expect(missing.stderr).toContain('there is no admin socket at');
    expect(missing.stderr).toContain('with `--socket` or');
    expect(JSON.parse(missing.stdout)).toEqual({
      status: 'error',
      error: 'connection_failed',
      message: expect.stringContaining('there is no admin socket at'),
      code: 'connection_failed',
    });
    expect(missing.code).toBe(3);
  });

  it('says why the server of a project with a broken configuration is not found', async () => {
    const site = join(project.path, 'mxcp-site.yml');
    const sound = readFileSync(site, 'utf8');
    writeFileSync(site, `${sound}profil: dev\n`);
    try {
      const { stderr, code } = await runMxcp(['admin', 'reload'], { cwd: project.path });
      expect(stderr).toMatch(/^Note: the server of this project was not found, .*mxcp-site\.yml:\d+:1: unknown key/s);
      expect(stderr).toContain('Error: there is no admin socket at /run/mxcp/mxcp.sock');
      expect(code).toBe(3);
    } finally {
      writeFileSync(site, sound);
    }
  });

  it('has the exit code of the error that the server answers, and its form', async () => {
    const unknown = await admin('reloads', 'no-such-id', '--json');
    expect(JSON.parse(unknown.stdout)).toEqual({
      status: 'error',
      error: 'reload_not_found',
      message: expect.stringContaining('`mxcp admin reloads`'),
      code: 'reload_not_found',
    });
    expect(unknown.code).toBe(2);
    const refused = await admin('reload', '--dry-run', '--force', '--json');
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 'error', error: 'bad_request', code: 'bad_request' });
    expect(refused.code).toBe(2);
  });

  it('answers 2 for options that are not understood', async () => {
    expect((await admin('reload', '--timeout', 'soon')).code).toBe(2);
    expect((await admin('reload', '--no-wait', '--dry-run')).code).toBe(2);
    expect((await admin('reloads', '--limit', 'x')).code).toBe(2);
    expect((await runMxcp(['admin'])).code).toBe(2);
  });

  it('answers 4 when the time runs out', async () => {
    const { code, stderr } = await admin('reload', '--timeout', '0');
    // A reload that was quicker than the first look at it is as good.
    if (code !== 0) expect(stderr).toContain('is still running');
    expect([0, 4]).toContain(code);
  });
});

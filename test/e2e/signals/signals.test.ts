import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../../kit/gate.js';
import {
  cleanEnv,
  connectClient,
  LAUNCHER,
  MxcpProcess,
  runMxcp,
  SMALL_PROJECT,
  temporaryFolder,
  waitFor,
} from '../cli/mxcp-process.js';

let project: ReturnType<typeof temporaryFolder>;
let socket: string;
let started: MxcpProcess[];
beforeEach(() => {
  project = temporaryFolder(SMALL_PROJECT);
  socket = join(project.path, 'run', 'mxcp.sock');
  started = [];
});
afterEach(async () => {
  for (const each of started) if (each.isRunning) each.kill('SIGKILL');
  await Promise.all(started.map((each) => each.ended));
  project.dispose();
});

function serve(...args: readonly string[]): MxcpProcess {
  const server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', socket, ...args], { cwd: project.path });
  started.push(server);
  return server;
}

const leftovers = (): string[] => (existsSync(join(socket, '..')) ? readdirSync(join(socket, '..')) : []);

describe('a stop signal', () => {
  // From the first moment at which the process can hear it, in steps through the whole start.
  const moments = Array.from({ length: 16 }, (_, index) => index * 40);

  it.each(['SIGTERM', 'SIGINT'] as const)('%s at any moment of the start ends with 0 and no socket', async (signal) => {
    for (const afterMs of moments) {
      const server = serve();
      await server.catchesSignals();
      await delay(afterMs);
      server.kill(signal);
      const { code, signal: by, stderr } = await server.ended;
      expect({ afterMs, code, by, stderr: code === 0 ? '' : stderr }).toEqual({
        afterMs,
        code: 0,
        by: null,
        stderr: '',
      });
      expect(leftovers()).toEqual([]);
    }
  });

  it('ends at once when it comes twice, and still takes its socket away', async () => {
    const server = serve();
    const client = await connectClient(await server.url());
    const call = client.callTool({ name: 'slow', arguments: {} }).catch(() => 'ended');
    await waitFor(async () => (await activeCalls()) === '1', 'the call to run');
    server.kill('SIGTERM');
    await waitFor(() => server.stderr.includes('shutting down'), 'the shutdown');
    const before = performance.now();
    server.kill('SIGTERM');
    await server.ended;
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(leftovers()).toEqual([]);
    await call;
    await client.close();
  });

  it('serves calls for the grace time of load balancers, is not ready, and then ends with 0', async () => {
    const server = serve('--drain-grace', '1500ms', '--health-path', '/healthz');
    const url = await server.url();
    const client = await connectClient(url);
    const health = url.replace('/mcp', '/healthz');
    expect((await fetch(health)).status).toBe(200);
    const before = performance.now();
    server.kill('SIGTERM');
    await waitFor(async () => (await fetch(health)).status === 503, 'the server to be out of rotation');
    expect(await client.callTool({ name: 'add', arguments: { a: 1 } })).toMatchObject({ content: expect.anything() });
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(performance.now() - before).toBeGreaterThan(1_400);
    expect(stderr).toMatch(
      /out of rotation: not ready, but still serving calls .* signal=SIGTERM .* grace_s=1\.5\n[^]* shutting down signal=SIGTERM /,
    );
    await client.close();
  });

  it('ends at once when it comes again in the grace time', async () => {
    const server = serve('--drain-grace', '10m');
    await server.url();
    server.kill('SIGTERM');
    await waitFor(() => server.stderr.includes('out of rotation'), 'the grace time');
    const before = performance.now();
    server.kill('SIGTERM');
    await server.ended;
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(leftovers()).toEqual([]);
  });

  it('interrupts a query that runs too long, answers its call, and ends with 0 in time', async () => {
    const server = serve('--shutdown-timeout', '3s');
    const client = await connectClient(await server.url());
    const call = client.callTool({ name: 'slow', arguments: {} }).catch((error: unknown) => String(error));
    await waitFor(async () => (await activeCalls()) === '1', 'the call to run');
    const before = performance.now();
    server.kill('SIGTERM');
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(performance.now() - before).toBeLessThan(10_000);
    const parent = `parent="${process.pid} (${readFileSync('/proc/self/comm', 'utf8').trim()})"`;
    expect(stderr).toContain(`INFO mxcp: shutting down signal=SIGTERM ${parent} calls=1\n`);
    expect(stderr).toMatch(/INFO mxcp: waiting for calls to end calls=1 left_s=2\n/);
    expect(await call).toBeDefined();
    expect(leftovers()).toEqual([]);
    await client.close();
  });

  it('ends within its time also when a query hears no interrupt, and says which call it was', async () => {
    await using gate = new Gate();
    writeFileSync(
      join(project.path, 'tools/stuck.yml'),
      `mxcp: 1\ntool:\n  name: stuck\n  source: { code: ${JSON.stringify(`SELECT passed FROM ${gate.table}`)} }\n`,
    );
    const server = serve('--shutdown-timeout', '2s');
    const client = await connectClient(await server.url());
    const call = client.callTool({ name: 'stuck', arguments: {} }).catch(() => 'ended');
    await waitFor(async () => (await activeCalls()) === '1', 'the call to run');
    const before = performance.now();
    server.kill('SIGTERM');
    const { code, signal } = await server.ended;
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' });
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(server.stderr).toMatch(/FATAL mxcp: the shutdown took longer than 2 s .* running="tool \\"stuck\\""/);
    expect(leftovers()).toEqual([]);
    await call;
    await client.close();
  });

  async function activeCalls(): Promise<string | undefined> {
    const { stdout } = await runMxcp(['admin', 'status', '--socket', socket]);
    return /^calls running: (\d+)$/m.exec(stdout)?.[1];
  }
});

describe('SIGHUP', () => {
  const reloads = async (): Promise<string[]> => {
    const { stdout } = await runMxcp(['admin', 'reloads', '--json', '--socket', socket]);
    return JSON.parse(stdout).reloads.map(
      (each: { trigger: string; status: string }) => `${each.trigger} ${each.status}`,
    );
  };

  it('before the server is ready is remembered, and is a reload once it is', async () => {
    const server = serve();
    await server.catchesSignals();
    server.kill('SIGHUP');
    await server.url();
    await waitFor(async () => (await reloads()).includes('sighup success'), 'the reload');
  });

  it('reloads a server that is ready', async () => {
    const server = serve();
    await server.url();
    server.kill('SIGHUP');
    await waitFor(async () => (await reloads()).includes('sighup success'), 'the reload');
  });

  it('during the shutdown does nothing', async () => {
    const server = serve();
    await server.url();
    server.kill('SIGTERM');
    server.kill('SIGHUP');
    expect((await server.ended).code).toBe(0);
    expect(leftovers()).toEqual([]);
  });
});

describe('the end of a process', () => {
  it('by kill -9 leaves a socket that the next start takes over, temporary names too', async () => {
    const first = serve();
    await first.url();
    first.kill('SIGKILL');
    await first.ended;
    expect(existsSync(socket)).toBe(true);
    const second = serve();
    await second.url();
    expect((await runMxcp(['admin', 'health', '--socket', socket])).code).toBe(0);
    expect(leftovers().filter((name) => name.includes('.tmp') || name.endsWith('.bind'))).toEqual([]);
    second.kill('SIGTERM');
    expect((await second.ended).code).toBe(0);
    expect(leftovers()).toEqual([]);
  });

  it('in stdio mode follows the end of standard input', async () => {
    const server = serve('--transport', 'stdio');
    await waitFor(() => server.stderr.includes(' ready '), 'ready');
    expect(existsSync(socket)).toBe(true);
    server.child.stdin?.end();
    const { code, stdout } = await server.ended;
    expect(code).toBe(0);
    expect(stdout).toBe('');
    expect(leftovers()).toEqual([]);
  });
});

describe('a start that cannot succeed', () => {
  let taken: NetServer;
  afterEach(() => taken?.close());

  it('says in one line that the port is taken, and never that it is ready', async () => {
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const server = serve('--port', String(port), '--host', '127.0.0.1');
    const { code, stderr } = await server.ended;
    expect(code).toBe(3);
    expect(stderr).not.toContain(' ready ');
    expect(stderr.split('\n').filter((line) => line.startsWith('Error:'))).toHaveLength(1);
    expect(stderr).toMatch(new RegExp(`^Error: .*${port}.*$`, 'm'));
    expect(leftovers()).toEqual([]);
  });

  it('reports endpoints with errors, for people and as JSON', async () => {
    const folder = temporaryFolder({ ...SMALL_PROJECT, 'tools/bad.yml': 'mxcp: 1\ntool:\n  nam: bad\n' });
    const { code, stdout, stderr } = await runMxcp(['serve', '--port', '0', '--json-output'], { cwd: folder.path });
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'error',
      error: 'endpoint_invalid',
      message: 'Found 1 endpoint with errors; fix them, or start without them with `--ignore-errors`',
      failed_endpoints: [
        {
          path: join(folder.path, 'tools/bad.yml'),
          error: expect.stringMatching(/^tools\/bad\.yml:2:1: .*; tools\/bad\.yml:3:3: unknown key `nam` in `tool`/),
        },
      ],
    });
    expect(stderr).toMatch(/tools\/bad\.yml:3:3: /);
    expect(code).toBe(2);
    folder.dispose();
  });

  it('runs without an admin socket that cannot be opened, unless it is strict', async () => {
    const tooLong = join(project.path, 'x'.repeat(120));
    const lenient = serve('--admin-socket', tooLong);
    await lenient.url();
    expect(lenient.stderr).toMatch(
      /ERROR admin: cannot open the admin socket: .*x{120}.*\n.*serving without the admin socket/,
    );
    lenient.kill('SIGTERM');
    expect((await lenient.ended).code).toBe(0);
    const strict = serve('--admin-socket', tooLong, '--admin-strict');
    const { code, stderr } = await strict.ended;
    expect(code).toBe(3);
    expect(stderr).not.toContain(' ready ');
    expect(stderr.split('\n').filter((line) => line.includes(tooLong))).toEqual([expect.stringMatching(/^Error: /)]);
    rmSync(tooLong, { force: true });
  });

  it('opens no admin socket with --no-admin, whatever the environment says', async () => {
    const server = new MxcpProcess(['serve', '--port', '0', '--no-admin', '--sql-tools', 'on'], {
      cwd: project.path,
      env: { ...process.env, MXCP_ADMIN_ENABLED: 'true', MXCP_ADMIN_SOCKET: socket },
    });
    started.push(server);
    const client = await connectClient(await server.url());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('execute_sql_query');
    expect(existsSync(socket)).toBe(false);
    await client.close();
  });
});

it.each(['SIGHUP', 'SIGUSR1'] as const)('%s before Node has begun does not end the start', async (signal) => {
  const folder = join(project.path, 'bin');
  mkdirSync(folder);
  // In the place of Node until the signal has arrived.
  const wait = `touch ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.02; done`;
  writeFileSync(join(folder, 'node'), `#!/bin/sh\n${wait}\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
  const env = { ...cleanEnv(project.path), PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const args = ['serve', '--port', '0', '--admin-socket', socket];
  const child = spawn(LAUNCHER, args, { cwd: project.path, env, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await waitFor(() => existsSync(join(folder, 'begun')), 'the launcher to run');
  child.kill(signal);
  writeFileSync(join(folder, 'go'), '');
  await waitFor(async () => (await runMxcp(['admin', 'ready', '--socket', socket])).code === 0, 'the server');
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

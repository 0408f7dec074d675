import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { blocksOf } from '../contract/docs/doc-blocks.js';
import { waitFor } from '../e2e/cli/mxcp-process.js';
import { type EngineInstallation, installEngine } from '../kit/engine-installation.js';
import { PostgresServer } from '../kit/postgres-server.js';
import { createTables, Fleet, publishPrices, useLogin } from './fleet.js';
import { CLIENTS, Load, type LoadResult } from './load.js';

let engine: EngineInstallation;
let postgres: PostgresServer;
beforeAll(async () => {
  engine = installEngine(['postgres_scanner'], ['mcp']);
  postgres = await PostgresServer.start();
  createTables(postgres);
}, 600_000);
afterAll(() => {
  postgres[Symbol.dispose]();
  engine.dispose();
});

async function startFleet(...options: string[]): Promise<Fleet> {
  const fleet = await Fleet.start(engine, postgres, { options });
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  return fleet;
}

const countOrders = (): number => Number(postgres.sql('SELECT count(*) FROM orders', 'shop'));

/** Runs the work under load. Every order that was answered is in Postgres, once. */
async function underLoad(fleet: Fleet, work: (load: Load) => Promise<void>): Promise<LoadResult> {
  const before = countOrders();
  const load = new Load(fleet.url);
  const worked = goOn(load)
    .then(() => work(load))
    .then(() => goOn(load));
  await Promise.allSettled([worked]);
  const result = await load.stop();
  console.info(JSON.stringify({ ...result, failures: result.failures.length }));
  await worked;
  expect(result.failures).toEqual([]);
  expect(countOrders() - before).toBe(result.orders);
  return result;
}

/** Each client makes some calls. */
async function goOn(load: Load): Promise<void> {
  const from = load.calls;
  await waitFor(() => load.calls > from + 100, 'a hundred calls');
}

it('reloads one replica after the other without a failed call or a lost session', async () => {
  const fleet = await startFleet();
  const result = await underLoad(fleet, async (load) => {
    for (const [factor, user] of [
      [2, 'app_b'],
      [3, 'app'],
    ] as const) {
      await publishPrices(fleet.project, engine.launcher, factor);
      useLogin(fleet.project, user);
      expect(await fleet.rollingReload()).toMatchObject({
        code: 0,
        output: expect.stringContaining('reloaded 3 of 3'),
      });
      await goOn(load);
    }
  });
  expect(result.prices).toEqual(['10', '20', '30']);
  expect(result.newSessions).toEqual({ today: 0, session: 0 });
  expect(fleet.replicas.map(({ starts }) => starts)).toEqual([1, 1, 1]);
});

it('restarts one replica after the other without a failed call', async () => {
  const fleet = await startFleet();
  const result = await underLoad(fleet, async () => {
    expect(await fleet.rollingRestart()).toMatchObject({
      code: 0,
      output: expect.stringContaining('restarted 3 of 3'),
    });
  });
  expect(fleet.replicas.map(({ starts }) => starts)).toEqual([2, 2, 2]);
  // Sessions end with their replica. Clients of 2026-07-28 have none.
  expect(result.newSessions.today).toBe(0);
  expect(result.newSessions.session).toBeGreaterThan(0);
});

it('restarts without new sessions where the servers keep none', async () => {
  const fleet = await startFleet('--stateless');
  const result = await underLoad(fleet, async () => {
    expect(await fleet.rollingRestart()).toMatchObject({ code: 0 });
  });
  expect(result.newSessions).toEqual({ today: 0, session: 0 });
});

it('stops for a balancer that does not send a refused call elsewhere, with a grace', async () => {
  const fleet = await startFleet('--drain-grace', '2s');
  await underLoad(fleet, async () => {
    for (const [index, replica] of fleet.replicas.entries()) {
      const { starts } = replica;
      replica.process.kill('SIGTERM');
      await waitFor(async () => replica.starts > starts && (await fleet.isServedBy(3)), `replica ${index + 1} again`);
    }
  });
});

it('keeps serving when a replica is killed, and fails at most the calls that it ran', async () => {
  const fleet = await startFleet();
  const load = new Load(fleet.url);
  await goOn(load);
  fleet.replicas[1]?.process.kill('SIGKILL');
  await waitFor(() => fleet.replicas[1]?.starts === 2, 'the supervisor');
  await waitFor(() => fleet.isServedBy(3), 'three replicas');
  await goOn(load);
  const { failures, calls } = await load.stop();
  console.info(JSON.stringify({ calls, failures }));
  // Each client has one call at a time.
  expect(failures.length).toBeLessThanOrEqual(CLIENTS);
});

it('stops a rolling reload at the first replica that refuses, and leaves the rest alone', async () => {
  const fleet = await startFleet();
  fleet.project.write('secrets/password', 'wrong');
  const refused = await fleet.rollingReload();
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('password authentication failed') });
  expect(refused.output).toContain('no replica was reloaded');
  useLogin(fleet.project, 'app');
  expect(await fleet.rollingReload()).toMatchObject({ code: 0 });
});

it('restarts nothing while a replica is not ready, and takes none that does not come back', async () => {
  const fleet = await startFleet();
  const [first = '', , last = ''] = fleet.sockets;
  const restart = (command: string, env: NodeJS.ProcessEnv = {}) =>
    fleet.script('rolling-restart.sh', [command, ...fleet.sockets], { SETTLE: '0', ...env });
  await fleet.drain(last);
  expect(await restart('true')).toMatchObject({ code: 1, output: `${last} is not ready; nothing was restarted\n` });
  await fleet.resume(last);
  const stuck = await restart('true', { READY_WAIT: '1' });
  expect(stuck).toMatchObject({
    code: 1,
    output: expect.stringContaining(`${first} is not ready 1 s after its restart`),
  });
  expect(fleet.replicas.map(({ starts }) => starts)).toEqual([1, 1, 1]);
});

it('answers 404 for a session of another replica, so that the client initializes again', async () => {
  const fleet = await startFleet();
  const [first, second] = fleet.replicas.map(({ port }) => `http://127.0.0.1:${port}/mcp`);
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const post = (url: string | undefined, message: unknown, session?: string | null) =>
    fetch(url ?? '', {
      method: 'POST',
      headers: { ...headers, ...(session && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' }) },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...Object(message) }),
    });
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const opened = await post(first, { method: 'initialize', params });
  const session = opened.headers.get('mcp-session-id');
  expect(session).not.toBeNull();
  expect((await post(first, { method: 'tools/list' }, session)).status).toBe(200);
  const elsewhere = await post(second, { method: 'tools/list' }, session);
  expect({ status: elsewhere.status, body: await elsewhere.json() }).toMatchObject({
    status: 404,
    body: { error: { code: -32_001, message: 'Session not found: it has ended; initialize again' } },
  });
});

it('answers the official Python client that its session is gone, and a new session works', async () => {
  const fleet = await startFleet();
  const script = join(import.meta.dirname, 'session_client.py');
  const env = { ...process.env, PYTHONPATH: engine.packages };
  const child = spawn('python3', [script, fleet.url], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect(await lines.next()).toMatchObject({ value: '10' });
  expect(await fleet.rollingRestart()).toMatchObject({ code: 0 });
  child.stdin.end('again\n');
  expect(await lines.next()).toMatchObject({ value: '-32001 Session not found: it has ended; initialize again' });
  expect(await lines.next()).toMatchObject({ value: '10' });
});

it('runs the commands of the guide as they are written', async () => {
  const page = blocksOf('docs/guides/scaling.md').filter(({ tags }) => tags[0] === 'fleet');
  const [serve, reload, restart] = page.map(({ text }) => text);
  expect(page).toHaveLength(3);
  const servers = serve
    ?.trim()
    .split('\n')
    .map((line) => {
      const [mxcp, ...args] = line.split(' ');
      const valueOf = (option: string): string => args[args.indexOf(option) + 1] ?? '';
      expect(mxcp).toBe('mxcp');
      return { args, port: Number(valueOf('--port')), socket: valueOf('--admin-socket') };
    });
  const fleet = await Fleet.start(engine, postgres, { servers: servers ?? [] });
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  expect(await fleet.shell(reload ?? '')).toMatchObject({
    code: 0,
    output: expect.stringContaining('reloaded 3 of 3'),
  });
  expect(await fleet.shell(restart ?? '')).toMatchObject({
    code: 0,
    output: expect.stringContaining('restarted 3 of 3'),
  });
  expect(fleet.replicas.map(({ starts }) => starts)).toEqual([2, 2, 2]);
});

import type { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AdminApiError, AdminClient } from '../../src/admin/client/index.js';
import { ChildServer, childEnvironment } from '../kit/child-server.js';
import { connectOver, connectTo, ERAS } from '../kit/mcp-client.js';
import { FAULTS, SoakProject, type SoakMode } from '../kit/projects/soak-project.js';
import { SoakTraffic, straddle, type Rounds } from './soak-traffic.js';

const COMMAND = join(import.meta.dirname, '../../bin/mxcp');
const STRADDLERS = 20;
/** So that they can all run at once, and others beside them, however few processors there are. */
const CALLS = ['--max-concurrent-calls', '16'];
/** Rounds from here on are those of reloads that fail. */
const NEVER_SERVED = 1_000_000;
const MINUTES = 60_000;

interface Soak {
  readonly project: SoakProject;
  readonly admin: AdminClient;
  readonly clients: readonly Client[];
  readonly reloads: number;
  readonly calls: number;
  /** Done after each reload. */
  readonly afterReload?: () => Promise<void>;
}

/** Reloads under traffic until both numbers are reached; every third fails, at each stage in turn. */
async function soak({ project, admin, clients, reloads, calls, afterReload }: Soak): Promise<string> {
  const rounds: Rounds = { served: 1, newest: 1 };
  const traffic = new SoakTraffic(rounds);
  const running = Promise.all(clients.map((client, at) => traffic.run(client, at % 2 === 0 ? 'sql' : 'python')));
  const reloading = async (): Promise<number> => {
    let count = 0;
    for (; count < reloads || traffic.calls < calls; count += 1) {
      if (count % 3 === 2) await failingReload({ project, admin }, count);
      else await goodReload({ project, admin, clients, rounds });
      await afterReload?.();
    }
    return count;
  };
  const count = await Promise.race([reloading(), running.then(() => Promise.reject(new Error('ended early')))]);
  traffic.stop();
  await running;
  return `${traffic.calls} calls, ${count} reloads, longest call ${Math.round(traffic.longestMs)} ms`;
}

async function failingReload({ project, admin }: Pick<Soak, 'project' | 'admin'>, count: number): Promise<void> {
  const fault = FAULTS[Math.floor(count / 3) % FAULTS.length] ?? 'load';
  await project.write(NEVER_SERVED + count);
  await project.damage(fault);
  const outcome = await admin.reload({ waitMs: MINUTES }).then(
    () => 'success',
    (error: unknown) => (error instanceof AdminApiError ? error.code : String(error)),
  );
  expect(`${fault}: ${outcome}`).toBe(`${fault}: reload_failed`);
  project.repair();
}

async function goodReload({
  project,
  admin,
  clients,
  rounds,
}: Omit<Soak, 'reloads' | 'calls'> & { readonly rounds: Rounds }): Promise<void> {
  const before = rounds.served;
  const gate = `gate-${before}`;
  const sqlGates = project.gates.length;
  const old = straddle(clients, { gate: project.files.path(gate), sqlGates, count: STRADDLERS });
  old.catch(() => {}); // looked at below
  // The SQL calls were sent before the Python ones.
  while (project.countWaiting(gate) < STRADDLERS - sqlGates) await delay(10);
  rounds.newest = before + 1;
  await project.write(rounds.newest);
  const swapped = admin.reload({ waitMs: MINUTES });
  swapped.catch(() => {}); // looked at below
  // A read-write database is handed over when the calls on it have ended; any other reload is over while they run.
  if (project.mode === 'readonly') await swapped;
  else await untilDraining(admin);
  project.files.write(gate, '');
  await project.openGates();
  expect(await old).toEqual(Array(sqlGates + 2 * (STRADDLERS - sqlGates)).fill(before));
  const record = await swapped;
  expect(record.status).toBe('success');
  rounds.served = rounds.newest;
  if (project.mode === 'readwrite') expect(record.database?.action).toBe('handover');
}

async function untilDraining(admin: AdminClient): Promise<void> {
  for (;;) {
    const { reloads } = await admin.reloads({ limit: 1 });
    if (reloads[0]?.stages.some(({ name, status }) => name === 'drain' && status === 'running')) return;
    await delay(10);
  }
}

/** A connection that a client keeps open and seldom uses. */
function keepAlive(url: string): { readonly ask: () => Promise<boolean>; readonly close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { agent, method: 'OPTIONS' }, (response) => {
        response.resume().on('end', () => resolve(sent.reusedSocket));
      });
      sent.on('error', reject).end();
    });
  return { ask, close: () => agent.destroy() };
}

async function soakHttp(mode: SoakMode, size: { readonly reloads: number; readonly calls: number }): Promise<string> {
  await using project = new SoakProject(mode);
  await project.write(1);
  await using server = await ChildServer.start(project.files, { args: ['--env-file', 'soak.env', ...CALLS] });
  const idle = keepAlive(server.url);
  expect(await idle.ask()).toBe(false);
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => ERAS.map((era) => connectTo(server.url, { era }))).flat(),
  );
  // Idle from one reload to the next, and never closed by one.
  const afterReload = async (): Promise<void> => expect(await idle.ask()).toBe(true);
  const outcome = await soak({ project, admin: server.admin, clients, afterReload, ...size });
  idle.close();
  for (const client of clients) await client.close();
  return outcome;
}

async function soakStdio(mode: SoakMode, size: { readonly reloads: number; readonly calls: number }): Promise<string> {
  await using project = new SoakProject(mode);
  await project.write(1);
  const { socketPath, root } = project.files;
  const environment = Object.entries(childEnvironment(project.files, {})).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [COMMAND, 'serve', '--transport', 'stdio', '--env-file', 'soak.env', ...CALLS, '--admin-socket', socketPath],
    cwd: root,
    env: Object.fromEntries(environment),
    stderr: 'ignore',
  });
  const client = await connectOver(transport, { era: 'session' });
  const admin = new AdminClient({ socketPath, timeoutMs: MINUTES });
  const outcome = await soak({ project, admin, clients: [client], ...size });
  await client.close();
  return outcome;
}

describe('reloads under traffic of sixteen clients, SQL and Python', () => {
  for (const mode of ['readonly', 'readwrite'] as const) {
    it(`fail no call and mix no generations over HTTP, ${mode}`, { timeout: 10 * MINUTES }, async () => {
      console.info(`${mode} over HTTP: ${await soakHttp(mode, { reloads: 18, calls: 7_000 })}`);
    });

    it(`fail no call and mix no generations over stdio, ${mode}`, { timeout: 10 * MINUTES }, async () => {
      console.info(`${mode} over stdio: ${await soakStdio(mode, { reloads: 12, calls: 3_000 })}`);
    });
  }
});

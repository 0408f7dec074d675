import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { parseDuration } from '../../src/lifecycle/index.js';
import { waitFor } from '../e2e/cli/mxcp-process.js';
import { createTables, Fleet, publishPrices, useLogin } from '../fleet/fleet.js';
import { CLIENTS, Load } from '../fleet/load.js';
import { installEngine } from '../kit/engine-installation.js';
import { PostgresServer } from '../kit/postgres-server.js';
import { memoryOf } from '../kit/processes.js';
import { seededRandom } from '../kit/random.js';

const DURATION_MS = parseDuration(process.env['MXCP_FLEET_SOAK'] ?? '5m') ?? 0;
/** Of a replica under this load; several times what it needs. */
const MAX_MEMORY_MIB = 1_000;

interface Event {
  readonly name: string;
  /** Calls that may fail by it: a client has one call at a time. */
  readonly mayFail: number;
  readonly run: () => Promise<void>;
}

function eventsOf(fleet: Fleet, launcher: string, random: () => number): readonly Event[] {
  let factor = 1;
  const pick = () => fleet.replicas[Math.floor(random() * fleet.replicas.length)] ?? fleet.replicas[0];
  const succeeds = async (script: Promise<{ readonly code: number | null; readonly output: string }>) => {
    const { code, output } = await script;
    expect(code, output).toBe(0);
  };
  return [
    {
      name: 'reload',
      mayFail: 0,
      run: async () => {
        factor += 1;
        await publishPrices(fleet.project, launcher, factor);
        useLogin(fleet.project, random() < 0.5 ? 'app' : 'app_b');
        await succeeds(fleet.rollingReload());
      },
    },
    { name: 'restart', mayFail: 0, run: () => succeeds(fleet.rollingRestart()) },
    {
      name: 'drain',
      mayFail: 0,
      run: async () => {
        const socket = pick()?.socket ?? '';
        await fleet.drain(socket);
        await delay(random() * 3_000);
        await fleet.resume(socket);
      },
    },
    {
      name: 'kill',
      mayFail: CLIENTS,
      run: async () => {
        const replica = pick();
        const starts = replica?.starts ?? 0;
        replica?.process.kill('SIGKILL');
        await waitFor(() => (replica?.starts ?? 0) > starts, 'the supervisor');
      },
    },
  ];
}

it(
  `serves every call through reloads, restarts, drains and kills (${DURATION_MS / 1000} s)`,
  async () => {
    const engine = installEngine(['postgres_scanner']);
    onTestFinished(() => engine.dispose());
    const postgres = await PostgresServer.start();
    onTestFinished(() => postgres[Symbol.dispose]());
    createTables(postgres);
    const fleet = await Fleet.start(engine, postgres);
    onTestFinished(() => fleet[Symbol.asyncDispose]());
    const random = seededRandom();
    const events = eventsOf(fleet, engine.launcher, random);
    const counts = new Map<string, number>();
    const load = new Load(fleet.url);
    const endsAt = performance.now() + DURATION_MS;
    let cycle: Event[] = [];
    while (performance.now() < endsAt) {
      // Each event once before any comes again, so that a short soak has them all.
      if (cycle.length === 0) cycle = [...events];
      const { name, mayFail, run } = cycle.splice(Math.floor(random() * cycle.length), 1)[0] ?? fail();
      const before = load.failures.length;
      await run();
      await waitFor(() => fleet.isServedBy(3), `three replicas after ${name}`);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      expect(
        load.failures.slice(before).length,
        `${name}: ${load.failures.slice(before).join('; ')}`,
      ).toBeLessThanOrEqual(mayFail);
      for (const { process: server } of fleet.replicas) expect(memoryOf(server.pid)).toBeLessThan(MAX_MEMORY_MIB);
    }
    const { failures, ...result } = await load.stop();
    console.info(JSON.stringify({ ...Object.fromEntries(counts), ...result, failures: failures.length }));
    const rows = Number(postgres.sql('SELECT count(*) FROM orders', 'shop'));
    const unknown = failures.filter((failure) => failure.includes(' order:')).length;
    // Each order that was answered is there once; one whose answer was cut off may be.
    expect(rows).toBeGreaterThanOrEqual(result.orders);
    expect(rows).toBeLessThanOrEqual(result.orders + unknown);
    expect(postgres.sql('SELECT count(*) - count(DISTINCT key) FROM orders', 'shop')).toBe('0');
  },
  DURATION_MS + 600_000,
);

function fail(): never {
  throw new Error('there are no events');
}

import type { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AdminClient, AdminApiError } from '../../../src/admin/client/index.js';
import { replaceDatabase } from '../../integration/reloads/reload-database-faults.js';
import { createShopProject } from '../../kit/projects/shop.js';
import { ChildServer, childEnvironment } from '../../kit/child-server.js';
import { callText, connectOver, connectTo, ERAS } from '../../kit/mcp-client.js';
import type { TemporaryProject } from '../../kit/projects/temporary-project.js';

const RELOADS = 24;
const HTTP_CALLS = 3_000;
const STDIO_CALLS = 500;
const COMMAND = join(import.meta.dirname, '../../../bin/mxcp');

/** What one client saw: how many calls, and whether an answer ever came from an older database than the one before. */
interface Traffic {
  calls: number;
  wentBack: number;
  last: number;
}

function noTraffic(): Traffic {
  return { calls: 0, wentBack: 0, last: 0 };
}

/** Calls without a pause until `isOver`; a call that fails ends the test. */
async function callUntil(client: Client, traffic: Traffic, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const price = Number(await callText(client, 'price'));
    traffic.calls += 1;
    if (price < traffic.last) traffic.wentBack += 1;
    traffic.last = price;
  }
}

interface Rounds {
  readonly admin: AdminClient;
  readonly project: TemporaryProject;
  readonly hasEnough: () => boolean;
}

/**
 * Every reload serves another database and another secret; every third finds its env file gone and changes nothing.
 * Returns how many there were; the last one succeeded.
 */
async function reloadAll({ admin, project, hasEnough }: Rounds): Promise<number> {
  for (let round = 1; ; round += 1) {
    await replaceDatabase(project, round);
    if (round % 3 === 0) project.remove('shop.env');
    else project.write('shop.env', `FIRST=http://first-${round}.example:1\n`);
    const outcome = await admin.reload({ waitMs: 60_000 }).then(
      ({ status }) => status,
      (error: unknown) => (error instanceof AdminApiError ? error.code : String(error)),
    );
    expect(outcome).toBe(round % 3 === 0 ? 'reload_failed' : 'success');
    if (round > RELOADS && round % 3 === 1 && hasEnough()) return round;
  }
}

describe('reloads under traffic', () => {
  it('fail no call over HTTP, in either era, and answers never go back', async () => {
    using project = await createShopProject('readonly');
    await using server = await ChildServer.start(project, { args: ['--env-file', 'shop.env'] });
    const clients = await Promise.all([...ERAS, ...ERAS].map((era) => connectTo(server.url, { era })));
    const seen = clients.map(noTraffic);
    const countCalls = () => seen.reduce((sum, { calls }) => sum + calls, 0);
    let over = false;
    const traffic = Promise.all(clients.map((client, at) => callUntil(client, seen[at] ?? noTraffic(), () => over)));
    const hasEnough = () => countCalls() >= HTTP_CALLS;

    const rounds = await Promise.race([reloadAll({ admin: server.admin, project, hasEnough }), failureOf(traffic)]);

    over = true;
    await traffic;
    expect(countCalls()).toBeGreaterThanOrEqual(HTTP_CALLS);
    expect(seen.map(({ wentBack }) => wentBack)).toEqual([0, 0, 0, 0]);
    for (const client of clients) {
      expect(await callText(client, 'price')).toBe(String(rounds));
      await client.close();
    }
    expect((await server.admin.status()).generation).toBe(1 + rounds - Math.floor(rounds / 3));
  });

  it('fail no call over stdio', async () => {
    using project = await createShopProject('readonly');
    const args = [
      COMMAND,
      'serve',
      '--transport',
      'stdio',
      '--env-file',
      'shop.env',
      '--admin-socket',
      project.socketPath,
    ];
    const environment = Object.entries(childEnvironment(project, {})).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const transport = new StdioClientTransport({
      command: process.execPath,
      args,
      cwd: project.root,
      env: Object.fromEntries(environment),
      stderr: 'ignore',
    });
    // The client of today's era would first start a second server, to see what it speaks.
    const client = await connectOver(transport, { era: 'session' });
    const seen = noTraffic();
    let over = false;
    const traffic = callUntil(client, seen, () => over);
    const admin = new AdminClient({ socketPath: project.socketPath });
    const hasEnough = () => seen.calls >= STDIO_CALLS;

    const rounds = await Promise.race([reloadAll({ admin, project, hasEnough }), failureOf(traffic)]);

    over = true;
    await traffic;
    expect(seen.calls).toBeGreaterThanOrEqual(STDIO_CALLS);
    expect(seen.wentBack).toBe(0);
    expect(await callText(client, 'price')).toBe(String(rounds));
    await client.close();
  });
});

/** Rejects as soon as a call has failed, so that the reloads stop. */
async function failureOf(traffic: Promise<unknown>): Promise<never> {
  await traffic;
  throw new Error('the traffic ended before the reloads');
}

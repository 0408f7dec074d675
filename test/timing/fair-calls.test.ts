import { describe, expect, it, vi } from 'vitest';
import { createShopProject } from '../kit/projects/shop.js';
import { ChildServer } from '../kit/child-server.js';
import { Gate } from '../kit/gate.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { sqlTool } from '../kit/projects/temporary-project.js';

/** Far below how long a slow call runs, far above what the machine needs when nothing blocks the call. */
const PROMPT_MS = 3_000;
const SLOW_CALLS = 40;

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

describe('slow queries that hold all the slots they may', () => {
  it('stall neither calls of another tool, nor the probes, nor the file reads of a reload', async () => {
    // They hold their threads without using the processor, so that what is measured is waiting, not the machine.
    await using gate = new Gate();
    const slow = sqlTool('slow', `SELECT count(*) FROM ${gate.table}`);
    using project = await createShopProject('readonly', { 'tools/slow.yml': slow });
    await using server = await ChildServer.start(project, { args: ['--env-file', 'shop.env'] });
    const client = await connectTo(server.url);
    const stops = Array.from({ length: SLOW_CALLS }, () => new AbortController());
    const ended = stops.map((stop) =>
      client.callTool({ name: 'slow' }, { signal: stop.signal, timeout: 120_000 }).then(
        () => 'answered',
        () => 'cancelled',
      ),
    );
    await vi.waitFor(
      async () => expect((await server.admin.status()).reload.active_requests).toBeGreaterThanOrEqual(12),
      10_000,
    );

    for (let round = 0; round < 3; round += 1) {
      expect(await milliseconds(() => callText(client, 'price'))).toBeLessThan(PROMPT_MS);
      expect(await milliseconds(() => server.admin.health())).toBeLessThan(PROMPT_MS);
      expect((await server.admin.ready()).status).toBe('ok');
      // Reads both files, the env file and the secret file, and prepares the SQL of every endpoint.
      expect(await milliseconds(() => server.admin.reload({ waitMs: 60_000 }))).toBeLessThan(PROMPT_MS);
    }

    for (const stop of stops) stop.abort();
    expect(new Set(await Promise.all(ended))).toEqual(new Set(['cancelled']));
    await vi.waitFor(async () => {
      // Each time: one that was still queued when it was cancelled may have got to the gate after the others.
      await gate.open();
      const { reload } = await server.admin.status();
      expect(reload).toMatchObject({ active_requests: 0, draining: false });
    }, 10_000);
    await client.close();
  });
});

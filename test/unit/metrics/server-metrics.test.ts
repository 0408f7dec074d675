import { expect, it, vi } from 'vitest';
import { ServerMetrics } from '../../../src/metrics/server-metrics.js';
import type { ServerState } from '../../../src/metrics/server-state.js';

const STARTING: ServerState = {
  phase: 'starting',
  isDraining: false,
  isReady: false,
  uptimeSeconds: 1,
  logLevel: 'info',
  checks: [],
  background: [],
  expiries: [],
  serving: undefined,
};

it('writes one text for all scrapes that arrive at the same time, and another one for the next', async () => {
  const readState = vi.fn(async () => STARTING);
  const metrics = new ServerMetrics(readState);
  const texts = await Promise.all(Array.from({ length: 100 }, () => metrics.expose('')));
  // The same object, not an equal one: each text would take time of its own to write.
  expect(new Set(texts).size).toBe(1);
  expect(await metrics.expose('')).not.toBe(texts[0]);
  expect(readState).toHaveBeenCalledTimes(2);
});

it('writes anew after a scrape that failed', async () => {
  const metrics = new ServerMetrics(vi.fn(async () => STARTING).mockRejectedValueOnce(new Error('no state')));
  await expect(metrics.expose('')).rejects.toThrow('no state');
  expect((await metrics.expose('')).body).toContain('mxcp_');
});

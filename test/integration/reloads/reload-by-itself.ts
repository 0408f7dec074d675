import { expect, vi } from 'vitest';
import type { ReloadRecord, Status } from '../../../src/admin/client/index.js';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';

export const PATIENCE = { timeout: 20_000, interval: 50 } as const;

/** The proxies as DuckDB has them now: what the two references of the shop are worth. */
export async function proxiesOf(server: InProcessServer): Promise<string> {
  const client = await connectTo(server.url);
  try {
    return await callText(client, 'secrets');
  } finally {
    await client.close();
  }
}

export async function untilServed(server: InProcessServer, text: string): Promise<void> {
  await vi.waitFor(async () => expect(await proxiesOf(server)).toContain(text), PATIENCE);
}

/** `trigger status`, oldest first. */
export async function reloadsOf({ admin }: InProcessServer): Promise<readonly string[]> {
  const { reloads } = await admin.reloads();
  return reloads.map(({ trigger, status }) => `${trigger} ${status}`).reverse();
}

/** A reload serves a moment before it is over. */
export async function untilReloads(server: InProcessServer, expected: readonly string[]): Promise<void> {
  await vi.waitFor(async () => expect(await reloadsOf(server)).toEqual(expected), PATIENCE);
}

export async function lastReload({ admin }: InProcessServer): Promise<ReloadRecord | undefined> {
  return (await admin.reloads({ limit: 1 })).reloads[0];
}

export async function backgroundOf(
  { admin }: InProcessServer,
  name: string,
): Promise<Status['background'][number] | undefined> {
  return (await admin.status()).background.find((report) => report.name === name);
}

export async function untilBackground(server: InProcessServer, name: string, status: 'ok' | 'failing'): Promise<void> {
  await vi.waitFor(async () => expect(await backgroundOf(server, name)).toMatchObject({ status }), PATIENCE);
}

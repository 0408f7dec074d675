import { describe, expect, it, onTestFinished } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { createDatabaseFile } from '../kit/database-file.js';
import { Gate } from '../kit/gate.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { SITE } from '../kit/projects/shop.js';
import { sqlTool, TemporaryProject } from '../kit/projects/temporary-project.js';

const LONG_CALL_MS = 25_000;
const CLIENTS = 10;

function createProject(): TemporaryProject {
  const project = new TemporaryProject({
    'mxcp-site.yml': SITE.readwrite,
    'home/.keep': '',
    'tools/one.yml': sqlTool('one', 'SELECT 1 AS one'),
  });
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

/** A client that makes short calls until it is stopped; resolves with the longest wait in milliseconds. */
async function callUntil(url: string, stop: AbortSignal): Promise<number> {
  const client = await connectTo(url);
  let longest = 0;
  while (!stop.aborted) {
    const startedAt = performance.now();
    await callText(client, 'one');
    longest = Math.max(longest, performance.now() - startedAt);
  }
  await client.close();
  return longest;
}

describe('a read-write file that is replaced during a call of 25 seconds', () => {
  it('is served when that call has ended, and ten clients with short calls never wait 1.5 s', {
    timeout: 90_000,
  }, async () => {
    const project = createProject();
    await createDatabaseFile(project.path('shop.duckdb'));
    await using server = await ChildServer.start(project);
    await using gate = new Gate();
    const client = await connectTo(server.url);
    const sql = `SELECT passed FROM ${gate.table}`;
    const longCall = callText(client, 'execute_sql_query', { sql }).then(() => performance.now());
    const stop = new AbortController();
    const clients = Array.from({ length: CLIENTS }, () => callUntil(server.url, stop.signal));
    await createDatabaseFile(project.path('next.duckdb'));
    project.rename('next.duckdb', 'shop.duckdb');
    const reload = server.admin.reload({ waitMs: 60_000 }).then((record) => ({ record, endedAt: performance.now() }));
    await new Promise((resolve) => setTimeout(resolve, LONG_CALL_MS));
    await gate.open();
    const { record, endedAt } = await reload;
    expect(record).toMatchObject({ status: 'success', database: { action: 'handover' } });
    expect(endedAt - (await longCall)).toBeGreaterThan(0);
    expect(endedAt - (await longCall)).toBeLessThan(1_500);
    stop.abort();
    expect(Math.max(...(await Promise.all(clients)))).toBeLessThan(1_500);
    await client.close();
  });
});

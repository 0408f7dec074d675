import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it, vi } from 'vitest';
import { createDatabaseFile } from '../../kit/database-file.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { startPython } from '../../kit/projects/python-server.js';
import { createProject, type TemporaryProject } from '../../kit/projects/temporary-project.js';

const tool = (name: string, ...fields: readonly string[]): readonly string[] => [
  'mxcp: 1',
  'tool:',
  `  name: ${name}`,
  ...fields.map((field) => `  ${field}`),
];

const resource = (uri: string, ...fields: readonly string[]): readonly string[] => [
  'mxcp: 1',
  'resource:',
  `  uri: ${uri}`,
  ...fields.map((field) => `  ${field}`),
];

const ITEM = 'parameters: [{ name: item, type: string }]';

async function createShop(): Promise<TemporaryProject> {
  const project = createProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles: { dev: { duckdb: { path: shop.duckdb } } }',
    ],
    'python/stock.py': [
      'from urllib.parse import quote',
      'from mxcp.runtime import db, mcp',
      'def take(item):',
      '    with db.transaction():',
      '        mcp.resource_updated("stock://one/" + quote(item, safe=""))',
      '        db.execute("UPDATE stock SET number = number - 1 WHERE name = ?", [item])',
      '    return "taken"',
      'def lose(item):',
      '    mcp.resource_updated("stock://all")',
      '    db.execute("BEGIN")',
    ],
    'resources/all.yml': resource('stock://all', 'source: { code: SELECT * FROM stock }'),
    'resources/one.yml': resource(
      'stock://one/{item}',
      ITEM,
      'source: { code: SELECT * FROM stock WHERE name = $item }',
    ),
    'resources/other.yml': resource('stock://other', 'source: { code: SELECT 1 AS a }'),
    'tools/sell.yml': tool(
      'sell',
      ITEM,
      "updates: ['stock://all', 'stock://one/{item}']",
      'source: { code: UPDATE stock SET number = number - 1 WHERE name = $item RETURNING number }',
    ),
    'tools/spoil.yml': tool(
      'spoil',
      ITEM,
      "updates: ['stock://all', 'stock://one/{item}']",
      "source: { code: SELECT error('spoilt ' || $item) AS e }",
    ),
    'tools/take.yml': tool('take', ITEM, 'language: python', 'source: { file: ../python/stock.py }'),
    'tools/lose.yml': tool('lose', ITEM, 'language: python', 'source: { file: ../python/stock.py }'),
  });
  const rows = "CREATE TABLE stock AS SELECT unnest(['tea', 'earl grey']) AS name, 9 AS number";
  await createDatabaseFile(project.path('shop.duckdb'), rows);
  return project;
}

/** Each notice with what the resource answers at that moment. */
function readingUpdates(client: Client): { readonly uri: string; readonly text: unknown }[] {
  const read: { uri: string; text: unknown }[] = [];
  client.setNotificationHandler('notifications/resources/updated', async ({ params: { uri } }) => {
    const [content] = (await client.readResource({ uri })).contents;
    read.push({ uri, text: content !== undefined && 'text' in content ? JSON.parse(content.text) : undefined });
  });
  return read;
}

const WANTED = ['stock://all', 'stock://one/tea', 'stock://one/earl%20grey', 'stock://other'];

async function subscribe(client: Client): Promise<() => Promise<void>> {
  if (client.getNegotiatedProtocolVersion()?.startsWith('2025') !== true) {
    const stream = await client.listen({ resourceSubscriptions: WANTED });
    return () => stream.close();
  }
  for (const uri of WANTED) await client.subscribeResource({ uri });
  return () => Promise.resolve();
}

describe.each(ERAS)('a client (%s) that subscribed to resources', (era) => {
  it('learns what calls of SQL and of Python have changed, and reads the new rows', async () => {
    const server = await startPython(await createShop());
    const client = await connectTo(server.url, { era });
    const other = await connectTo(server.url);
    const read = readingUpdates(client);
    const close = await subscribe(client);
    // Calls that fail announce nothing, so the first notice is about the call that succeeds.
    await expect(callText(other, 'spoil', { item: 'tea' })).rejects.toThrow('spoilt tea');
    await expect(callText(other, 'lose', { item: 'tea' })).rejects.toThrow('left a transaction open');
    await callText(other, 'take', { item: 'earl grey' });
    await vi.waitFor(() => expect(read).toHaveLength(1));
    expect(read).toEqual([{ uri: 'stock://one/earl%20grey', text: [{ name: 'earl grey', number: 8 }] }]);
    await callText(other, 'sell', { item: 'tea' });
    await vi.waitFor(() => expect(read).toHaveLength(3), { timeout: 5000 });
    expect(
      read
        .slice(1)
        .map(({ uri }) => uri)
        .toSorted(),
    ).toEqual(['stock://all', 'stock://one/tea']);
    expect(read.find(({ uri }) => uri === 'stock://one/tea')?.text).toEqual([{ name: 'tea', number: 8 }]);
    await close();
    await client.close();
    await other.close();
  });
});

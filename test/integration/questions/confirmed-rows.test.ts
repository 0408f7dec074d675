import { expect, it } from 'vitest';
import { connectTo, callText } from '../../kit/mcp-client.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { askedBy, CONFIRM, startServer } from './question-client.js';

const TOKENS = ['north', 'south'].map((username) => ({ username, token: `${username}-0123456789abcdef` }));
const config = (profile: object): string =>
  JSON.stringify({ mxcp: 1, projects: { shop: { profiles: { dev: profile } } } });

/** `orders` has the numbers from 0 to 9. */
const PROTECTED = {
  'mxcp-site.yml': [
    'mxcp: 1',
    'project: shop',
    'profile: dev',
    'profiles:',
    '  dev:',
    '    protect:',
    '      tables:',
    `        - { table: orders, rows: "(id < 3) = (get_username() = 'north')" }`,
    '      unfiltered: [tool/purge]',
  ],
  'config.yml': config({ auth: { provider: 'static', static: { tokens: TOKENS } } }),
  'tools/note.yml': sqlTool('note', 'INSERT INTO notes SELECT id FROM orders', ['confirm: "Note {{ rows }} orders?"']),
  'tools/purge.yml': sqlTool('purge', 'DELETE FROM orders', ['confirm: "Delete {{ rows }} orders?"']),
};

it('the number of rows in a question is that of the rows that the caller sees', async () => {
  const { running } = await startServer(PROTECTED, {}, ['CREATE TABLE notes (id BIGINT)']);
  const as = (username: string, tool: string) => ({
    tool,
    headers: { authorization: `Bearer ${username}-0123456789abcdef` },
  });
  const messageOf = async (username: string, tool: string): Promise<string | undefined> =>
    (await askedBy(running.url, as(username, tool))).inputRequests[CONFIRM]?.params.message;
  expect(await messageOf('north', 'note')).toBe('Note 3 orders?');
  expect(await messageOf('south', 'note')).toBe('Note 7 orders?');
  // What may change all rows does so for every caller, and says how many.
  expect(await messageOf('north', 'purge')).toBe('Delete 10 orders?');
});

it('what the rules refuse is no endpoint, so it asks nothing', async () => {
  const around = 'INSERT INTO notes SELECT id FROM "db-dev".main.orders';
  const files = {
    ...PROTECTED,
    'tools/around.yml': sqlTool('around', around, ['confirm: "Note {{ rows }} orders?"']),
    'tools/remove.yml': sqlTool('remove', 'DELETE FROM orders', ['confirm: "Delete {{ rows }} orders?"']),
  };
  const starting = startServer(files, {}, ['CREATE TABLE notes (id BIGINT)']);
  await expect(starting).rejects.toThrow(
    /around\.yml:\d+: rows are protected.*\n.*remove\.yml:\d+: rows are protected/,
  );
});

it('counting runs no query of the text', async () => {
  const files = {
    'tools/remove.yml': sqlTool('remove', "SELECT nextval('numbers'); DELETE FROM orders WHERE id > 5", [
      'confirm: "Delete {{ rows }} orders?"',
    ]),
    'tools/next.yml': sqlTool('next', "SELECT nextval('numbers') AS n", ['return: { type: integer }']),
  };
  const { running } = await startServer(files, {}, ['CREATE SEQUENCE numbers']);
  const { inputRequests } = await askedBy(running.url, { tool: 'remove' });
  expect(inputRequests[CONFIRM]?.params.message).toBe('Delete 4 orders?');
  const client = await connectTo(running.url);
  expect(await callText(client, 'next')).toBe('1');
  await client.close();
});

const BUSY = {
  'tools/raise_all.yml': sqlTool('raise_all', 'UPDATE orders SET price = price + 1', [
    'confirm: "Raise {{ rows }} prices?"',
  ]),
  'tools/raise.yml': sqlTool('raise', 'UPDATE orders SET price = price + 1 WHERE id = $id', [
    'parameters: [{ name: id, type: integer }]',
  ]),
  'tools/raised.yml': sqlTool('raised', 'SELECT sum(price)::BIGINT AS n FROM orders', ['return: { type: integer }']),
};

it('many callers may be asked about the same rows at once, and make no call of others fail', async () => {
  const { running } = await startServer(BUSY, {}, [
    'CREATE OR REPLACE TABLE orders AS SELECT range AS id, 0 AS price FROM range(1000)',
  ]);
  const client = await connectTo(running.url);
  const ends = new AbortController();
  const asking = Promise.all(Array.from({ length: 32 }, () => askedBy(running.url, { tool: 'raise_all' })));
  const asked = asking.finally(() => ends.abort());
  let raised = 0;
  for (; !ends.signal.aborted; raised += 1) await callText(client, 'raise', { id: raised % 100 });
  const messages = (await asked).map(({ inputRequests }) => inputRequests[CONFIRM]?.params.message);
  expect(new Set(messages)).toEqual(new Set(['Raise 1000 prices?']));
  expect(raised).toBeGreaterThan(0);
  expect(await callText(client, 'raised')).toBe(String(raised));
  await client.close();
});

import { expect, onTestFinished, test } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { openShop } from './protected-shop.js';
import { rowsOf } from './temporary-database.js';

/* SQL of the project changes a protected table while callers read it, and no reload follows. */

const NORTH = { ...ANONYMOUS, username: 'north' };
const NO_LONGER_FIT = 'the rules for rows no longer fit the tables of the database; reload to see which';

async function open() {
  const masks = [{ column: 'email', expression: 'NULL' }];
  const { database, close } = await openShop([{ rows: 'region = get_username()', masks }]);
  onTestFinished(close);
  const read = (sql: string) => rowsOf(database, sql, {}, { caller: NORTH, staysWithin: true });
  // Idle connections have the views already.
  await Promise.all(Array.from({ length: 8 }, () => read('FROM orders')));
  return { read, change: (sql: string) => rowsOf(database, sql, {}, { seesAllRows: true }), database };
}

const MOVED = 'DROP VIEW all_orders; ALTER TABLE orders RENAME TO moved';

test.each([
  ['is gone', 'DROP VIEW all_orders; DROP TABLE orders', 'FROM plain'],
  ['was renamed', MOVED, 'FROM moved'],
  ['was renamed', MOVED, 'FROM shop.main.moved'],
  ['was renamed', MOVED, 'FROM orders'],
  ['became a view', `${MOVED}; CREATE VIEW orders AS FROM moved`, 'FROM shop.main.orders'],
  ['became a view', `${MOVED}; CREATE VIEW orders AS FROM moved`, 'FROM moved'],
  ['became a view in a transaction', `BEGIN; ${MOVED}; CREATE VIEW orders AS FROM moved; COMMIT`, 'FROM moved'],
  ['lost the column of the rule', 'ALTER TABLE orders DROP COLUMN region', 'SELECT id FROM orders'],
  ['lost a masked column', 'ALTER TABLE orders DROP COLUMN email', 'FROM orders'],
])('when a protected table %s (%s), callers read nothing: %s', async (_what, sql, reading) => {
  const { read, change } = await open();
  await change(sql);
  for (let time = 0; time < 10; time += 1)
    await expect(read(reading)).rejects.toMatchObject({ code: 'database_failed', message: NO_LONGER_FIT });
});

test.each([
  [
    'was created again',
    'CREATE TABLE k AS FROM orders; DROP TABLE orders; CREATE TABLE orders AS FROM k; DROP TABLE k',
  ],
  ['has a new column', 'ALTER TABLE orders ADD COLUMN salary INTEGER DEFAULT 5'],
  ['has a column of another type', 'ALTER TABLE orders ALTER email TYPE BLOB'],
  [
    'has its columns in another order',
    'CREATE TABLE k AS SELECT email, region, id, amount FROM orders; DROP TABLE orders; ALTER TABLE k RENAME TO orders',
  ],
  ['has a forged function', "CREATE OR REPLACE MACRO get_username() AS 'south'"],
])('a protected table that %s stays protected', async (_what, sql) => {
  const { read, change } = await open();
  await change(sql);
  for (let time = 0; time < 10; time += 1) {
    expect(await read('SELECT count(*) AS n, count(email) AS emails FROM orders')).toEqual([{ n: 5, emails: 0 }]);
    await expect(read('FROM shop.main.orders')).rejects.toMatchObject({ code: 'policy_denied' });
  }
});

test('once the table is back, callers see what they may', async () => {
  const { read, change } = await open();
  await change(MOVED);
  await expect(read('FROM orders')).rejects.toThrow(NO_LONGER_FIT);
  await change('ALTER TABLE moved RENAME TO orders');
  expect(await read('SELECT count(*) AS n FROM orders')).toEqual([{ n: 5 }]);
});

test('code that renames the table within its session is noticed too', async () => {
  const { read, database } = await open();
  const session = database.openSession(ANONYMOUS, { seesAllRows: true });
  const execution = { signal: new AbortController().signal, onColumns: () => undefined, onRow: () => undefined };
  for (const sql of ['BEGIN', ...MOVED.split('; ')]) await session.execute(sql, {}, execution);
  expect(await read('SELECT count(*) AS n FROM orders')).toEqual([{ n: 5 }]);
  await session.execute('COMMIT', {}, execution);
  await expect(read('FROM moved')).rejects.toThrow(NO_LONGER_FIT);
  await session.dispose();
});

test('SQL under the rules may change names itself', async () => {
  const { database } = await open();
  const run = (sql: string) => rowsOf(database, sql, {}, { caller: NORTH });
  await run('CREATE TABLE mine AS SELECT id FROM orders');
  await run('ALTER TABLE mine RENAME TO yours');
  expect(await run('SELECT count(*) AS n FROM yours')).toEqual([{ n: 5 }]);
  await run('DROP TABLE yours');
});

test('callers who read while the table is renamed back and forth see no foreign row', async () => {
  const { read, change } = await open();
  await change('DROP VIEW all_orders');
  const changing = new AbortController();
  const shown = new Set<unknown>();
  let refused = 0;
  const caller = async (sql: string): Promise<void> => {
    while (!changing.signal.aborted) {
      const rows = await read(sql).catch(() => undefined);
      if (rows === undefined) refused += 1;
      for (const { region, email } of rows ?? []) shown.add(region).add(email);
    }
  };
  const callers = ['FROM orders', 'FROM moved', 'FROM shop.main.moved', 'FROM orders'].map(caller);
  for (let time = 0; time < 40; time += 1) {
    await change('ALTER TABLE orders RENAME TO moved');
    await change('ALTER TABLE moved RENAME TO orders');
  }
  changing.abort();
  await Promise.all(callers);
  expect(refused).toBeGreaterThan(0);
  expect([...shown].filter((value) => value !== 'north' && value !== null)).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import {
  buildGeneration,
  createFolder,
  createRegistry,
  openDatabase,
  rowsOf,
  specOf,
  valueOf,
} from './temporary-database.js';

const ALICE: Caller = {
  ...ANONYMOUS,
  username: 'alice',
  email: 'alice@example.com',
  provider: 'github',
  externalToken: 'token-of-alice',
  requestHeaders: { 'x-request-id': 'r-1', 'x-empty': '' },
};

function createCaller(number: number): Caller {
  return { ...ALICE, username: `user-${number}`, requestHeaders: { 'x-number': String(number) } };
}

describe('the caller', () => {
  test('is known to SQL', async () => {
    const database = await openDatabase();
    const sql = `SELECT get_username() AS name, get_user_email() AS email, get_user_provider() AS provider,
      get_user_external_token() AS token, get_request_headers_json() AS headers`;
    expect(await rowsOf(database, sql, {}, { caller: ALICE })).toEqual([
      {
        name: 'alice',
        email: 'alice@example.com',
        provider: 'github',
        token: 'token-of-alice',
        headers: '{"x-request-id":"r-1","x-empty":""}',
      },
    ]);
  });

  test('is NULL in every respect for an anonymous caller', async () => {
    const database = await openDatabase();
    const sql = `SELECT get_username() AS a, get_user_email() AS b, get_user_provider() AS c,
      get_user_external_token() AS d, get_request_headers_json() AS e, get_request_header('x-request-id') AS f`;
    expect(await rowsOf(database, sql, {}, { caller: ANONYMOUS })).toEqual([
      { a: null, b: null, c: null, d: null, e: null, f: null },
    ]);
  });

  test('has headers by name in any case', async () => {
    const database = await openDatabase();
    for (const name of ['X-Request-ID', 'x-request-id', 'X-REQUEST-ID'])
      expect(await valueOf(database, 'SELECT get_request_header($name)', { name }, { caller: ALICE })).toBe('r-1');
    expect(await valueOf(database, "SELECT get_request_header('x-empty')", {}, { caller: ALICE })).toBe('');
  });

  test.each(['x-missing', '', 'constructor', '__proto__', 'toString'])('has no header %j', async (name) => {
    const database = await openDatabase();
    const sql = 'SELECT get_request_header($name)';
    expect(await valueOf(database, sql, { name }, { caller: ALICE })).toBeNull();
    expect(await valueOf(database, 'SELECT get_request_header(NULL)', {}, { caller: ALICE })).toBeNull();
  });

  test('is asked for each row', async () => {
    const database = await openDatabase();
    const sql = `SELECT name, get_request_header(name) AS value FROM (VALUES ('x-request-id'), ('none'), (NULL)) AS t(name)`;
    expect(await rowsOf(database, sql, {}, { caller: ALICE })).toEqual([
      { name: 'x-request-id', value: 'r-1' },
      { name: 'none', value: null },
      { name: null, value: null },
    ]);
    const count = 'SELECT count(*) FROM range(200000) AS r(i) WHERE get_username() = $name';
    expect(await valueOf(database, count, { name: 'alice' }, { caller: ALICE })).toBe(200_000);
  });

  test('is each one its own when many call at once, through views and macros too', async () => {
    const database = await openDatabase();
    await rowsOf(
      database,
      `CREATE VIEW me AS SELECT get_username() AS name;
       CREATE MACRO my_number() AS get_request_header('X-Number');
       CREATE TABLE big AS SELECT i FROM range(50000) AS r(i)`,
    );
    const sql = `SELECT name, my_number() AS number, (SELECT count(*) FROM big WHERE get_username() = $expected) AS n FROM me`;
    const calls = Array.from({ length: 60 }, async (_, number) => {
      const expected = `user-${number}`;
      const rows = await rowsOf(database, sql, { expected }, { caller: createCaller(number) });
      expect(rows).toEqual([{ name: expected, number: String(number), n: 50_000 }]);
    });
    await Promise.all(calls);
  });

  test('is never the previous one, call after call of the same text', async () => {
    const database = await openDatabase();
    for (let number = 0; number < 20; number += 1) {
      const caller = number % 5 === 4 ? ANONYMOUS : createCaller(number);
      expect(await valueOf(database, 'SELECT get_username() AS name', {}, { caller })).toBe(caller.username);
    }
  });

  test('is not kept after a call that failed', async () => {
    const database = await openDatabase();
    await expect(rowsOf(database, 'SELECT error(get_username())', {}, { caller: ALICE })).rejects.toThrow('alice');
    expect(await valueOf(database, 'SELECT get_username()')).toBeNull();
  });

  test('is anonymous for statements that are only compiled', async () => {
    const database = await openDatabase();
    expect(await database.inspect('SELECT get_username() WHERE get_request_header($h) IS NULL')).toMatchObject({
      parameterNames: ['h'],
    });
  });

  describe('cannot be forged by', () => {
    const FORGED = `CREATE MACRO get_username() AS 'forged'; CREATE MACRO get_request_header(n) AS 'forged'`;
    const WHO = `SELECT get_username() AS name, get_request_header('x-request-id') AS id`;
    const REAL = [{ name: 'alice', id: 'r-1' }];

    test('macros in the database, directly or through a view, also after it was opened again', async () => {
      const registry = createRegistry();
      const spec = specOf(`${createFolder()}/a.duckdb`);
      const first = await buildGeneration(registry, spec);
      await first.commit();
      expect(await rowsOf(first, WHO, {}, { caller: ALICE })).toEqual(REAL);
      await rowsOf(first, `${FORGED}; CREATE VIEW me AS ${WHO}`);
      expect(await rowsOf(first, WHO, {}, { caller: ALICE })).toEqual(REAL);
      expect(await rowsOf(first, 'FROM me', {}, { caller: ALICE })).toEqual(REAL);
      await first.dispose();
      const again = await buildGeneration(registry, specOf(spec.path, { readonly: true }));
      await again.commit();
      for (const sql of [WHO, 'FROM me', `SET search_path = 'main'; ${WHO}`])
        expect(await rowsOf(again, sql, {}, { caller: ALICE })).toEqual(REAL);
    });

    test('macros that another call made for itself', async () => {
      const database = await openDatabase();
      await rowsOf(database, `${FORGED.replaceAll('CREATE', 'CREATE OR REPLACE TEMP')}; SELECT 1`);
      expect(await rowsOf(database, WHO, {}, { caller: ALICE })).toEqual(REAL);
    });

    test('another database that a statement uses', async () => {
      const database = await openDatabase();
      const sql = `ATTACH ':memory:' AS other; USE other; ${FORGED}; ${WHO}`;
      expect(await rowsOf(database, sql, {}, { caller: ALICE })).toEqual(REAL);
    });
  });

  test('is known in a read-only database too', async () => {
    const path = `${createFolder()}/a.duckdb`;
    await createDatabaseFile(path);
    const database = await buildGeneration(createRegistry(), specOf(path, { readonly: true }));
    expect(await valueOf(database, 'SELECT get_username()', {}, { caller: ALICE })).toBe('alice');
  });
});

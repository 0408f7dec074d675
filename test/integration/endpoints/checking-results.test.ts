import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseRegistry, GenerationDatabase } from '../../../src/duckdb/index.js';
import { checkEndpoints, loadEndpoints } from '../../../src/endpoints/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { foldersOf } from '../../kit/projects/endpoint-project.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const TABLE =
  'CREATE TABLE flights(id INTEGER, carrier VARCHAR, day DATE, delay DOUBLE, fare DECIMAL(18,2), tags VARCHAR[], ' +
  'place STRUCT(city VARCHAR, zip INTEGER), meta JSON, number BIGINT); CREATE VIEW untyped AS SELECT NULL AS x';

describe('the result of a checked endpoint', () => {
  const disposer = new Disposer();
  let writable: GenerationDatabase;
  let readonly: GenerationDatabase;

  beforeAll(async () => {
    const folder = new TemporaryProject({});
    disposer.defer(() => rm(folder.root, { recursive: true, force: true }));
    const registry = disposer.own(new DatabaseRegistry());
    const open = async (name: string, isReadonly: boolean) => {
      const path = folder.path(name);
      await createDatabaseFile(path, TABLE);
      const spec = { path, readonly: isReadonly, extensions: [], secrets: [] };
      return disposer.own(await GenerationDatabase.build(registry, spec));
    };
    writable = await open('writable.duckdb', false);
    readonly = await open('readonly.duckdb', true);
  });
  afterAll(() => disposer.dispose());

  async function problemsOf(tool: readonly string[], database = writable): Promise<readonly string[]> {
    using project = new TemporaryProject({ 'tools/t.yml': tool });
    const catalog = await loadEndpoints(foldersOf(project.root));
    expect(catalog.failures).toEqual([]);
    const failures = await checkEndpoints(catalog, { database, python: undefined });
    return failures.flatMap(({ problems }) => problems.map(({ line, message }) => `${line}: ${message}`));
  }

  const returning = (sql: string, returns: string, ...more: string[]) =>
    sqlTool('t', sql, [`return: { ${returns} }`, ...more]);
  const rows = (properties: string, more = '') =>
    `type: array, items: { type: object, properties: { ${properties} }${more} }`;

  it.each([
    [
      'SELECT carrier FROM flights',
      rows('carrier: { type: string }', ', required: [carier]').replace('carrier:', 'carier:'),
      '"carier" is required, but the SQL returns no such column; did you mean "carrier"?',
    ],
    ['SELECT 1 AS a, 2 AS b', 'type: integer', '`return` is integer, which is one column, but the SQL gives 2: a, b'],
    [
      'SELECT carrier FROM flights',
      'type: integer',
      '"carrier" is integer in `return`, but VARCHAR in SQL; write `type: string`, or cast it in the SQL',
    ],
    [
      'SELECT * FROM flights',
      rows('delay: { type: string }'),
      '"delay" is string in `return`, but DOUBLE in SQL; write `type: number`, or cast it in the SQL',
    ],
    [
      'SELECT * FROM flights',
      rows('day: { type: number }'),
      '"day" is number in `return`, but DATE in SQL; write `type: string`, or cast it in the SQL',
    ],
    [
      'SELECT * FROM flights',
      rows('tags: { type: array, items: { type: integer } }'),
      '"tags[]" is integer in `return`, but VARCHAR in SQL; write `type: string`, or cast it in the SQL',
    ],
    [
      'SELECT * FROM flights',
      rows('tags: { type: object }'),
      '"tags" is object in `return`, but VARCHAR[] in SQL; write `type: array`, or cast it in the SQL',
    ],
    [
      'SELECT * FROM flights',
      rows('place: { type: object, properties: { zip: { type: boolean }, town: { type: string } }, required: [town] }'),
      '"place.town" is required, but the SQL returns no such column; known: city, zip',
    ],
    [
      'SELECT id, id FROM flights',
      rows('id: { type: integer }', ', additionalProperties: false'),
      'the SQL returns "id_1", which is not in `properties`, and `additionalProperties` is false',
    ],
    [
      'SELECT carrier FROM flights',
      'type: array, items: { type: string }',
      'each row of SQL is an object, but `return.items` is string',
    ],
    [
      'SELECT count(*) AS n FROM flights',
      'type: boolean',
      '"n" is boolean in `return`, but BIGINT in SQL; write `type: integer`, or cast it in the SQL',
    ],
  ])('can never be %s for %s', async (sql, returns, message) => {
    expect(await problemsOf(returning(sql, returns))).toContain(`4: ${message}`);
  });

  it.each([
    [
      'SELECT * FROM flights',
      rows(
        'id: { type: number }, delay: { type: integer }, fare: { type: string }, number: { type: string }, day: { type: string, format: date }',
      ),
    ],
    [
      'SELECT * FROM flights',
      rows(
        'meta: { type: array }, carrier: { type: object }, place: { type: object, properties: { zip: { type: integer } } }',
      ),
    ],
    ['SELECT meta FROM flights', 'type: integer'],
    ["SELECT error('x') AS a, x AS b FROM untyped", rows('a: { type: string }, b: { type: boolean }')],
    ['SELECT NULL AS a, [] AS b', rows('a: { type: string }, b: { type: array, items: { type: string } }')],
    ['SELECT count(*) AS n FROM flights', 'type: integer'],
    ['SELECT 1::UNION(n INTEGER, t VARCHAR)', 'type: boolean'],
    ['CREATE TEMP TABLE x AS SELECT 1 AS a; SELECT a FROM x', 'type: string'],
    ['SHOW TABLES', 'type: object, required: [name]'],
    ['INSERT INTO flights(id) VALUES (1)', 'type: object, required: [Count]'],
  ])('may be %s for %s', async (sql, returns) => {
    expect(await problemsOf(returning(sql, returns))).toEqual([]);
  });

  it('is known where parameters have types', async () => {
    const numbers = 'parameters: [{ name: a, type: integer }, { name: b, type: number }]';
    expect(
      await problemsOf(
        returning('SELECT $a + 1 AS a, $b AS b', rows('a: { type: string }, b: { type: boolean }'), numbers),
      ),
    ).toEqual(['4: "b" is boolean in `return`, but DOUBLE in SQL; write `type: number`, or cast it in the SQL']);
    expect(
      await problemsOf(
        returning('SELECT $a + 1, $b', rows('x: { type: string }', ', additionalProperties: false'), numbers),
      ),
    ).toEqual([]);
  });

  it('is compared at the property that declares it', async () => {
    const declared = ['return:', '  type: array', '  items:', '    type: object', '    properties:'];
    const properties = ['      id: { type: integer }', '      day: { type: boolean }'];
    const [problem] = await problemsOf(sqlTool('t', 'SELECT id, day FROM flights', [...declared, ...properties]));
    expect(problem).toBe(
      '10: "day" is boolean in `return`, but DATE in SQL; write `type: string`, or cast it in the SQL',
    );
  });

  it('needs IN without parentheses for a list', async () => {
    const list = 'parameters: [{ name: list, type: array, items: { type: string } }]';
    const where = (condition: string) => sqlTool('t', `SELECT * FROM flights WHERE ${condition}`, [list]);
    expect(await problemsOf(where('carrier IN ($list)'))).toEqual([
      '7: $list is a list, and IN ($list) compares with the list itself; write IN $list, or list_contains($list, …)',
    ]);
    for (const right of ['carrier IN $list', 'list_contains($list, carrier)', 'tags IN ($list)'])
      expect(await problemsOf(where(right))).toEqual([]);
  });

  it.each([
    'INSERT INTO flights(id) VALUES ($id)',
    'UPDATE flights SET id = $id',
    'DELETE FROM flights WHERE id = $id',
    'CREATE TABLE made AS SELECT $id AS id',
  ])('cannot exist on a read-only database: %s', async (sql) => {
    const tool = sqlTool('t', sql, ['parameters: [{ name: id, type: integer }]']);
    expect(await problemsOf(tool, readonly)).toEqual([
      '7: the SQL changes the database, which is open read-only; open it read-write, or remove the endpoint',
    ]);
    expect(await problemsOf(tool)).toEqual([]);
  });

  it('may come from what changes nothing on a read-only database', async () => {
    for (const sql of [
      'SELECT * FROM flights',
      'CREATE TEMP TABLE t AS FROM flights',
      "COPY flights TO '/dev/null'",
      'SET VARIABLE a = 1',
    ])
      expect(await problemsOf(sqlTool('t', sql), readonly)).toEqual([]);
  });
});

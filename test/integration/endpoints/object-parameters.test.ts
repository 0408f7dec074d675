import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { toJson } from '../../../src/endpoints/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';
import { anonymous, foldersOf, openProject } from '../../kit/projects/endpoint-project.js';

const MEMBERS =
  '{ s: { type: string }, t: { type: integer }, d: { type: string, format: date }, n: { type: number, default: 2.5 },' +
  ' inner: { type: object, properties: { x: { type: boolean } } }, list: { type: array, items: { type: integer } } }';

function tool(name: string, sql: string, type: string): readonly string[] {
  return sqlTool(name, sql, [`parameters: [{ name: o, ${type} }]`, 'return: { type: object }']);
}

const FILES = {
  'tools/members.yml': tool(
    'members',
    'SELECT $o.s AS s, $o.t + 1 AS t, $o.d AS d, $o.n AS n, $o.inner.x AS x, $o.list AS list',
    `type: object, properties: ${MEMBERS}`,
  ),
  'tools/types.yml': tool('types', 'SELECT typeof($o) AS type', `type: object, properties: ${MEMBERS}`),
  'tools/whole.yml': tool('whole', 'SELECT $o AS o', 'type: object, properties: { a: { type: integer } }'),
  'tools/optional.yml': tool(
    'optional',
    'SELECT $o IS NULL AS missing, $o.a AS a, $o.b.c AS c',
    'type: object, default: null, properties: { a: { type: integer }, b: { type: object, properties: { c: { type: string } } } }',
  ),
  'tools/rows.yml': sqlTool('rows', 'SELECT r.a, r.b FROM (SELECT unnest($o) AS r)', [
    'parameters:',
    '  - name: o',
    '    type: array',
    '    items: { type: object, properties: { a: { type: integer }, b: { type: string, default: none } } }',
  ]),
  'tools/free.yml': tool('free', 'SELECT $o AS o', 'type: object'),
  'tools/field.yml': tool(
    'field',
    "SELECT $o.x AS x, $o->>'y' AS y, typeof($o) AS type",
    'type: object, default: null',
  ),
  'tools/lists.yml': tool('lists', 'SELECT typeof($o) AS type', 'type: array, items: { type: integer }'),
  'tools/needed.yml': tool(
    'needed',
    'SELECT $o.a AS a',
    'type: object, required: [a, b], properties: { a: { type: integer }, b: { type: integer, default: 1 } }',
  ),
};

describe('objects for SQL', () => {
  let disposer: Disposer;

  beforeEach(() => {
    disposer = new Disposer();
  });
  afterEach(() => disposer.dispose());

  async function open(): Promise<(name: string, o: unknown) => Promise<unknown>> {
    const project = new TemporaryProject(FILES);
    onTestFinished(() => project[Symbol.dispose]());
    const { calls } = await openProject(foldersOf(project.root), disposer);
    return async (name, o) => {
      const result = await calls.callTool(name, { o }, anonymous());
      return toJson(result);
    };
  }

  async function call(name: string, o: unknown): Promise<unknown> {
    return (await open())(name, o);
  }

  const NONE = { s: null, t: null, d: null, n: 2.5, x: null, list: null };

  it.each([
    [{}, NONE],
    ['{}', NONE],
    [{ s: 'a' }, { ...NONE, s: 'a' }],
    [
      { s: 'a', t: null, n: null, inner: null },
      { ...NONE, s: 'a' },
    ],
    [
      { s: 'a', t: '9007199254740992', d: '2024-02-29', n: 1, inner: { x: true }, list: [1] },
      { s: 'a', t: '9007199254740993', d: '2024-02-29', n: 1, x: true, list: [1] },
    ],
    [
      { inner: {}, list: [] },
      { ...NONE, list: [] },
    ],
  ])('have all declared members, whatever was sent: %j', async (sent, expected) => {
    expect(await call('members', sent)).toEqual(expected);
  });

  it('have members of the declared types also where nothing was sent', async () => {
    expect(await call('types', {})).toEqual({
      type: 'STRUCT(s VARCHAR, t BIGINT, d DATE, n DOUBLE, "inner" STRUCT(x BOOLEAN), list BIGINT[])',
    });
    expect(await call('lists', [])).toEqual({ type: 'BIGINT[]' });
  });

  it('come back whole, with members that were not declared', async () => {
    expect(await call('whole', {})).toEqual({ o: { a: null } });
    expect(await call('whole', { more: 'm', a: 1 })).toEqual({ o: { a: 1, more: 'm' } });
    expect(await call('free', { more: 'm' })).toEqual({ o: { more: 'm' } });
    expect(await call('free', {})).toEqual({ o: {} });
  });

  it('may lack every member that the SQL reads and no type declares', async () => {
    expect(await call('field', { x: 1, y: 'a' })).toEqual({ x: 1, y: 'a', type: 'STRUCT(x BIGINT, y VARCHAR)' });
    expect(await call('field', {})).toEqual({ x: null, y: null, type: 'JSON' });
    expect(await call('field', null)).toMatchObject({ x: null, y: null });
    const wide = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`k${at}`, at]));
    expect(await call('field', { ...wide, x: 1 })).toEqual({ x: 1, y: null, type: 'JSON' });
  });

  it.each([
    ['free', '{"a b": 1, "": 2}', '"o" has a member without a name, which SQL cannot have; give it a name'],
    ['free', '{"in": {"x": [{"": 2}]}}', '"o.in.x[]" has a member without a name, which SQL cannot have'],
    [
      'free',
      '{"a": 1, "A": 2}',
      '"o" has the members "a" and "A", sent or declared, which are the same to SQL; use one spelling',
    ],
    [
      'free',
      '{"l": [{"a": 1}, {"A": 2}]}',
      '"o.l[]" has the members "a" and "A", sent or declared, which are the same to SQL',
    ],
    ['whole', '{"A": 1}', '"o" has the members "a" and "A", sent or declared, which are the same to SQL'],
  ])('are refused by %s when SQL cannot name their members: %s', async (name, sent, message) => {
    await expect(call(name, JSON.parse(sent))).rejects.toMatchObject({
      code: 'params_invalid',
      message: expect.stringContaining(message),
    });
  });

  it('may have members that differ in more than the case of ASCII letters', async () => {
    const sent = { a: 1, ä: 2, Ä: 3, 'a b': 4, __proto__x: 5 };
    expect(await call('free', sent)).toEqual({ o: sent });
  });

  it('are NULL when an optional one is left out', async () => {
    expect(await call('optional', null)).toEqual({ missing: true, a: null, c: null });
  });

  it('have all declared members in lists', async () => {
    expect(await call('rows', [{}, { a: 1 }, { a: null, b: 'x' }])).toEqual([
      { a: null, b: 'none' },
      { a: 1, b: 'none' },
      { a: null, b: 'x' },
    ]);
    expect(await call('rows', [{}])).toEqual([{ a: null, b: 'none' }]);
    expect(await call('rows', [])).toEqual([]);
  });

  it('may lack any members, in any mix of lists', async () => {
    const callAgain = await open();
    const members = { a: fc.maxSafeInteger(), b: fc.string({ unit: 'grapheme' }) };
    const rows = fc.array(fc.record(members, { requiredKeys: [] }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rows, async (sent) => {
        const filled = sent.map(({ a = null, b = 'none' }) => ({ a, b }));
        expect(await callAgain('rows', sent)).toEqual(JSON.parse(JSON.stringify(filled)));
      }),
      { numRuns: 100 },
    );
  });

  it('need what is required and has no default', async () => {
    expect(await call('needed', { a: 1 })).toEqual({ a: 1 });
    await expect(call('needed', { a: null })).rejects.toThrow('"o.a" must be a whole number, not null');
    await expect(call('needed', {})).rejects.toThrow('"o.a" is required');
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointRun } from '../../../src/endpoints/calling/run-endpoint.js';
import { runEndpoint, toJson } from '../../../src/endpoints/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { anonymous, foldersOf, openProject } from '../../kit/projects/endpoint-project.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const META = "SELECT json_object('k', [1, 12345678901234567890]) AS m, '[1, 2]' AS t, 1 AS \"2\"";
const EXACT = { k: [1, '12345678901234567890'] };

function tool(name: string, sql: string, returns?: string): readonly string[] {
  return sqlTool(name, sql, returns === undefined ? [] : [`return: { ${returns} }`]);
}

function resource(uri: string, name: string, sql: string, returns: string): readonly string[] {
  const [, parameter = ''] = /\{(\w+)\}/.exec(uri) ?? [];
  const id = `parameters: [{ name: ${parameter}, type: ${parameter === 'id' ? 'integer' : 'string'} }]`;
  return sqlTool(name, sql, [id, `return: { ${returns} }`]).map((line) =>
    line === 'tool:' ? 'resource:' : line.startsWith('  name:') ? `${line}\n  uri: "${uri}"` : line,
  );
}

const FILES = {
  'tools/plain.yml': tool('plain', META),
  'tools/rows.yml': tool(
    'rows',
    META,
    'type: array, items: { type: object, properties: { m: { type: object }, t: { type: array } } }',
  ),
  'tools/texts.yml': tool('texts', META, 'type: object, properties: { m: { type: string }, t: { type: string } }'),
  'tools/text.yml': tool('text', 'SELECT \'{"a": 1}\'::JSON', 'type: string'),
  'tools/whole.yml': tool('whole', "SELECT '5'::JSON", 'type: integer'),
  'tools/wrong.yml': tool('wrong', "SELECT '[1' AS m", 'type: object, properties: { m: { type: array } }'),
  'tools/no_object.yml': tool('no_object', 'SELECT 1 AS a WHERE false', 'type: object'),
  'tools/no_value.yml': tool('no_value', 'SELECT 1 WHERE false', 'type: integer'),
  'resources/row.yml': resource('row://{id}', 'row', 'SELECT $id AS id WHERE $id < 10', 'type: object'),
  'resources/own.yml': resource('own://{constructor}', 'own', 'SELECT $constructor AS c', 'type: string'),
  'resources/word.yml': resource('word://{id}', 'word', "SELECT 'w' || $id WHERE $id < 10", 'type: string'),
};

describe('a result of SQL', () => {
  const disposer = new Disposer();
  let call: (name: string) => Promise<unknown>;
  let read: (uri: string) => Promise<string>;
  let runAlone: (run: Omit<EndpointRun, 'context'>) => Promise<unknown>;

  beforeAll(async () => {
    const project = new TemporaryProject(FILES);
    disposer.defer(() => Promise.resolve(project[Symbol.dispose]()));
    const { calls, catalog, endpoints, database } = await openProject(foldersOf(project.root), disposer);
    runAlone = (run) => {
      const contents = { endpoints, database, python: undefined };
      return runEndpoint(contents, { ...run, context: anonymous() }, { callTimeoutMs: 5_000, maxResultBytes: 1_000 });
    };
    expect(catalog.failures).toEqual([]);
    call = async (name) => {
      const result = await calls.callTool(name, {}, anonymous());
      return toJson(result);
    };
    read = async (uri) => [...(await calls.readResource(uri, anonymous())).texts].join('');
  });
  afterAll(() => disposer.dispose());

  it('has JSON columns as values, with the digits of large numbers, and keeps the order of columns', async () => {
    expect(await call('plain')).toEqual([{ m: EXACT, t: '[1, 2]', 2: 1 }]);
    expect(JSON.stringify(await call('plain'))).toMatch(/^\[\{"m":.*"t":.*"2":1\}\]$/);
  });

  it('has lists and objects where they are declared, also from text', async () => {
    expect(await call('rows')).toEqual([{ m: EXACT, t: [1, 2], 2: 1 }]);
    await expect(call('wrong')).rejects.toMatchObject({
      code: 'output_invalid',
      message: expect.stringContaining('not "[1"'),
    });
  });

  it('has the text of JSON where text is declared', async () => {
    expect(await call('texts')).toEqual({ m: '{"k":[1,12345678901234567890]}', t: '[1, 2]', 2: 1 });
    expect(await call('text')).toBe('{"a": 1}');
    expect(await call('whole')).toBe(5);
  });

  it('is null without a row if its type allows that, and "not found" otherwise', async () => {
    expect(await call('no_value')).toBeNull();
    await expect(call('no_object')).rejects.toMatchObject({
      code: 'not_found',
      message: 'not found: tool "no_object" found nothing for these arguments',
    });
    expect(await read('row://3')).toBe('{\n  "id": 3\n}');
    expect(await read('word://3')).toBe('w3');
    for (const uri of ['row://30', 'word://30'])
      await expect(read(uri)).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringMatching(/^not found: resource /),
      });
  });

  it('needs the own parameters of a resource, whatever their names are', async () => {
    const named = { kind: 'resource', name: 'own' } as const;
    await expect(runAlone({ ...named, parameters: {} })).rejects.toThrow('"constructor" is required');
    expect(await runAlone({ ...named, parameters: { constructor: 'x' } })).toBe('x');
  });

  it('refuses a name of any length with a short error', async () => {
    await expect(call('x'.repeat(1_000_000))).rejects.toMatchObject({
      message: `there is no tool "${'x'.repeat(200)}…"`,
    });
  });
});

import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Disposer } from '../../../src/lifecycle/index.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';
import { anonymous, foldersOf, openProject } from '../../kit/projects/endpoint-project.js';

const ID = 'parameters: [{ name: id, type: integer }]';
const IDS = '(VALUES (9007199254740992), (9007199254740993), (9007199254740994)) v(id)';

function openTools(disposer: Disposer) {
  const project = new TemporaryProject({
    'tools/find.yml': sqlTool('find', `SELECT id FROM ${IDS} WHERE id = $id`, [
      ID,
      'return: { type: array, items: { type: object, properties: { id: { type: integer } } } }',
    ]),
    'tools/echo.yml': sqlTool('echo', 'SELECT $id', [ID, 'return: { type: integer }']),
    'tools/kind.yml': sqlTool('kind', 'SELECT typeof($id)', [ID, 'return: { type: string }']),
    'tools/text.yml': sqlTool('text', 'SELECT $id', [
      'parameters: [{ name: id, type: string }]',
      'return: { type: string }',
    ]),
    'tools/total.yml': sqlTool('total', 'SELECT list_sum($ids)', [
      'parameters: [{ name: ids, type: array, items: { type: integer } }]',
      'return: { type: integer }',
    ]),
    'tools/price.yml': sqlTool('price', "SELECT '12345678901234567.89'::DECIMAL(38,2)", [
      'return: { type: number, minimum: 1.2e+16 }',
    ]),
    'tools/rate.yml': sqlTool('rate', 'SELECT $rate::DOUBLE', [
      'parameters: [{ name: rate, type: number, multipleOf: 0.1, default: 0.3 }]',
      'return: { type: number, multipleOf: 0.01 }',
    ]),
    'resources/item.yml': [
      'resource:',
      '  uri: "items://{id}"',
      `  ${ID}`,
      '  return: { type: integer }',
      '  source:',
      '    code: SELECT $id',
    ],
  });
  onTestFinished(() => project[Symbol.dispose]());
  return openProject(foldersOf(project.root), disposer);
}

describe('numbers that a double cannot hold', () => {
  let disposer: Disposer;

  beforeEach(() => {
    disposer = new Disposer();
  });
  afterEach(() => disposer.dispose());

  it('find their own row, and come back as the text that was sent', async () => {
    const { calls } = await openTools(disposer);
    expect(await calls.callTool('find', { id: '9007199254740993' }, anonymous())).toMatchObject({
      items: [{ id: '9007199254740993' }],
    });
    const { texts } = await calls.readResource('items://-9007199254740993', anonymous());
    expect([...texts]).toEqual(['-9007199254740993']);
  });

  it.each([
    ['9223372036854775807', 'BIGINT'],
    ['-9223372036854775808', 'BIGINT'],
    ['7', 'BIGINT'],
    ['9223372036854775808', 'HUGEINT'],
    ['-170141183460469231731687303715884105728', 'HUGEINT'],
  ])('%s is bound as %s', async (id, type) => {
    const { calls } = await openTools(disposer);
    expect(await calls.callTool('kind', { id }, anonymous())).toMatchObject({ value: type });
  });

  it('are refused as numbers, which have lost digits on the way', async () => {
    const { calls } = await openTools(disposer);
    for (const name of ['find', 'text']) {
      await expect(calls.callTool(name, JSON.parse('{"id": 9007199254740993}'), anonymous())).rejects.toMatchObject({
        code: 'params_invalid',
        message:
          `invalid arguments for tool "${name}": "id" is a number beyond ±9007199254740991, ` +
          'which may have lost digits on its way; send it as text, in quotes',
      });
    }
  });

  it('are exact in lists too', async () => {
    const { calls } = await openTools(disposer);
    const ids = ['9007199254740993', 1, '-2'];
    expect(await calls.callTool('total', { ids }, anonymous())).toMatchObject({ value: '9007199254740992' });
  });

  it('fit a declared number, and are compared with its bounds', async () => {
    const { calls } = await openTools(disposer);
    expect(await calls.callTool('price', {}, anonymous())).toMatchObject({ value: '12345678901234567.89' });
  });

  it('or that it holds only approximately, are multiples if their decimal texts are', async () => {
    const { calls } = await openTools(disposer);
    expect(await calls.callTool('rate', {}, anonymous())).toMatchObject({ value: 0.3 });
    expect(await calls.callTool('rate', { rate: '19.9' }, anonymous())).toMatchObject({ value: 19.9 });
    await expect(calls.callTool('rate', { rate: 19.95 }, anonymous())).rejects.toThrow(
      '"rate" must be a multiple of 0.1, not 19.95',
    );
  });

  it('of 64 and of 128 bits come back the same when they are sent as text', async () => {
    const { calls } = await openTools(disposer);
    const integers = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n }),
      fc.maxSafeInteger().map(BigInt),
    );
    await fc.assert(
      fc.asyncProperty(integers, async (id) => {
        const { texts } = await calls.callTool('echo', { id: String(id) }, anonymous());
        expect([...texts]).toEqual([String(id)]);
      }),
      { numRuns: 300 },
    );
  });
});

import type { Client } from '@modelcontextprotocol/client';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { connectTo } from '../kit/mcp-client.js';
import { mainThreadTimeOf, memoryOf } from '../kit/processes.js';
import { sqlTool, TemporaryProject } from '../kit/projects/temporary-project.js';

/**
 * One call takes the event loop at most 50 ms on a machine that does nothing else. The main thread may run for three times as long,
 * because other processes slow it down here, and because it also collects the garbage of earlier calls.
 */
const MOST_MS = 150;
/** The engine and the heap of Node keep some of what the largest calls took. */
const MOST_MEMORY_MIB = 300;
const BODY_BYTES = 100_000;

const MEMBERS =
  '{ a: { type: integer }, b: { type: string, default: x }, c: { type: array, items: { type: number } } }';
const TYPES = {
  text: 'type: string, maxLength: 10',
  pattern: 'type: string, pattern: "^[a-z]+$"',
  email: 'type: string, format: email',
  uri: 'type: string, format: uri',
  date: 'type: string, format: date-time',
  duration: 'type: string, format: duration',
  whole: 'type: integer, minimum: 3, multipleOf: 7',
  number: 'type: number, format: timestamp',
  truth: 'type: boolean',
  list: 'type: array',
  unique: 'type: array, uniqueItems: true',
  numbers: 'type: array, items: { type: integer, maximum: 9 }',
  lists: 'type: array, items: { type: array, items: { type: string } }',
  object: 'type: object',
  members: `type: object, properties: ${MEMBERS}`,
  closed: `type: object, properties: ${MEMBERS}, additionalProperties: false`,
  rows: `type: array, items: { type: object, properties: ${MEMBERS}, required: [a] }`,
};
const NAMES = Object.keys(TYPES);

const FILES = Object.fromEntries(
  Object.entries(TYPES).map(([name, type]) => [
    `tools/${name}.yml`,
    sqlTool(name, 'SELECT $v IS NULL AS v', [`parameters: [{ name: v, ${type} }]`]),
  ]),
);

function nest(depth: number, wrap: (value: unknown) => unknown, inner: unknown): unknown {
  let value = inner;
  for (let level = 0; level < depth; level += 1) value = wrap(value);
  return value;
}

const list = (length: number, toItem: (at: number) => unknown): unknown[] =>
  Array.from({ length }, (_, at) => toItem(at));
const object = (length: number, toName: (at: number) => string): unknown =>
  Object.fromEntries(list(length, (at) => [toName(at), at]) as [string, unknown][]);

/** What took seconds and gigabytes before there were limits. */
const ATTACKS: readonly (readonly [what: string, tool: keyof typeof TYPES, value: unknown])[] = [
  ['lists 2,000 deep', 'list', nest(2000, (value) => [value], 1)],
  ['lists 64 deep, 140 times', 'list', list(140, () => nest(62, (value) => [value], [1]))],
  ['text of lists 5,000 deep', 'list', '['.repeat(5000) + ']'.repeat(5000)],
  ['objects 1,000 deep', 'object', nest(1000, (a) => ({ a }), {})],
  ['objects 3,000 deep where members are declared', 'members', nest(3000, (c) => ({ c }), 1)],
  ['3,000 objects with different members', 'list', list(3000, (at) => ({ [`k${at}`]: 1 }))],
  ['lists of objects with different members', 'list', list(90, () => list(50, (at) => ({ [`k${at}`]: 1 })))],
  ['9,999 whole numbers', 'list', list(9999, (at) => at)],
  ['500,000 whole numbers', 'list', list(500_000, (at) => at)],
  ['100,000 equal objects', 'list', list(100_000, () => ({ a: 1, b: 'x' }))],
  ['3,000 objects that lack declared members', 'rows', list(3000, () => ({ a: 1 }))],
  ['a text of 4 MB for a list', 'numbers', `[${'1,'.repeat(1_900_000)}1]`],
  ['a text of 4 MB for an email address', 'email', `a@${'a.'.repeat(1_900_000)}`],
  ['50,000 unknown members', 'closed', object(50_000, (at) => `x${at}`)],
  ['9,000 unknown members', 'closed', object(9000, (at) => `x${at}`)],
  ['9,000 members that are not declared', 'members', object(9000, (at) => `x${at}`)],
  ['9,999 items of a wrong type', 'numbers', list(9999, () => 'x')],
  ['4,900 different objects that must be unique', 'unique', list(4900, (at) => ({ at }))],
];

describe('an argument', () => {
  let project: TemporaryProject;
  let server: ChildServer;
  let client: Client;
  let memoryBefore: number;

  beforeAll(async () => {
    project = new TemporaryProject(FILES);
    server = await ChildServer.start(project);
    client = await connectTo(server.url);
    for (const name of NAMES) await call(name, '1');
    memoryBefore = memoryOf(server.pid);
  });
  afterAll(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
    project[Symbol.dispose]();
  });

  async function call(name: string, v: unknown): Promise<string> {
    const { content, isError } = await client.callTool({ name, arguments: { v } });
    const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
    if (isError === true)
      expect(text).toMatch(new RegExp(`^Error executing tool ${name}: (?:invalid arguments: |"v[^a-z])`));
    expect(Buffer.byteLength(text)).toBeLessThan(2048 + 100);
    return text;
  }

  async function expectCheap(name: string, v: unknown): Promise<void> {
    const before = mainThreadTimeOf(server.pid);
    await call(name, v);
    expect(mainThreadTimeOf(server.pid) - before).toBeLessThan(MOST_MS);
  }

  it.each(ATTACKS)('costs what its size is worth: %s', async (_, name, value) => {
    await expectCheap(name, value);
  });

  it('costs what its size is worth, when the caller sends 100,000 of them', async () => {
    const before = mainThreadTimeOf(server.pid);
    const sent = client.callTool({
      name: 'text',
      arguments: Object.fromEntries(list(100_000, (at) => [`x${at}`, 1]) as []),
    });
    await expect(sent).rejects.toThrow('Invalid params: arguments: more than 10000');
    expect(mainThreadTimeOf(server.pid) - before).toBeLessThan(2 * MOST_MS);
  });

  it('costs what its size is worth, whatever it is and whatever is declared', async () => {
    const scalar = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.string(),
      fc.constant(null),
      fc.constantFrom('9'.repeat(999), '2024-01-01'),
    );
    const shaped = fc.oneof(
      { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 6 }) },
      scalar,
      fc.tuple(scalar, fc.integer({ min: 1, max: 20_000 })).map(([item, length]) => list(length, () => item)),
      fc.integer({ min: 1, max: 10_000 }).map((length) => object(length, (at) => `k${at}`)),
      fc
        .tuple(fc.integer({ min: 1, max: 7000 }), fc.integer({ min: 1, max: 7000 }))
        .map(([length, names]) => list(length, (at) => ({ [`k${at % names}`]: at, a: at }))),
      fc
        .tuple(fc.constantFrom('a', 'c'), fc.integer({ min: 1, max: 4000 }))
        .map(([key, depth]) => nest(depth, (value) => ({ [key]: value }), 1)),
      fc
        .tuple(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 200 }))
        .map(([depth, length]) => list(length, () => nest(depth, (value) => [value], 'x'))),
      fc
        .tuple(
          fc.constantFrom('a', 'a.', 'a@', '1', ' ', '-', '"', '\\', 'P1', ':', '[', '{"a":', ','),
          fc.integer({ min: 1, max: 50_000 }),
        )
        .map(([part, times]) => part.repeat(times)),
    );
    const sent = fc.tuple(shaped, fc.boolean()).map(([value, isText]) => (isText ? JSON.stringify(value) : value));
    const small = sent.filter((value) => JSON.stringify(value).length <= BODY_BYTES);
    await fc.assert(fc.asyncProperty(fc.constantFrom(...NAMES), small, expectCheap), {
      numRuns: 150,
      endOnFailure: true,
    });
  });

  it('leaves no memory in use behind', async () => {
    expect((await server.admin.health()).status).toBe('ok');
    expect(memoryOf(server.pid) - memoryBefore).toBeLessThan(MOST_MEMORY_MIB);
  });
});

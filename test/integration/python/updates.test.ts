import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ParameterValue } from '../../../src/duckdb/index.js';
import { findResourcePatterns } from '../../../src/endpoints/index.js';
import { ResourceRouter, UriTemplate } from '../../../src/endpoints/definitions/uri-template.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const CODE = [
  'import asyncio, concurrent.futures, threading',
  'from mxcp.runtime import db, mcp, on_init',
  'def change(uris):',
  '    for uri in uris: mcp.resource_updated(uri)',
  'async def change_later(uris):',
  '    for uri in uris: await mcp.resource_updated(uri)',
  'def change_in_pool(uris):',
  '    with concurrent.futures.ThreadPoolExecutor(2) as pool: list(pool.map(mcp.resource_updated, uris))',
  'def change_and_fail():',
  '    mcp.resource_updated("stock://all")',
  '    raise ValueError("too late")',
  'async def change_and_wait():',
  '    mcp.resource_updated("stock://all")',
  '    print("changed")',
  '    await asyncio.sleep(60)',
  'def change_much(count):',
  '    for number in range(count):',
  '        mcp.resource_updated("stock://all")',
  '        mcp.resource_updated("stock://one/%d" % number)',
  'def why_not(uri):',
  '    try: mcp.resource_updated(uri)',
  '    except (TypeError, ValueError) as error: return str(error)',
  'def why_not_each(uris): return [why_not(uri) for uri in uris]',
  'def in_thread(count):',
  '    thread = threading.Thread(target=change_much, args=[count])',
  '    thread.start()',
  '    thread.join()',
  'def in_child():',
  '    import os',
  '    read, write = os.pipe()',
  '    if os.fork() == 0:',
  '        try: change(["stock://all"])',
  '        except RuntimeError as error: os.write(write, str(error).encode())',
  '        os._exit(0)',
  '    os.wait()',
  '    return os.read(read, 1000).decode()',
  'tasks = []',
  'def outlive():',
  '    async def later():',
  '        await asyncio.sleep(0)',
  '        mcp.resource_updated("stock://one/late")',
  '    async def start(): tasks.append(asyncio.get_running_loop().create_task(later()))',
  '    return start()',
  'on_init(lambda: mcp.resource_updated("stock://one/init"))',
];

const toPatterns = (uris: readonly string[]) =>
  findResourcePatterns({
    endpoints: uris.map((uri) => ({ kind: 'resource', uri: new UriTemplate(uri).text })),
  } as unknown as Parameters<typeof findResourcePatterns>[0]);

const RESOURCES = ['stock://all', 'stock://one/{name}', 'http://Shop/{a}/b/{c}'];

async function start(resources: readonly string[] = RESOURCES): Promise<PythonProject> {
  const project = new TemporaryProject({ 'python/work.py': CODE });
  onTestFinished(() => project[Symbol.dispose]());
  const python = await PythonProject.build(project, { resources: toPatterns(resources) });
  onTestFinished(() => python[Symbol.asyncDispose]());
  return python;
}

/** What a call says that it has changed. */
async function updatedBy(python: PythonProject, target: string, parameters: Record<string, ParameterValue> = {}) {
  const updated: string[] = [];
  await python.call(target, parameters, { onUpdated: (uris) => updated.push(...uris) });
  return updated;
}

describe('code that says which resources it has changed', () => {
  it('is heard when its call has ended, with each resource once', async () => {
    const python = await start();
    const uris = ['stock://one/tea', 'Stock://ALL', 'stock://one/tea', 'stock://one/earl grey', 'stock://one/{name}'];
    const expected = ['stock://all', 'stock://one/earl%20grey', 'stock://one/tea', 'stock://one/{name}'];
    expect(await updatedBy(python, 'work:change', { uris })).toEqual(expected);
    expect(await updatedBy(python, 'work:change_later', { uris })).toEqual(expected);
    expect(await updatedBy(python, 'work:change_in_pool', { uris })).toEqual(expected);
    expect(await updatedBy(python, 'work:change', { uris: [] })).toEqual([]);
    expect(python.updated).toEqual([]);
  });

  it('is not heard when its call fails or is cancelled', async () => {
    const python = await start();
    const heard = vi.fn<(uris: readonly string[]) => void>();
    await expect(python.call('work:change_and_fail', {}, { onUpdated: heard })).rejects.toThrow('too late');
    const stop = new AbortController();
    const waiting = python.call('work:change_and_wait', {}, { signal: stop.signal, onUpdated: heard });
    void vi.waitFor(() => expect(python.output).toEqual(['changed'])).then(() => stop.abort());
    await expect(waiting).rejects.toMatchObject({ code: 'query_interrupted' });
    expect(heard).not.toHaveBeenCalled();
  });

  it('gets an error for what is no resource of the project', async () => {
    const python = await start();
    const whyNot = (uri: ParameterValue) => python.value('work:why_not', { uri });
    expect(await whyNot('stock://al')).toBe('there is no resource "stock://al"; did you mean "stock://all"?');
    expect(await whyNot('stock://one/a/b')).toContain('there is no resource "stock://one/a/b"');
    expect(await whyNot('nothing')).toBe(
      'there is no resource "nothing"; the resources of the project are stock://all, http://shop/{a}/b/{c}, stock://one/{name}',
    );
    expect(await whyNot(`stock://one/${'x'.repeat(3000)}`)).toContain('must not be longer than 2048 characters');
    expect(await whyNot(7n)).toBe('the URI of a resource must be a str, not of type "int"');
    expect(await whyNot('stock://one/%zz')).toContain('there is no resource');
    expect(await whyNot('stock://one/%ff')).toContain('there is no resource');
    const empty = await start([]);
    expect(await empty.value('work:why_not', { uri: 'stock://all' })).toBe(
      'there is no resource "stock://all": the project has no resources',
    );
  });

  it('may say so for ever, and what is sent stays small', async () => {
    const python = await start();
    const updated = await updatedBy(python, 'work:change_much', { count: 10_000n });
    expect(updated).toHaveLength(1001);
    // What has no more room is part of its template.
    expect(updated).toContain('stock://one/{name}');
    await python.call('work:in_thread', { count: 10_000n });
    const isLast = (uri: string): boolean => uri === 'stock://one/9999' || uri === 'stock://one/{name}';
    await vi.waitFor(() => expect(python.updated.some(isLast)).toBe(true));
  });

  it('is heard outside calls: in hooks, threads, and tasks that outlive their call', async () => {
    const python = await start();
    await python.workers.initialise();
    expect(python.updated).toEqual(['stock://one/init']);
    expect(await updatedBy(python, 'work:in_thread', { count: 1n })).toEqual([]);
    expect(await updatedBy(python, 'work:outlive')).toEqual([]);
    await vi.waitFor(() => expect(new Set(python.updated)).toContain('stock://one/late'));
    expect(new Set(python.updated)).toContain('stock://one/0');
    expect(await python.value('work:in_child')).toContain('has no connection to the server');
  });

  it('finds the same resources as clients do', async () => {
    const written = ['x://a/{b}', 'x://{b}', 'x://a/b', 'X://Ä.org/{p}/é', 'urn:[{v}]', 'h://{a}.{b}/(c)+'];
    const python = await start(written);
    const router = new ResourceRouter(written.map((uri) => [uri, uri]));
    const begin = fc.constantFrom(
      'x://',
      'X://a/',
      'x://a/b',
      'x://%C3%84.org/',
      'x://ä.org/',
      'urn:[',
      'urn:%5B',
      'h://a.b/',
    );
    const parts = ['/', 'a', 'b', '.', ' ', '(c)', '+', 'é', '😀', '"', '#', ']', '%2F', '%41', '%ff', '%c3%a9', '%zz'];
    const rest = fc.string({ unit: fc.constantFrom(...parts), maxLength: 8 });
    const property = fc.asyncProperty(
      fc.array(fc.tuple(begin, rest), { minLength: 50, maxLength: 50 }),
      async (tuples) => {
        const uris = tuples.map((each) => each.join(''));
        const { items } = await python.call('work:why_not_each', { uris });
        for (const [at, uri] of uris.entries()) {
          const isFound = router.find(uri) !== undefined;
          // Clients may also send what URL parsers rewrite, such as dots in a path.
          const isRewritten = URL.canParse(uri) && new URL(uri).href !== uri;
          if (items[at] === null || !isRewritten) expect([uri, items[at] === null]).toEqual([uri, isFound]);
        }
      },
    );
    await fc.assert(property, { numRuns: 20 });
  });
});

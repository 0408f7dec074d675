import { ANONYMOUS } from '../../../src/caller/index.js';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Disposer, Generation } from '../../../src/lifecycle/index.js';
import { CallLog, EndpointSet, runEndpoint } from '../../../src/endpoints/index.js';
import { anonymous, fixture, openProject } from '../../kit/projects/endpoint-project.js';

const project = fixture('endpoint-kinds.good');

describe('calling endpoints of a project over a real database', () => {
  let disposer: Disposer;

  beforeEach(() => {
    disposer = new Disposer();
  });
  afterEach(() => disposer.dispose());

  it('answers one value as a scalar, with defaults and numeric text taken', async () => {
    const { calls } = await openProject(project, disposer);
    expect(await calls.callTool('add_numbers', { a: '41' }, anonymous())).toEqual({
      shape: 'scalar',
      value: 42,
      texts: ['42'],
      bytes: 2,
    });
  });

  it('answers rows of an SQL file, with dates bound and answered as dates', async () => {
    const { calls } = await openProject(project, disposer);
    const result = await calls.callTool('sales_by_region', { region: 'north', since: null }, anonymous());
    expect(result).toMatchObject({
      shape: 'array',
      items: [{ region: 'north', day: '2024-02-29', amount: 2.5 }],
      texts: ['{"region":"north","day":"2024-02-29","amount":2.5}'],
    });
  });

  it('lets any column be null', async () => {
    const { calls } = await openProject(project, disposer);
    const result = await calls.callTool('sales_by_region', { region: 'south' }, anonymous());
    expect(result).toMatchObject({ items: [{ region: 'south', day: '2024-03-01', amount: null }] });
  });

  it('answers an object pretty-printed, as the caller it was called by', async () => {
    const { calls } = await openProject(project, disposer);
    const caller = { ...ANONYMOUS, username: 'ada' };
    const result = await calls.callTool('whoami', {}, { ...anonymous(), caller });
    expect(result).toMatchObject({ shape: 'object', value: { name: 'ada' }, texts: ['{\n  "name": "ada"\n}'] });
  });

  it('names every argument that does not fit', async () => {
    const { calls } = await openProject(project, disposer);
    await expect(
      calls.callTool('sales_by_region', { regoin: 'x', since: '2024-02-30' }, anonymous()),
    ).rejects.toMatchObject({
      code: 'params_invalid',
      message:
        'invalid arguments for tool "sales_by_region": "region" is required; ' +
        '"regoin" is not known; did you mean "region"?; "since" must be a date (YYYY-MM-DD), not "2024-02-30"',
    });
  });

  it('suggests the tool that was probably meant', async () => {
    const { calls } = await openProject(project, disposer);
    await expect(calls.callTool('ad_numbers', {}, anonymous())).rejects.toMatchObject({
      code: 'endpoint_not_found',
      message: 'there is no tool "ad_numbers"; did you mean "add_numbers"?',
    });
  });

  it('reads a resource without parameters as JSON and one with a decoded parameter as its own text', async () => {
    const { calls } = await openProject(project, disposer);
    const all = await calls.readResource('sales://regions', anonymous());
    expect(all).toMatchObject({ uri: 'sales://regions', mimeType: 'application/json' });
    expect(JSON.parse([...all.texts].join(''))).toEqual([{ region: 'north' }, { region: 'south' }]);
    const one = await calls.readResource('sales://regions/far%20east', anonymous());
    expect({ ...one, texts: [...one.texts] }).toEqual({
      uri: 'sales://regions/far%20east',
      mimeType: 'text/markdown',
      texts: ['# far east'],
      bytes: 10,
      isBinary: false,
    });
  });

  it('renders a prompt, delivering the system role as user', async () => {
    const { calls } = await openProject(project, disposer);
    expect(await calls.getPrompt('summary', { topic: 'whales', points: '1' }, anonymous())).toEqual([
      { role: 'user', content: { type: 'text', text: 'Be brief.' } },
      { role: 'user', content: { type: 'text', text: 'Sum up whales in 1 points, just one.' } },
      { role: 'assistant', content: { type: 'text', text: 'Gladly.' } },
    ]);
  });

  it('lists the endpoints, with the SQL tools last', async () => {
    const { calls } = await openProject(project, disposer);
    expect(calls.endpoints.listings.tools.map(({ name }) => name)).toEqual([
      'add_numbers',
      'rows',
      'sales_by_region',
      'slow',
      'whoami',
      'execute_sql_query',
      'list_tables',
      'get_table_schema',
    ]);
    expect(calls.endpoints.listings.resources.map(({ uri, isTemplate }) => [uri, isTemplate])).toEqual([
      ['sales://regions/{region}', true],
      ['sales://regions', false],
    ]);
    expect(calls.endpoints.listings.prompts[0]?.arguments).toEqual([
      { name: 'topic', required: true },
      { name: 'points', description: 'a whole number.', required: false },
    ]);
  });

  it('runs the SQL tools', async () => {
    const { calls } = await openProject(project, disposer);
    await calls.callTool(
      'execute_sql_query',
      { sql: 'CREATE TABLE pets (name VARCHAR NOT NULL, age INTEGER)' },
      anonymous(),
    );
    expect(await calls.callTool('list_tables', {}, anonymous())).toMatchObject({
      items: [{ name: 'pets', type: 'BASE TABLE' }],
    });
    expect(await calls.callTool('get_table_schema', { table_name: 'pets' }, anonymous())).toMatchObject({
      items: [
        { name: 'name', type: 'VARCHAR', nullable: false },
        { name: 'age', type: 'INTEGER', nullable: true },
      ],
    });
  });

  it('ends a query whose result grows too large, and says how to allow more', async () => {
    const { calls } = await openProject(project, disposer, { maxResultBytes: 10_000 });
    await expect(calls.callTool('rows', { count: 100_000_000 }, anonymous())).rejects.toMatchObject({
      code: 'result_too_large',
      message: expect.stringContaining('raise --max-result-bytes'),
    });
  });

  it('interrupts a query that runs into the time limit and says so', async () => {
    const lines: string[] = [];
    const sinks = [(line: string) => lines.push(line)];
    const logger = createLogger({ level: 'debug', format: 'json', scrubber: new Scrubber(), sinks });
    const { calls } = await openProject(project, disposer, {
      callTimeoutMs: 100,
      log: disposer.own(new CallLog(logger)),
    });
    await expect(calls.callTool('slow', {}, anonymous())).rejects.toMatchObject({
      code: 'call_timeout',
      message: expect.stringContaining('took longer than 0.1 s'),
    });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { component: 'calls', kind: 'tool', name: 'slow', code: 'call_timeout' },
    ]);
  });

  it('has no time limit when the limit is 0', async () => {
    const { calls } = await openProject(project, disposer, { callTimeoutMs: 0 });
    expect(await calls.callTool('add_numbers', { a: 1 }, anonymous())).toMatchObject({ value: 2 });
  });

  it('interrupts the query of a caller that disconnected, and releases everything', async () => {
    const { calls, active } = await openProject(project, disposer);
    const caller = new AbortController();
    const call = calls.callTool('slow', {}, { caller: ANONYMOUS, signal: caller.signal });
    const outcome = expect(call).rejects.toMatchObject({ code: 'query_interrupted' });
    expect([calls.activeCalls, active.current.activeLeases]).toEqual([1, 1]);
    caller.abort();
    await outcome;
    expect([calls.activeCalls, active.current.activeLeases]).toEqual([0, 0]);
  });

  it('answers quick calls while slow calls of another endpoint hold all the slots they may', async () => {
    const { calls } = await openProject(project, disposer);
    const slow = new AbortController();
    const running = Array.from({ length: 8 }, () =>
      calls.callTool('slow', {}, { caller: ANONYMOUS, signal: slow.signal }),
    );
    const ended = Promise.allSettled(running);
    for (const a of [1, 2, 3]) {
      expect(await calls.callTool('add_numbers', { a }, anonymous())).toMatchObject({ value: a + 1 });
    }
    slow.abort();
    expect((await ended).every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('leases the generation it began on until it has ended, and begins later calls on the new one', async () => {
    const { calls, active, catalog, database } = await openProject(project, disposer);
    const slow = new AbortController();
    const call = expect(calls.callTool('slow', {}, { caller: ANONYMOUS, signal: slow.signal })).rejects.toThrow();
    const empty = new EndpointSet(
      { ...catalog, endpoints: [] },
      { enabled: false, externalAccess: false, severalStatements: false, descriptions: {} },
    );
    const old = active.swap(
      new Generation(2, { endpoints: empty, database, python: undefined }, () => Promise.resolve()),
    );
    const drained = vi.fn();
    const draining = old.leasesEnded().then(drained);
    await expect(calls.callTool('add_numbers', { a: 1 }, anonymous())).rejects.toMatchObject({
      code: 'endpoint_not_found',
    });
    expect(drained).not.toHaveBeenCalled();
    slow.abort();
    await call;
    await draining;
    expect(drained).toHaveBeenCalledOnce();
  });

  it('runs one endpoint without a server, a resource template by its parameters', async () => {
    const { endpoints, database } = await openProject(project, disposer);
    const limits = { callTimeoutMs: 5_000, maxResultBytes: 1_000 };
    const run = { parameters: { region: 'a/b' }, context: anonymous() };
    expect(
      await runEndpoint(
        { endpoints, database, python: undefined },
        { kind: 'resource', name: 'sales://regions/{region}', ...run },
        limits,
      ),
    ).toBe('# a/b');
    expect(
      await runEndpoint(
        { endpoints, database, python: undefined },
        { ...run, kind: 'tool', name: 'add_numbers', parameters: { a: '1' } },
        limits,
      ),
    ).toBe(2);
  });
});

import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, test, vi } from 'vitest';
import { AdminClient, type CallTraceEntry } from '../../../src/admin/client/index.js';
import { readOwnerFile } from '../../../src/admin/client/owner-file.js';
import { readAuditLines } from '../../kit/audit-lines.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { call, COUNT, HOW_MANY, LIST, PYTHON, pythonTool, serve, SITE } from './list-project.js';

describe('a list that is longer than an answer', () => {
  test('has 1000 rows by default, and says how many there are and that others are left out', async () => {
    const { client } = await serve({ 'tools/count.yml': sqlTool('count', COUNT, [HOW_MANY, LIST]) });
    const whole = await call(client, 'count', { n: 1000 });
    expect(whole.list).not.toHaveProperty('truncated');
    expect(whole.list.result).toHaveLength(1000);
    // A machine that is too busy to count for 50 ms leaves the number out.
    const { list, note } = await vi.waitFor(async () => {
      const answer = await call(client, 'count', { n: 4321 });
      expect(answer.list.total).toBe(4321);
      return answer;
    }, 10_000);
    expect(list).toEqual({ result: whole.list.result, truncated: true, returned: 1000, total: 4321 });
    expect(note).toMatch(/^These are the first 1000 rows of 4321 \(about \d+ tokens\)\. Other arguments may give/);
    const endless = await call(client, 'count', { n: 1_000_000_000_000 });
    expect(endless.list).toEqual({ result: whole.list.result, truncated: true, returned: 1000 });
    expect(endless.note).toContain('the first 1000 rows; there are more');
  });

  test('has at most 100 KiB by default, but at least one row', async () => {
    const sql = "SELECT repeat('x', $size) AS text FROM range(5000)";
    const size = 'parameters: [{ name: size, type: integer }]';
    const { client } = await serve({ 'tools/wide.yml': sqlTool('wide', sql, [size]) });
    const { list } = await call(client, 'wide', { size: 10_000 });
    expect(list).toMatchObject({ truncated: true, returned: 10 });
    const large = await call(client, 'wide', { size: 200_000 });
    expect(large.list).toMatchObject({ truncated: true, returned: 1 });
    expect(JSON.stringify(large.list.result)).toContain('x'.repeat(200_000));
    // More than 16 MiB of rows are not counted.
    expect(list).not.toHaveProperty('total');
    expect(large.note).toContain('This is the first row;');
  });

  test('keeps as many rows as its type declares with `minItems`, and is never below', async () => {
    const returns = 'return: { type: array, minItems: 7, items: { type: object } }';
    const { client } = await serve({
      'tools/few.yml': sqlTool('few', COUNT, [HOW_MANY, returns, 'max_rows: 5', 'max_bytes: 20']),
    });
    expect((await call(client, 'few', { n: 100 })).list).toMatchObject({ returned: 7 });
    await expect(call(client, 'few', { n: 6 })).rejects.toThrow('fewer than minItems (7)');
  });

  test('has the limits of its endpoint, or those of the project, which a reload applies', async () => {
    const { client, project, server } = await serve({
      'mxcp-site.yml': [...SITE, 'answers: { max_rows: 20 }'],
      'tools/count.yml': sqlTool('count', COUNT, [HOW_MANY]),
      'tools/own.yml': sqlTool('own', COUNT, [HOW_MANY, 'max_rows: 30']),
      'tools/unlimited.yml': sqlTool('unlimited', COUNT, [HOW_MANY, 'max_rows: 0', 'max_bytes: 0']),
    });
    const returned = async (name: string) => (await call(client, name, { n: 20_000 })).list.result.length;
    expect([await returned('count'), await returned('own'), await returned('unlimited')]).toEqual([20, 30, 20_000]);
    const query = { sql: 'SELECT i FROM range(100) t(i)', limit: 50 };
    expect((await call(client, 'execute_sql_query', query)).list).toMatchObject({ returned: 20 });
    project.write('mxcp-site.yml', [...SITE, 'answers: { max_rows: 40, max_bytes: 1KiB }']);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    expect([await returned('count'), await returned('own'), await returned('unlimited')]).toEqual([40, 30, 20_000]);
    expect((await call(client, 'execute_sql_query', query)).list).toMatchObject({ returned: 40 });
    await expect(call(client, 'unlimited', { n: 2_000_000 })).rejects.toThrow('is larger than 10485760 bytes');
  });

  test('is whole for the owner of the project', async () => {
    const { project } = await serve({ 'tools/count.yml': sqlTool('count', COUNT, [HOW_MANY, 'max_rows: 3']) });
    const { token } = readOwnerFile(project.path('data/db-dev.duckdb')) ?? {};
    const owner = new AdminClient({ socketPath: project.socketPath, ...(token !== undefined && { token }) });
    const { result } = await owner.run({ type: 'tool', name: 'count', parameters: { n: 2000 } });
    expect(result).toHaveLength(2000);
  });

  test('of a Python function is cut in its process, and a generator is read no further', async () => {
    const { client } = await serve({
      'python/lists.py': PYTHON,
      'tools/numbers.yml': pythonTool('numbers', [HOW_MANY, 'paging: true', 'max_rows: 100']),
      'tools/endless.yml': pythonTool('endless'),
    });
    const { list } = await call(client, 'numbers', { n: 250_000, offset: 249_850 });
    expect(list).toMatchObject({ returned: 100, total: 250_000, next_offset: 249_950 });
    expect(list.result[0]).toEqual({ i: 249_850 });
    expect((await call(client, 'numbers', { n: 3, offset: 1 })).list).toEqual({ result: [{ i: 1 }, { i: 2 }] });
    const endless = await call(client, 'endless');
    expect(endless.list).toMatchObject({ truncated: true, returned: 1000 });
    expect(endless.list).not.toHaveProperty('total');
  });

  test('of a resource is shortened where its file says so, beside valid JSON', async () => {
    const resource = (name: string, ...fields: readonly string[]) => [
      'mxcp: 1',
      'resource:',
      `  uri: numbers://${name}`,
      ...fields.map((field) => `  ${field}`),
      '  source: { code: SELECT i FROM range(5000) t(i) }',
    ];
    const { client } = await serve({
      'resources/all.yml': resource('all'),
      'resources/some.yml': resource('some', 'max_rows: 2'),
    });
    const read = async (uri: string) => (await client.readResource({ uri })).contents[0] ?? {};
    const all = await read('numbers://all');
    expect(JSON.parse('text' in all ? String(all.text) : '')).toHaveLength(5000);
    expect(all).not.toHaveProperty('_meta');
    expect(await read('numbers://some')).toMatchObject({
      text: '[{"i":0},{"i":1}]',
      _meta: { 'mxcp/left-out': { truncated: true, returned: 2 } },
    });
  });

  test('is refused instead if it is one value that its endpoint wants smaller', async () => {
    const { client } = await serve({
      'tools/text.yml': sqlTool('text', "SELECT repeat('x', $n)", [
        HOW_MANY,
        'return: { type: string }',
        'max_bytes: 1KiB',
      ]),
    });
    expect((await call(client, 'text', { n: 1024 })).note).toHaveLength(1024);
    await expect(call(client, 'text', { n: 1025 })).rejects.toThrow(
      'the result of tool "text" has 1025 bytes, more than its `max_bytes` (1024); ask for less',
    );
  });
});

test('operators see what was left out: in the audit log, the metrics, the trace and the log', async () => {
  const { client, server, project } = await serve({
    'mxcp-site.yml': [...SITE, 'profiles: { dev: { audit: { enabled: true } } }'],
    'tools/count.yml': sqlTool('count', COUNT, [HOW_MANY, 'max_rows: 10', 'keep_result: true']),
  });
  const traced: CallTraceEntry[] = [];
  const abort = new AbortController();
  const reading = (async () => {
    for await (const each of server.admin.trace({ signal: abort.signal })) traced.push(each);
  })();
  await server.admin.setLogLevel('debug', {});
  await vi.waitFor(async () => {
    await call(client, 'count', { n: 10 });
    expect(traced).not.toEqual([]);
  }, 10_000);
  const { content } = await client.callTool({ name: 'count', arguments: { n: 25 } });
  const link = content.find((block) => block.type === 'resource_link');
  await client.readResource({ uri: `${link?.uri}?offset=20` });
  const [page, shortened, whole] = (await readAuditLines(project.path('audit/logs-dev.jsonl'))).toReversed();
  expect(whole).not.toHaveProperty('shortened');
  expect(shortened?.['shortened']).toEqual({ because: 'rows', returned: 10, total: 25, tokens: 18 });
  expect(page).toMatchObject({
    operation_name: `${link?.uri}?offset=20`,
    output_data: { kept_result: { mime_type: 'application/json', bytes: 40 } },
  });
  const [found] = (await server.admin.auditRecords({ limit: 3 })).records.filter((each) => each.shortened !== null);
  expect(found?.shortened).toMatchObject({ because: 'rows', total: 25 });
  expect(await server.admin.metricsText()).toContain(
    'mxcp_answers_shortened_total{kind="tool",name="count",because="rows"} 1',
  );
  await vi.waitFor(() =>
    expect(traced).toContainEqual(expect.objectContaining({ name: 'count', rows: 10, bytes: 70, shortened: 'rows' })),
  );
  expect(traced[0]).toMatchObject({ shortened: null });
  expect(server.logLines.join('')).toMatch(/ DEBUG calls: call ended .*shortened=rows returned=10 total=25 bytes=70\n/);
  abort.abort();
  await reading;
});

describe('a kept result', () => {
  const PEOPLE = "SELECT i, DATE '2024-01-01' + i::INTEGER AS day, 'a,\"' || i AS name FROM range($n) t(i)";
  const textOf = async (client: Client, uri: string) => {
    const [content] = (await client.readResource({ uri })).contents;
    return { text: content !== undefined && 'text' in content ? String(content.text) : '', content };
  };

  test('is a resource in pages, as CSV and as Parquet, before and after a reload', async () => {
    const { client, project, server } = await serve({
      'tools/people.yml': sqlTool('people', PEOPLE, [HOW_MANY, 'max_rows: 10', 'keep_result: true']),
    });
    const { content, structuredContent } = await client.callTool({ name: 'people', arguments: { n: 250_000 } });
    const links = content.flatMap((block) => (block.type === 'resource_link' ? [block.uri] : []));
    const [uri = ''] = links;
    expect(links).toEqual([uri, `${uri}.csv`, `${uri}.parquet`]);
    expect(uri).toMatch(/^mxcp:\/\/results\/[0-9a-f-]{36}$/);
    expect(structuredContent).toMatchObject({ returned: 10, total: 250_000, full_result: uri });
    project.write('mxcp-site.yml', [...SITE, 'answers: { max_rows: 40 }']);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    const page = await textOf(client, `${uri}?offset=123456`);
    const rows: readonly { readonly i: number }[] = JSON.parse(page.text);
    expect(rows).toHaveLength(1000);
    expect([rows[0]?.i, rows.at(-1)?.i]).toEqual([123_456, 124_455]);
    expect(page.content).toMatchObject({ _meta: { 'mxcp/left-out': { total: 250_000, next_offset: 124_456 } } });
    expect(JSON.parse((await textOf(client, uri)).text)[0]).toEqual({ i: 0, day: '2024-01-01', name: 'a,"0' });
    expect(JSON.parse((await textOf(client, `${uri}?offset=249999`)).text)).toHaveLength(1);
    expect(JSON.parse((await textOf(client, `${uri}?offset=250000`)).text)).toEqual([]);
    const csv = (await textOf(client, `${uri}.csv`)).text.split('\n');
    expect([csv[0], csv[1], csv.length]).toEqual(['i,day,name', '0,2024-01-01,"a,""0"', 250_002]);
    const { content: parquet } = await textOf(client, `${uri}.parquet`);
    const bytes = Buffer.from(parquet !== undefined && 'blob' in parquet ? String(parquet.blob) : '', 'base64');
    expect([bytes.subarray(0, 4).toString(), bytes.subarray(-4).toString()]).toEqual(['PAR1', 'PAR1']);
  });

  test('holds what policies leave, and nothing is kept of a whole answer or without the key', async () => {
    const mask = ['policies:', '  output:', '    - { condition: "true", action: mask_fields, fields: [name] }'];
    const { client } = await serve({
      'tools/masked.yml': sqlTool('masked', PEOPLE, [HOW_MANY, 'max_rows: 2', 'keep_result: true', ...mask]),
      'tools/plain.yml': sqlTool('plain', PEOPLE, [HOW_MANY, 'max_rows: 2']),
    });
    const { structuredContent } = await client.callTool({ name: 'masked', arguments: { n: 5 } });
    const { full_result: uri = '' } = structuredContent as { readonly full_result?: string };
    const { text } = await textOf(client, uri);
    expect(JSON.parse(text)).toHaveLength(5);
    expect(text).not.toContain('a,');
    expect((await call(client, 'masked', { n: 2 })).list).not.toHaveProperty('full_result');
    expect((await call(client, 'plain', { n: 5 })).list).not.toHaveProperty('full_result');
  });

  test('is unknown without its id', async () => {
    const { client } = await serve({ 'tools/people.yml': sqlTool('people', PEOPLE, [HOW_MANY]) });
    const uri = 'mxcp://results/00000000-0000-4000-8000-000000000000';
    for (const each of [uri, `${uri}.csv`, `${uri}?offset=5`])
      await expect(client.readResource({ uri: each })).rejects.toThrow(/not found|there is no resource/i);
  });
});

describe('paging', () => {
  test('leads through the whole list, also while the author changes nothing', async () => {
    const fields = [
      LIST.replace('type: array,', 'type: array, minItems: 3,'),
      HOW_MANY,
      'paging: true',
      'max_rows: 37',
    ];
    const { client } = await serve({ 'tools/pages.yml': sqlTool('pages', COUNT, fields) });
    const found: number[] = [];
    let offset: number | undefined = 0;
    let pages = 0;
    while (offset !== undefined) {
      const { list } = await call(client, 'pages', { n: 5000, offset });
      found.push(...list.result.map(({ i }) => i));
      offset = list.next_offset;
      pages += 1;
    }
    expect(found).toEqual(Array.from({ length: 5000 }, (_, i) => i));
    expect(pages).toBe(Math.ceil(5000 / 37));
    const { list, note } = await call(client, 'pages', { n: 5000, offset: 100, limit: 10 });
    expect(list).toMatchObject({ returned: 10, next_offset: 110 });
    expect(note).toContain('These are rows 101 to 110');
    expect(note).toContain('Call again with "offset": 110');
    expect((await call(client, 'pages', { n: 5, offset: 9 })).list).toEqual({ result: [] });
    await expect(call(client, 'pages', { n: 5, offset: -1 })).rejects.toThrow('"offset" must be at least 0');
  });

  test('shows its arguments, and what an answer has beside its rows', async () => {
    const { client } = await serve({ 'tools/pages.yml': sqlTool('pages', COUNT, [LIST, HOW_MANY, 'paging: true']) });
    const tool = (await client.listTools()).tools.find(({ name }) => name === 'pages');
    expect(tool?.inputSchema).toMatchObject({
      properties: {
        n: {},
        limit: { type: 'integer', minimum: 1 },
        offset: { type: 'integer', minimum: 0, default: 0 },
      },
      required: ['n'],
    });
    expect(Object.keys(tool?.outputSchema?.['properties'] ?? {})).toEqual([
      'result',
      'truncated',
      'returned',
      'total',
      'next_offset',
      'full_result',
    ]);
  });
});

describe('policies', () => {
  const rules = (...output: readonly string[]) => ['policies:', '  output:', ...output.map((line) => `    ${line}`)];

  test('that read the result decide on the whole of it, whatever page is asked for', async () => {
    const deny = rules('- condition: size(response) > 100', '  action: deny', '  reason: too many');
    const fields = [HOW_MANY, LIST, 'paging: true', 'max_rows: 10', ...deny];
    const { client } = await serve({ 'tools/pages.yml': sqlTool('pages', COUNT, fields) });
    expect((await call(client, 'pages', { n: 100, offset: 20 })).list).toMatchObject({ returned: 10, next_offset: 30 });
    await expect(call(client, 'pages', { n: 101, offset: 20, limit: 1 })).rejects.toThrow('too many');
  });

  test('that mask fields do so in what is left, and hide how many rows there are', async () => {
    const mask = rules('- condition: "true"', '  action: mask_fields', '  fields: [i]');
    const { client } = await serve({
      'tools/masked.yml': sqlTool('masked', COUNT, [HOW_MANY, 'max_rows: 2', ...mask]),
    });
    const { list } = await call(client, 'masked', { n: 5000 });
    expect(list).toEqual({ result: [{ i: '****' }, { i: '****' }], truncated: true, returned: 2 });
  });
});

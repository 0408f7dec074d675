import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectOver } from '../../kit/mcp-client.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { call, COUNT, HOW_MANY, LIST, PYTHON, pythonTool, serve, SITE } from './list-project.js';

describe('a cursor', () => {
  const PAGED = ['paging: cursor', 'max_rows: 37'];

  test('leads through the rows as they were, whatever changes meanwhile, also after a reload', async () => {
    const insert = 'INSERT INTO numbers SELECT -i - 1 FROM range(1000) t(i)';
    const files = {
      'tools/pages.yml': sqlTool('pages', 'SELECT i FROM numbers ORDER BY i', [LIST, ...PAGED]),
      'tools/add.yml': sqlTool('add', insert),
    };
    const table = 'CREATE TABLE numbers AS SELECT i FROM range(1000) t(i)';
    const { client, project, server } = await serve(files, table);
    const first = await call(client, 'pages');
    const { next_cursor: cursor = '', ...list } = first.list;
    expect(list).toMatchObject({ truncated: true, returned: 37, total: 1000 });
    expect(cursor).toMatch(/^[\w-]{22}11$/);
    expect(first.note).toMatch(/^These are the first 37 rows of 1000 \(about \d+ tokens\)\. Call again with the same/);
    expect(first.note).toContain(`"cursor": "${cursor}"`);
    expect(first.blocks).toBe(38);
    await call(client, 'add');
    project.write('mxcp-site.yml', [...SITE, 'answers: { max_rows: 40 }']);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    const found = first.list.result.map(({ i }) => i);
    let [next, pages, note]: [string | undefined, number, string] = [cursor, 1, ''];
    while (next !== undefined) {
      const page = await call(client, 'pages', { cursor: next, limit: 100 });
      found.push(...page.list.result.map(({ i }) => i));
      [next, pages, note] = [page.list.next_cursor, pages + 1, next === cursor ? page.note : note];
    }
    expect(found).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(pages).toBe(Math.ceil(1000 / 37));
    expect(note).toContain('These are rows 38 to 74 of 1000');
    // A page can be read again, and a smaller part of it.
    expect((await call(client, 'pages', { cursor, limit: 2 })).list).toMatchObject({ result: [{ i: 37 }, { i: 38 }] });
    for (const none of [{}, { cursor: '' }])
      expect((await call(client, 'pages', none)).list.result[0]).toEqual({ i: -1000 });
  });

  test('is refused with other arguments, another tool, another definition, and when it is unknown', async () => {
    const tool = (name: string, ...fields: readonly string[]) => sqlTool(name, COUNT, [LIST, HOW_MANY, ...fields]);
    const { client, project, server } = await serve({
      'tools/pages.yml': tool('pages', ...PAGED),
      'tools/others.yml': tool('others', ...PAGED),
    });
    const { next_cursor: cursor = '' } = (await call(client, 'pages', { n: 100 })).list;
    const refused = (name: string, parameters: object) => call(client, name, { n: 100, cursor, ...parameters });
    expect((await refused('pages', {})).list.result[0]).toEqual({ i: 37 });
    await expect(refused('pages', { n: 101 })).rejects.toThrow(
      'invalid arguments: "cursor" belongs to a call with other arguments; send the same ones',
    );
    for (const each of ['x', `${cursor}zzz`, `${'A'.repeat(22)}11`])
      await expect(refused('pages', { cursor: each })).rejects.toThrow('"cursor" is unknown or has expired');
    await expect(refused('others', {})).rejects.toThrow('"cursor" is unknown or has expired');
    project.write(
      'tools/pages.yml',
      tool('pages', ...PAGED, 'policies: { output: [{ condition: "true", action: mask_fields, fields: [i] }] }'),
    );
    expect(await server.admin.reload({ waitMs: 20_000, definitions: true })).toMatchObject({ status: 'success' });
    await expect(refused('pages', {})).rejects.toThrow('"cursor" is from before the tool or the rights of its caller');
  });

  test('leads only to what policies leave, and its rows are checked like others', async () => {
    const mask = 'policies: { output: [{ condition: "true", action: mask_fields, fields: [i] }] }';
    const small = LIST.replace('integer', 'integer, maximum: 49');
    const { client } = await serve({
      'tools/masked.yml': sqlTool('masked', COUNT, [LIST, HOW_MANY, ...PAGED, mask]),
      'tools/wrong.yml': sqlTool('wrong', COUNT, [small, HOW_MANY, ...PAGED]),
    });
    const { next_cursor: masked, total } = (await call(client, 'masked', { n: 100 })).list;
    expect(total).toBe(100);
    const { list } = await call(client, 'masked', { n: 100, cursor: masked });
    expect(list.result.slice(0, 2)).toEqual([{ i: '****' }, { i: '****' }]);
    const { next_cursor: next } = (await call(client, 'wrong', { n: 100 })).list;
    await expect(call(client, 'wrong', { n: 100, cursor: next })).rejects.toThrow(
      'does not fit its return type: item 14',
    );
  });

  test('works for lists of Python, and shows its arguments', async () => {
    const { client } = await serve({
      'python/lists.py': PYTHON,
      'tools/numbers.yml': pythonTool('numbers', [
        HOW_MANY,
        LIST,
        'paging: cursor',
        'max_bytes: 1KiB',
        'keep_result: true',
      ]),
    });
    const { list } = await call(client, 'numbers', { n: 1000 });
    expect(list).toMatchObject({ truncated: true, total: 1000, full_result: expect.stringMatching(/^mxcp:/) });
    const page = (await call(client, 'numbers', { n: 1000, cursor: list.next_cursor })).list;
    expect(page.result[0]).toEqual({ i: list.returned });
    expect(Buffer.byteLength(JSON.stringify(page.result))).toBeLessThan(1300);
    const tool = (await client.listTools()).tools.find(({ name }) => name === 'numbers');
    expect(Object.keys(tool?.inputSchema.properties ?? {})).toEqual(['n', 'limit', 'cursor']);
    expect(tool?.inputSchema).toMatchObject({ required: ['n'] });
    expect(tool?.outputSchema?.['properties']).toHaveProperty('next_cursor');
    expect(tool?.outputSchema?.['properties']).not.toHaveProperty('next_offset');
  });

  test('is refused with another header that a rule for rows reads', async () => {
    const site = [...SITE, 'profiles:', '  dev:', '    protect:', '      tables:'];
    const rule = ['        - table: numbers', `          rows: "tenant = get_request_header('X-Tenant')"`];
    const table = "CREATE TABLE numbers AS SELECT i, 't' || (i % 2) AS tenant FROM range(1000) t(i)";
    const files = { 'tools/pages.yml': sqlTool('pages', 'SELECT i FROM numbers ORDER BY i', [LIST, ...PAGED]) };
    const { server } = await serve({ 'mxcp-site.yml': [...site, ...rule], ...files }, table);
    const as = async (tenant: string, cursor?: string) => {
      const requestInit = { headers: { 'X-Tenant': tenant } };
      const client = await connectOver(new StreamableHTTPClientTransport(new URL(server.url), { requestInit }));
      onTestFinished(() => client.close());
      return (await call(client, 'pages', { cursor })).list;
    };
    const { next_cursor: cursor = '' } = await as('t1');
    expect((await as('t1', cursor)).result[0]).toEqual({ i: 75 });
    await expect(as('t0', cursor)).rejects.toThrow('"cursor" is from before the tool or the rights of its caller');
  });
});

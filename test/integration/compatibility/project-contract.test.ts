import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { compareContracts, parseContract, formatContract, toContract } from '../../../src/compatibility/index.js';
import { loadEndpointFolders } from '../../../src/config/index.js';
import { EndpointSet, loadEndpoints } from '../../../src/endpoints/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { createProject, type ProjectFiles, type TemporaryProject } from '../../kit/projects/temporary-project.js';

const FILES: ProjectFiles = {
  'mxcp-site.yml': [
    'mxcp: 1',
    'project: shop',
    'profile: dev',
    'sql_tools: { enabled: true, list_tables: { description: Lists the tables of the shop. } }',
  ],
  'tools/b.yml': [
    'tool:',
    '  name: b_sales',
    '  title: Sales',
    '  tags: [z, a]',
    '  annotations: { readOnlyHint: true }',
    '  parameters:',
    '    - { name: year, type: integer, minimum: 2000 }',
    '    - { name: region, type: string, enum: [north, south], default: north }',
    '    - { name: filter, type: object, properties: { until: { type: string, format: date }, from: { type: number } } }',
    '  return: { type: array, items: { type: object, properties: { total: { type: number }, at: { type: string } } } }',
    '  source: { code: "SELECT $year AS total, $region AS at WHERE $filter IS NOT NULL" }',
  ],
  'tools/a.yml': ['tool:', '  name: a_count', '  source: { code: SELECT 1 AS n }'],
  'resources/r.yml': [
    'resource:',
    '  uri: shop://{id}/items',
    '  name: items',
    '  parameters: [{ name: id, type: string }]',
    '  source: { code: "SELECT $id AS id" }',
  ],
  'resources/q.yml': ['resource:', '  uri: shop://all', '  return: { type: string }', "  source: { code: SELECT 'x' }"],
  'prompts/p.yml': [
    'prompt:',
    '  name: brief',
    '  parameters: [{ name: topic, type: string }, { name: days, type: integer, default: 3 }]',
    "  messages: [{ prompt: 'Say {{ topic }} {{ days }}' }]",
  ],
};

async function contractOf(project: TemporaryProject) {
  const folders = await loadEndpointFolders(loadSettings({ flags: {}, env: {}, cwd: project.root }));
  return toContract(new EndpointSet(await loadEndpoints(folders), folders.sqlTools));
}

/** What the answers of the protocol add, or have in another place. */
function asListed<T extends { readonly _meta?: unknown }>(listed: readonly T[]): unknown[] {
  return listed.map(({ _meta, ...rest }) => ({
    ...rest,
    ...(_meta === undefined ? {} : { tags: (_meta as { readonly 'mxcp/tags': string[] })['mxcp/tags'].toSorted() }),
  }));
}

/** The order of members and of required names says nothing. */
function normalized(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, each: unknown) =>
    key === 'required' && Array.isArray(each) ? each.toSorted() : each,
  );
}

describe('the contract of a project', () => {
  it('is what the server lists to clients, sorted', async () => {
    const project = createProject(FILES);
    const contract = await contractOf(project);
    await using server = await InProcessServer.start(project);
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
    const { tools } = await client.listTools();
    const { resources } = await client.listResources();
    const { resourceTemplates } = await client.listResourceTemplates();
    const { prompts } = await client.listPrompts();
    await client.close();
    const byName = <T extends { readonly name: string }>(list: readonly T[]) =>
      list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(contract.tools.map(({ name }) => name)).toEqual([
      'a_count',
      'b_sales',
      'execute_sql_query',
      'get_table_schema',
      'list_tables',
    ]);
    expect(contract.tools.at(-1)?.description).toBe('Lists the tables of the shop.');
    expect(normalized(contract.tools)).toEqual(normalized(byName(asListed(tools) as typeof tools)));
    const templates = resourceTemplates.map(({ uriTemplate: uri, ...rest }) => ({ uri, ...rest }));
    expect(contract.resources).toEqual(asListed([...resources, ...templates]));
    const listed = prompts.map((each) => ({ ...each, arguments: byName(each.arguments ?? []) }));
    expect(contract.prompts).toEqual(asListed(listed));
  });

  it('does not depend on the names of files and the order of parameters', async () => {
    const [year = '', region = ''] = (FILES['tools/b.yml'] as string[]).slice(6, 8);
    const reordered = (FILES['tools/b.yml'] as string[]).with(6, region).with(7, year);
    const { 'tools/b.yml': _moved, ...rest } = FILES;
    const first = formatContract(await contractOf(createProject(FILES)));
    const second = formatContract(await contractOf(createProject({ ...rest, 'tools/0/x.yml': reordered })));
    expect(second).toBe(first);
    expect(compareContracts(parseContract(first, 'a'), await contractOf(createProject(FILES)))).toEqual([]);
  });

  it('says what a change of the files breaks', async () => {
    const project = createProject(FILES);
    const before = await contractOf(project);
    project.write(
      'tools/b.yml',
      (FILES['tools/b.yml'] as string[]).map((line) =>
        line
          .replace('minimum: 2000', 'minimum: 2010')
          .replace('[north, south]', '[north]')
          .replace('total: { type: number }, ', '')
          .replace('from: { type: number }', 'from: { type: integer }'),
      ),
    );
    project.write(
      'prompts/p.yml',
      (FILES['prompts/p.yml'] as string[]).map((line) => line.replace(', default: 3', '')),
    );
    project.remove('resources/q.yml');
    const changes = compareContracts(before, await contractOf(project));
    expect(changes.map(({ isBreaking, location, message }) => `${isBreaking} ${location ?? '-'}: ${message}`)).toEqual([
      'true parameters.filter.from: parameter "filter.from" has type integer instead of number; calls that were valid may be refused',
      'true parameters.region: parameter "region" can no longer be "south"; calls that were valid may be refused',
      'true parameters.year: parameter "year" has `minimum` 2010 instead of 2000; calls that were valid may be refused',
      'true return.result[].total: result "result[].total" was removed; clients that read it find nothing',
      'true -: was removed; clients that use it fail',
      'true parameters.days: argument "days" is required now; clients without it are refused',
    ]);
  });

  it('has what clients meet in a call, which no list shows', async () => {
    const project = createProject({
      'tools/ask.yml': ['tool:', '  name: ask', '  confirm: Sure?', '  source: { code: SELECT 1 AS n }'],
      'tools/badge.yml': [
        'tool:',
        '  name: badge',
        '  confirm: { message: Sure?, when_unsupported: run }',
        '  return: { type: array, items: { type: object, properties: { name: { type: string }, picture: { type: string, mime_type: image/png } } } }',
        `  source: { code: "SELECT 'x' AS name, 'x'::BLOB AS picture" }`,
      ],
      'prompts/p.yml': [
        'prompt:',
        '  name: p',
        '  messages: [{ prompt: Look }, { type: image, mime_type: image/png, file: p.png }, { type: resource_link, uri: "a://b" }]',
      ],
      'prompts/p.png': Buffer.from('89504e470d0a1a0a', 'hex'),
    });
    const { tools, prompts } = await contractOf(project);
    expect(tools.map(({ name, confirm, content }) => ({ name, confirm, content }))).toEqual([
      { name: 'ask', confirm: 'refuse', content: undefined },
      { name: 'badge', confirm: 'run', content: [{ at: 'return[].picture', kind: 'image', mimeType: 'image/png' }] },
    ]);
    expect(prompts[0]?.content).toEqual([
      { at: 'messages', kind: 'resource_link' },
      { at: 'messages', kind: 'image', mimeType: 'image/png' },
    ]);
  });

  it('is not broken by what only changes how an answer is kept, shortened or completed', async () => {
    const tool = (...more: readonly string[]) => [
      'tool:',
      '  name: t',
      '  parameters: [{ name: a, type: string, default: x }]',
      '  return: { type: array, items: { type: object, properties: { a: { type: string } } } }',
      ...more.map((line) => `  ${line}`),
      '  source: { code: SELECT $a AS a }',
    ];
    const resource = (...more: readonly string[]) => [
      'resource:',
      '  uri: "a://b"',
      ...more.map((line) => `  ${line}`),
      '  source: { code: SELECT 1 AS a }',
    ];
    const project = createProject({ 'tools/t.yml': tool(), 'resources/r.yml': resource('cache: { ttl: 1m }') });
    const changesTo = async (files: ProjectFiles): Promise<readonly boolean[]> => {
      const before = await contractOf(project);
      for (const [name, content] of Object.entries(files)) project.write(name, content);
      return compareContracts(before, await contractOf(project)).map(({ isBreaking }) => isBreaking);
    };
    expect(await changesTo({ 'tools/t.yml': tool('max_rows: 100') })).not.toContain(true);
    expect(await changesTo({ 'tools/t.yml': tool('max_rows: 10') })).toEqual([]);
    expect(await changesTo({ 'tools/t.yml': tool('max_rows: 10', 'keep_result: true') })).toEqual([]);
    expect(await changesTo({ 'tools/t.yml': tool('paging: true') })).not.toContain(true);
    expect(await changesTo({ 'tools/t.yml': tool('paging: offset') })).toEqual([]);
    // Clients send `offset`, which is gone.
    expect(await changesTo({ 'tools/t.yml': tool('paging: cursor') })).toContain(true);
    expect(await changesTo({ 'tools/t.yml': tool() })).toContain(true);
    expect(await changesTo({ 'resources/r.yml': resource('cache: { ttl: 1h }') })).toEqual([]);
    expect(await changesTo({ 'resources/r.yml': resource() })).toEqual([]);
  });
});

import { describe, expect, it, vi } from 'vitest';
import { readAuditLines } from '../../kit/audit-lines.js';
import { InProcessServer, type StartOptions } from '../../kit/in-process-server.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { createProject, sqlResource, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { openSession, post, postModern, request, toModern } from '../mcp/http-fixture.js';

const siteWith = (...groups: readonly string[]): readonly string[] => [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'instructions: Ask about the shop.',
  'cache: { ttl: 1m }',
  ...(groups.length === 0 ? [] : ['groups:', ...groups.map((line) => `  ${line}`)]),
];

const SALES = 'sales: { tags: [money], tools: [stock], resources: ["shop://one/{name}"], prompts: [greet] }';
const OTHERS = [
  'support: { description: For the help desk, instructions: Be kind., tools: [stock], cache: { ttl: 5s } }',
  'sql: { sql_tools: true }',
];

const prompt = (name: string): readonly string[] => [
  'mxcp: 1',
  `prompt: { name: ${name}, parameters: [{ name: tone, type: string, enum: [warm, short] }], messages: [{ prompt: "{{ tone }}" }] }`,
];

function createShop(...groups: readonly string[]): TemporaryProject {
  return createProject({
    'mxcp-site.yml': siteWith(...(groups.length === 0 ? [SALES, ...OTHERS] : groups)),
    'tools/revenue.yml': sqlTool('revenue', 'SELECT 7 AS euros', ['tags: [money]']),
    'tools/stock.yml': sqlTool('stock', "SELECT 'tea' AS name", ['rate_limit: { calls: 100, per: 1m }']),
    'tools/wipe.yml': sqlTool('wipe', 'SELECT 0 AS gone', ['rate_limit: { calls: 1, per: 1h }']),
    'resources/one.yml': sqlResource(
      'shop://one/{name}',
      'SELECT $name AS name',
      'parameters: [{ name: name, type: string, enum: [tea, salt] }]',
    ),
    'resources/all.yml': sqlResource('shop://all', 'SELECT 1 AS a'),
    'resources/prices.yml': sqlResource('shop://one/prices', 'SELECT 2 AS price'),
    'prompts/greet.yml': prompt('greet'),
    'prompts/scold.yml': prompt('scold'),
  });
}

const start = (project: TemporaryProject, options: StartOptions = {}) =>
  InProcessServer.start(project, { ...options, flags: { sqlTools: 'on', ...options.flags } });
const reload = (server: InProcessServer, definitions = false) => server.admin.reload({ definitions, waitMs: 20_000 });
const groupUrl = (server: InProcessServer, name: string): string => `${server.url}/${name}`;

describe.each(ERAS)('a client of a group (%s)', (era) => {
  it('is shown the members, and nothing else', async () => {
    await using server = await start(createShop());
    const client = await connectTo(groupUrl(server, 'sales'), { era });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['revenue', 'stock']);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['greet']);
    expect((await client.listResources()).resources).toEqual([]);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['shop://one/{name}']);
    expect(client.getInstructions()).toBe('Ask about the shop.');
    await client.close();
  });

  it('calls, reads, gets and completes the members', async () => {
    await using server = await start(createShop());
    const client = await connectTo(groupUrl(server, 'sales'), { era });
    expect(await callText(client, 'revenue')).toContain('7');
    const { contents } = await client.readResource({ uri: 'shop://one/tea' });
    expect(contents).toMatchObject([{ text: '[{"name":"tea"}]' }]);
    expect((await client.getPrompt({ name: 'greet', arguments: { tone: 'warm' } })).messages).toHaveLength(1);
    const argument = { name: 'tone', value: 's' };
    const { completion } = await client.complete({ ref: { type: 'ref/prompt', name: 'greet' }, argument });
    expect(completion.values).toEqual(['short']);
    await client.close();
  });

  it('hears of everything else what it hears of what does not exist', async () => {
    await using server = await start(createShop());
    const client = await connectTo(groupUrl(server, 'sales'), { era });
    const errorOf = (work: Promise<unknown>) =>
      work.then(
        () => 'none',
        ({ code, message }) => `${code} ${message}`,
      );
    const pairs = [
      [
        (name: string) => client.callTool({ name, arguments: {} }),
        ['wipe', 'list_tables', 'execute_sql_query'],
        'tool',
      ],
      [(name: string) => client.getPrompt({ name, arguments: {} }), ['scold'], 'prompt'],
      // The template of the group fits this URI, but it is that of another resource.
      [(uri: string) => client.readResource({ uri }), ['shop://all', 'shop://one/prices'], 'resource'],
      [
        (name: string) => client.complete({ ref: { type: 'ref/prompt', name }, argument: { name: 'tone', value: '' } }),
        ['scold'],
        'completion',
      ],
    ] as const;
    for (const [use, names] of pairs)
      for (const name of names) {
        const missing = await errorOf(use('x://none'));
        expect(await errorOf(use(name))).toBe(missing.replace('x://none', name));
      }
    await client.close();
  });
});

it('a call of a tool outside the group takes nothing from the rate limit of the tool, and does not tell that there is one', async () => {
  await using server = await start(createShop());
  const call = (url: string) => postModern(url, request('tools/call', { name: 'wipe', arguments: {} }));
  for (const _ of [1, 2, 3])
    expect((await call(groupUrl(server, 'sales'))).body.error.message).toBe('Unknown tool: wipe');
  expect((await call(server.url)).body.result.isError).toBeUndefined();
  expect((await call(server.url)).body.result.isError).toBe(true);
});

it('what was kept of an answer can be read in the group that got it, and where everything is', async () => {
  const project = createShop();
  const many = sqlTool('stock', 'SELECT range AS n FROM range(50)', ['max_rows: 2', 'keep_result: true']);
  project.write('tools/stock.yml', many);
  await using server = await start(project);
  const client = await connectTo(groupUrl(server, 'sales'));
  const { content } = await client.callTool({ name: 'stock', arguments: {} });
  const uris = content.flatMap((part) => (part.type === 'resource_link' ? [part.uri] : []));
  const [uri = ''] = uris.filter((each) => !/\.(csv|parquet)$/.test(each));
  expect((await client.readResource({ uri })).contents).toHaveLength(1);
  const [all, other] = [await connectTo(server.url), await connectTo(groupUrl(server, 'support'))];
  expect((await all.readResource({ uri })).contents).toHaveLength(1);
  await expect(other.readResource({ uri })).rejects.toThrow('Resource not found');
  await Promise.all([client, all, other].map((each) => each.close()));
});

it('the SQL tools are in the group that asks for them, and in no other', async () => {
  await using server = await start(createShop());
  const toolsOf = async (url: string) => {
    const client = await connectTo(url);
    const { tools } = await client.listTools();
    await client.close();
    return tools.map(({ name }) => name);
  };
  expect(await toolsOf(groupUrl(server, 'sql'))).toEqual(['execute_sql_query', 'list_tables', 'get_table_schema']);
  expect(await toolsOf(groupUrl(server, 'support'))).toEqual(['stock']);
  expect(await toolsOf(server.url)).toHaveLength(6);
});

it('a group has its own description, instructions and time to keep lists', async () => {
  await using server = await start(createShop());
  const client = await connectTo(groupUrl(server, 'support'));
  expect(client.getInstructions()).toBe('Be kind.');
  expect(client.getServerVersion()).toMatchObject({ name: 'shop', description: 'For the help desk' });
  const { result } = (await postModern(groupUrl(server, 'support'), request('tools/list'))).body;
  expect(result).toMatchObject({ ttlMs: 5000, cacheScope: 'public' });
  await client.close();
});

describe('the audit log', () => {
  it('names the group of each call, also of one that the group does not have', async () => {
    const project = createShop();
    project.write('mxcp-site.yml', [...siteWith(SALES), 'profiles: { dev: { audit: { enabled: true } } }']);
    await using server = await start(project);
    for (const era of ERAS) {
      const client = await connectTo(groupUrl(server, 'sales'), { era });
      await callText(client, 'revenue');
      await expect(callText(client, 'wipe')).rejects.toThrow();
      await client.close();
    }
    await callText(await connectTo(server.url), 'revenue');
    const lines = await readAuditLines(project.path('audit/logs-dev.jsonl'));
    const calls = lines.filter((line) => line['operation_type'] === 'tool');
    const inGroup = ['revenue sales', 'wipe sales'];
    expect(calls.map((call) => `${call['operation_name']} ${call['group']}`)).toEqual([
      ...inGroup,
      ...inGroup,
      'revenue null',
    ]);
  });
});

describe('a path', () => {
  it('of no group is refused with the names of the groups', async () => {
    await using server = await start(createShop());
    const { status, body } = await post(groupUrl(server, 'slaes'), request('tools/list'));
    expect(status).toBe(404);
    expect(body).toMatchObject({
      id: 1,
      error: { message: 'Not found: there is no group "slaes"; did you mean "sales"?' },
    });
    const other = await post(groupUrl(server, 'x'), request('tools/list'));
    expect(other.body.error.message).toBe('Not found: there is no group "x"; known: sales, support, sql');
  });

  it('that no group could have is not found, and neither is any where there are no groups', async () => {
    const project = createProject({ 'tools/a.yml': sqlTool('a', 'SELECT 1 AS a') });
    await using without = await InProcessServer.start(project);
    await using server = await start(createShop());
    const urls = [`${server.url}/Sales`, `${server.url}/sales/more`, `${server.url}/-x`, `${without.url}/sales`];
    for (const url of urls) {
      const { status, body } = await post(url, request('tools/list'));
      expect([status, body]).toEqual([404, { error: 'not found' }]);
    }
    expect((await post(`${server.url}/sales/?x=1`, request('tools/list'))).body.result.tools).toHaveLength(2);
  });

  it('does not continue the session of another one', async () => {
    await using server = await start(createShop());
    const [ofAll, ofSales] = [await openSession(server.url), await openSession(groupUrl(server, 'sales'))];
    const statusOf = async (url: string, headers: typeof ofAll) =>
      (await post(url, request('tools/list'), { headers })).status;
    expect(await statusOf(groupUrl(server, 'sales'), ofSales)).toBe(200);
    expect(await statusOf(server.url, ofAll)).toBe(200);
    for (const url of [server.url, groupUrl(server, 'support')]) expect(await statusOf(url, ofSales)).toBe(404);
    expect(await statusOf(groupUrl(server, 'sales'), ofAll)).toBe(404);
  });
});

/** The stream of notifications of a session, or of a client of 2026-07-28, once its first event has come. */
async function openStream(url: string, session?: Record<string, string>): Promise<Response> {
  const accept = 'text/event-stream';
  if (session !== undefined) return fetch(url, { headers: { accept, ...session } });
  const listen = toModern(request('subscriptions/listen', { notifications: { toolsListChanged: true } }));
  const headers = { ...listen.headers, accept: `application/json, ${accept}`, 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(listen.message) });
}

describe('a reload', () => {
  it('changes which tools a group has, and notifies only its clients', async () => {
    const project = createShop();
    await using server = await start(project);
    const heard: string[] = [];
    const clients = await Promise.all(
      (['sales', 'support'] as const).flatMap((group) =>
        ERAS.map(async (era) => {
          const onToolsChanged = () => void heard.push(`${group} ${era}`);
          const client = await connectTo(groupUrl(server, group), { era, onToolsChanged });
          return client;
        }),
      ),
    );
    project.write('mxcp-site.yml', siteWith(SALES.replace('[stock]', '[wipe]'), ...OTHERS));
    await reload(server);
    await vi.waitFor(() => expect(heard.toSorted()).toEqual(['sales session', 'sales today']));
    expect((await clients[0]?.listTools())?.tools.map(({ name }) => name)).toEqual(['revenue', 'wipe']);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('removes a group: its sessions end, and its path is that of no group until it comes back', async () => {
    const project = createShop();
    await using server = await start(project);
    const url = groupUrl(server, 'sales');
    const headers = await openSession(url);
    const client = await connectTo(url);
    const streams = [await openStream(url, headers), await openStream(url)];
    project.write('mxcp-site.yml', siteWith(...OTHERS));
    await reload(server);
    for (const stream of streams) await stream.text();
    const gone = await post(url, request('tools/list'), { headers });
    expect(gone.status).toBe(404);
    expect(gone.body.error.message).toBe('Not found: there is no group "sales"; known: support, sql');
    expect((await post(url, request('initialize', {}))).status).toBe(404);
    await expect(client.listTools()).rejects.toThrow('there is no group');
    project.write('mxcp-site.yml', siteWith(SALES, ...OTHERS));
    await reload(server);
    expect((await client.listTools()).tools).toHaveLength(2);
    await client.close();
  });

  it('adds a group to a server that had none', async () => {
    const project = createShop();
    project.write('mxcp-site.yml', siteWith());
    await using server = await start(project);
    expect((await post(groupUrl(server, 'sales'), request('tools/list'))).status).toBe(404);
    project.write('mxcp-site.yml', siteWith(SALES));
    await reload(server);
    expect((await post(groupUrl(server, 'sales'), request('tools/list'))).body.result.tools).toHaveLength(2);
  });

  it('that would leave a group with what the project does not have changes nothing', async () => {
    const project = createShop();
    await using server = await start(project);
    project.remove('tools/stock.yml');
    await expect(reload(server, true)).rejects.toThrow(
      'mxcp-site.yml:7:35: `groups.sales.tools[0]`: the project has no tool "stock"',
    );
    expect((await post(groupUrl(server, 'sales'), request('tools/list'))).body.result.tools).toHaveLength(2);
  });
});

it('subscriptions reach only resources of the group, and end with their membership', async () => {
  const project = createShop();
  await using server = await start(project);
  const url = groupUrl(server, 'sales');
  const session = await connectTo(url, { era: 'session' });
  const today = await connectTo(url);
  await expect(session.subscribeResource({ uri: 'shop://all' })).rejects.toThrow('Resource not found: shop://all');
  await session.subscribeResource({ uri: 'shop://one/tea' });
  const stream = await today.listen({ resourceSubscriptions: ['shop://all', 'shop://one/tea'] });
  expect(stream.honoredFilter).toEqual({ resourceSubscriptions: ['shop://one/tea'] });
  const updates: string[] = [];
  for (const [name, client] of Object.entries({ session, today }))
    client.setNotificationHandler('notifications/resources/updated', ({ params: { uri } }) => {
      updates.push(`${name} ${uri}`);
    });
  const enumeration = 'parameters: [{ name: name, type: string, enum: [tea] }]';
  project.write('resources/one.yml', sqlResource('shop://one/{name}', 'SELECT $name AS other', enumeration));
  await reload(server, true);
  await vi.waitFor(() => expect(updates.toSorted()).toEqual(['session shop://one/tea', 'today shop://one/tea']));
  await stream.close();
  await Promise.all([session.close(), today.close()]);
});

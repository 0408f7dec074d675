import { PassThrough } from 'node:stream';
import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it, vi } from 'vitest';
import { createDatabaseFile } from '../../kit/database-file.js';
import { Server } from '../../../src/server/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { configWith } from '../../kit/projects/protected-project.js';
import {
  createProject,
  sqlResource,
  type ProjectFiles,
  type TemporaryProject,
} from '../../kit/projects/temporary-project.js';
import { INITIALIZE, openSession, post, request } from '../mcp/http-fixture.js';

async function createStock(files: ProjectFiles = {}): Promise<TemporaryProject> {
  const project = createProject({
    ...files,
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles: { dev: { duckdb: { path: shop.duckdb, readonly: true } } }',
    ],
    'resources/all.yml': sqlResource('stock://all', 'SELECT * FROM stock'),
    'resources/one.yml': sqlResource(
      'stock://one/{name}',
      'SELECT * FROM stock WHERE name = $name',
      'parameters: [{ name: name, type: string }]',
    ),
    'resources/secret.yml': sqlResource('stock://secret', 'SELECT 1 AS a', 'scopes: [secret]'),
  });
  await createDatabaseFile(project.path('shop.duckdb'), "CREATE TABLE stock AS SELECT 'tea' AS name");
  return project;
}

async function replaceDatabase(project: TemporaryProject): Promise<void> {
  await createDatabaseFile(project.path('next.duckdb'), "CREATE TABLE stock AS SELECT 'salt' AS name");
  project.rename('next.duckdb', 'shop.duckdb');
}

const reload = (server: InProcessServer, definitions = false) => server.admin.reload({ definitions, waitMs: 20_000 });

/** The URIs that the client learns of, in order. */
function updatesOf(client: Client): string[] {
  const uris: string[] = [];
  client.setNotificationHandler('notifications/resources/updated', ({ params: { uri } }) => void uris.push(uri));
  return uris;
}

describe('a client of a 2025 revision', () => {
  it('learns that another database has what it subscribed to', async () => {
    const project = await createStock();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url, { era: 'session' });
    expect(client.getServerCapabilities()).toMatchObject({ resources: { subscribe: true } });
    const uris = updatesOf(client);
    for (const uri of ['stock://all', 'stock://one/tea', 'stock://one/salt']) await client.subscribeResource({ uri });
    await client.unsubscribeResource({ uri: 'stock://one/tea' });
    await reload(server);
    await replaceDatabase(project);
    await reload(server);
    await vi.waitFor(() => expect(uris).toEqual(['stock://all', 'stock://one/salt']));
    await client.close();
  });

  it('learns of a resource whose file has changed, and of no other', async () => {
    const project = await createStock();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url, { era: 'session' });
    const uris = updatesOf(client);
    await client.subscribeResource({ uri: 'stock://all' });
    await client.subscribeResource({ uri: 'stock://one/tea' });
    const parameters = 'parameters: [{ name: name, type: string }]';
    project.write('resources/one.yml', sqlResource('stock://one/{name}', 'SELECT $name AS name', parameters));
    await reload(server, true);
    await vi.waitFor(() => expect(uris).toEqual(['stock://one/tea']));
    await client.close();
  });

  it('learns nothing more of a resource that a reload has taken from it', async () => {
    const project = await createStock();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url, { era: 'session' });
    const uris = updatesOf(client);
    for (const uri of ['stock://all', 'stock://one/tea']) await client.subscribeResource({ uri });
    project.write('resources/all.yml', sqlResource('stock://all', 'SELECT * FROM stock', 'scopes: [secret]'));
    const parameters = 'parameters: [{ name: name, type: string }]';
    project.write('resources/one.yml', sqlResource('stock://one/{name}', 'SELECT $name AS name', parameters));
    await reload(server, true);
    await vi.waitFor(() => expect(uris).toEqual(['stock://one/tea']));
    await client.close();
  });

  it('subscribes to, and learns of, what its latest token may read', async () => {
    const [plain, stepped] = ['plain-token-0123456789abcdef', 'stepped-token-0123456789abcdef'];
    const tokens = [
      { token: plain, username: 'ada' },
      { token: stepped, username: 'ada', scopes: ['secret'] },
    ];
    const project = await createStock({ 'config.yml': configWith({ provider: 'static', static: { tokens } }) });
    await using server = await InProcessServer.start(project);
    const opened = await post(server.url, INITIALIZE, { headers: { authorization: `Bearer ${plain}` } });
    const session = opened.headers.get('mcp-session-id') ?? '';
    const as = (token: string) => ({ 'mcp-session-id': session, authorization: `Bearer ${token}` });
    const subscribe = async (token: string, uri: string) =>
      (await post(server.url, request('resources/subscribe', { uri }), { headers: as(token) })).body;
    expect((await subscribe(plain, 'stock://secret')).error.message).toContain('Resource not found');
    expect((await subscribe(stepped, 'stock://secret')).result).toEqual({});
    const stream = await fetch(server.url, { headers: { ...as(stepped), accept: 'text/event-stream' } });
    let text = '';
    // Ends with the server.
    void stream.body?.pipeTo(new WritableStream({ write: (part) => void (text += Buffer.from(part).toString()) }));
    await replaceDatabase(project);
    await reload(server);
    await vi.waitFor(() => expect(text).toContain('stock://secret'));
    text = '';
    expect((await subscribe(plain, 'stock://all')).result).toEqual({});
    await replaceDatabase(project);
    await reload(server);
    await vi.waitFor(() => expect(text).toContain('stock://all'), { timeout: 5000 });
    expect(text).not.toContain('stock://secret');
  });

  it('cannot subscribe to what it may not read, to too much, or without a session', async () => {
    await using server = await InProcessServer.start(await createStock());
    const client = await connectTo(server.url, { era: 'session' });
    await expect(client.subscribeResource({ uri: 'stock://none' })).rejects.toThrow('Resource not found: stock://none');
    const unknown = { uri: 'stock://none' };
    const session = { headers: await openSession(server.url) };
    const { body } = await post(server.url, request('resources/subscribe', unknown), session);
    expect(body.error).toMatchObject({ code: -32_002, data: unknown });
    await expect(client.subscribeResource({ uri: 'stock://secret' })).rejects.toThrow('Resource not found');
    const long = `stock://one/${'x'.repeat(4096)}`;
    await expect(client.subscribeResource({ uri: long })).rejects.toThrow('Resource not found');
    for (let count = 0; count < 100; count += 1) await client.subscribeResource({ uri: `stock://one/${count}` });
    await client.subscribeResource({ uri: 'stock://one/0' });
    await expect(client.subscribeResource({ uri: 'stock://all' })).rejects.toThrow('at most 100 resources');
    await client.unsubscribeResource({ uri: 'stock://one/0' });
    await client.subscribeResource({ uri: 'stock://all' });
    await client.close();
    const { error } = (await post(server.url, request('resources/subscribe', { uri: 'stock://all' }))).body;
    expect(error.message).toBe('Method not found');
    const headers = await openSession(server.url);
    const { result } = (await post(server.url, request('resources/subscribe', { uri: 'stock://all' }), { headers }))
      .body;
    expect(result).toEqual({});
  });
});

describe('a client of revision 2026-07-28', () => {
  it('learns of the resources that it listens for and may read', async () => {
    const project = await createStock();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    const uris = updatesOf(client);
    const long = `stock://one/${'x'.repeat(4096)}`;
    const wanted = ['stock://all', 'stock://secret', 'stock://none', 'stock://one/tea', long];
    const stream = await client.listen({ resourceSubscriptions: wanted });
    expect(stream.honoredFilter).toEqual({ resourceSubscriptions: ['stock://all', 'stock://one/tea'] });
    await replaceDatabase(project);
    await reload(server);
    await vi.waitFor(() => expect(uris.toSorted()).toEqual(['stock://all', 'stock://one/tea']));
    await stream.close();
    await client.close();
  });
});

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const { params: HELLO } = INITIALIZE;
const WANTED = ['stock://one/tea', 'stock://all'];

describe.each([
  [
    '2025',
    [request('initialize', HELLO, 'i')],
    WANTED.map((uri) => request('resources/subscribe', { uri }, uri)),
    WANTED,
  ],
  [
    '2026-07-28',
    [request('server/discover', { _meta: META }, 'd')],
    [
      request(
        'subscriptions/listen',
        { notifications: { resourceSubscriptions: [...WANTED, 'stock://secret'] }, _meta: META },
        's',
      ),
    ],
    [],
  ],
] as const)('a client over stdio, revision %s', (_, opening, subscriptions, answered) => {
  it('learns of what it subscribed to, when another database is opened', async () => {
    const project = await createStock();
    const [input, output] = [new PassThrough(), new PassThrough()];
    let text = '';
    output.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const lines = () => text.split('\n').filter((line) => line !== '');
    const flags = { transport: 'stdio', adminSocket: project.socketPath };
    const settings = loadSettings({ flags, env: { HOME: project.root }, cwd: project.root });
    const server = new Server({ settings, env: {}, logSinks: [], openStreams: () => ({ input, output }) });
    await server.start();
    const { admin } = InProcessServer.create(project);
    for (const message of [...opening, ...subscriptions]) input.write(`${JSON.stringify(message)}\n`);
    const last = answered.at(-1) ?? 'notifications/subscriptions/acknowledged';
    await vi.waitFor(() => expect(lines().some((line) => line.includes(`"${last}"`))).toBe(true));
    text = '';
    await replaceDatabase(project);
    await admin.reload({ definitions: false, waitMs: 20_000 });
    const uris = () =>
      lines()
        .map((line) => JSON.parse(line))
        .flatMap(({ method, params }) => (method === 'notifications/resources/updated' ? [params.uri] : []));
    await vi.waitFor(() => expect(uris().toSorted()).toEqual(WANTED.toSorted()));
    text = '';
    project.write('resources/all.yml', sqlResource('stock://all', 'SELECT * FROM stock', 'scopes: [secret]'));
    await replaceDatabase(project);
    await admin.reload({ definitions: true, waitMs: 20_000 });
    // Updates are sent together, so what the client may no longer read would be there too.
    await vi.waitFor(() => expect(uris()).toEqual(['stock://one/tea']));
    await server.close();
  });
});

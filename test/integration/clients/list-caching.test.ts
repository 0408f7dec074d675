import { describe, expect, it } from 'vitest';
import { createDatabaseFile } from '../../kit/database-file.js';
import { InProcessServer, type StartOptions } from '../../kit/in-process-server.js';
import { configWith } from '../../kit/projects/protected-project.js';
import { createProject, type ProjectFiles, sqlTool } from '../../kit/projects/temporary-project.js';
import { post, postModern, request } from '../mcp/http-fixture.js';

const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
const SITE = ['mxcp: 1', 'project: shop', 'profile: dev'];
const FILES = { 'tools/a.yml': sqlTool('a', 'SELECT 1 AS a') };
const ADMINS_ONLY = ['policies: { input: [{ condition: "user.role != \'admin\'", action: deny }] }'];
const TOKEN = 'ada-token-0123456789abcdef';

function start(files: ProjectFiles, options: StartOptions = {}) {
  return InProcessServer.start(createProject({ ...FILES, ...files }), options);
}

async function cacheOf(url: string, method: string, params = {}, headers = {}) {
  const { result } = (await postModern(url, request(method, params), { headers })).body;
  const fields = new Map(Object.entries(result));
  return [fields.get('ttlMs'), fields.get('cacheScope')];
}

describe('lists', () => {
  it('may be kept for a minute by everybody', async () => {
    await using server = await start({});
    for (const method of [...LISTS, 'server/discover'])
      expect(await cacheOf(server.url, method)).toEqual([60_000, 'public']);
  });

  it('may be kept only by their caller where policies distinguish callers', async () => {
    await using server = await start({ 'tools/b.yml': sqlTool('b', 'SELECT 1 AS b', ADMINS_ONLY) });
    for (const method of LISTS) expect(await cacheOf(server.url, method)).toEqual([60_000, 'private']);
  });

  it('may be kept only by their caller where callers authenticate', async () => {
    const auth = { provider: 'static', static: { tokens: [{ token: TOKEN, username: 'ada' }] } };
    await using server = await start({ 'config.yml': configWith(auth) });
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (const method of [...LISTS, 'server/discover'])
      expect(await cacheOf(server.url, method, {}, headers)).toEqual([60_000, 'private']);
  });

  it('are kept as the site file says', async () => {
    await using server = await start({ 'mxcp-site.yml': [...SITE, 'cache: { ttl: 5s, scope: private }'] });
    expect(await cacheOf(server.url, 'tools/list')).toEqual([5000, 'private']);
  });

  it('have other rules after a reload that adds a policy', async () => {
    const project = createProject(FILES);
    await using server = await InProcessServer.start(project);
    expect(await cacheOf(server.url, 'tools/list')).toEqual([60_000, 'public']);
    project.write('tools/a.yml', sqlTool('a', 'SELECT 1 AS a', ADMINS_ONLY));
    await server.admin.reload({ definitions: true, waitMs: 20_000 });
    expect(await cacheOf(server.url, 'tools/list')).toEqual([60_000, 'private']);
  });

  it('have no such fields in the 2025 revisions', async () => {
    await using server = await start({ 'resources/r.yml': resource('cache: { ttl: 1m }') });
    for (const [method, params] of [...LISTS.map((each) => [each, {}] as const), ['resources/read', R] as const]) {
      const { result } = (await post(server.url, request(method, params))).body;
      expect(Object.keys(result)).toHaveLength(1);
    }
  });
});

const R = { uri: 'x://r' };

function resource(...fields: readonly string[]): readonly string[] {
  return [
    'mxcp: 1',
    'resource:',
    '  uri: x://r',
    ...fields.map((field) => `  ${field}`),
    '  source: { code: SELECT 1 AS a }',
  ];
}

describe('what was read from a resource', () => {
  it.each([
    ['', 0, 'private'],
    ['cache: { ttl: 30s }', 30_000, 'private'],
    ['cache: { ttl: 30s, scope: public }', 30_000, 'public'],
    ['cache: { ttl: 0 }', 0, 'private'],
  ])('may be kept as its file says: "%s"', async (field, ttlMs, scope) => {
    await using server = await start({ 'resources/r.yml': resource(field) });
    expect(await cacheOf(server.url, 'resources/read', R)).toEqual([ttlMs, scope]);
  });

  it('is private where rows are protected', async () => {
    const rules = '{ tables: [{ table: t, rows: "a = 1" }] }';
    const project = createProject({
      'mxcp-site.yml': [...SITE, `profiles: { dev: { duckdb: { path: t.duckdb }, protect: ${rules} } }`],
      'resources/r.yml': resource('cache: { ttl: 30s, scope: public }'),
    });
    await createDatabaseFile(project.path('t.duckdb'), 'CREATE TABLE t(a INTEGER)');
    await using server = await InProcessServer.start(project);
    expect(await cacheOf(server.url, 'resources/read', R)).toEqual([30_000, 'private']);
  });

  it('is not kept where it depends on an answer of the client', async () => {
    await using server = await start({ 'resources/r.yml': resource('confirm: Really?', 'cache: { ttl: 30s }') });
    const asks = { capabilities: { elicitation: {} } };
    const asked = new Map(
      Object.entries((await postModern(server.url, request('resources/read', R), asks)).body.result),
    );
    expect([asked.get('resultType'), asked.has('ttlMs')]).toEqual(['input_required', false]);
    const inputResponses = { 'mxcp.confirm': { action: 'accept', content: {} } };
    const reply = { ...R, requestState: asked.get('requestState'), inputResponses };
    const read = await postModern(server.url, request('resources/read', reply), asks);
    expect(read.body.result).toMatchObject({ contents: [{ uri: 'x://r' }], ttlMs: 0, cacheScope: 'private' });
  });

  it('cannot be public where not every caller may read it', async () => {
    const file = resource('cache: { ttl: 30s, scope: public }', ...ADMINS_ONLY);
    await expect(start({ 'resources/r.yml': file })).rejects.toThrow(
      'must not be `public`, because not every caller may read this resource; remove `scope`',
    );
  });
});

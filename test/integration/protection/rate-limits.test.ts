import { expect, it, onTestFinished, vi } from 'vitest';
import { AdminClient, readOwnerFile } from '../../../src/admin/client/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { createProject, type ProjectFiles, sqlTool } from '../../kit/projects/temporary-project.js';
import { callOf, post, request } from '../mcp/http-fixture.js';

const site = (limit: string) => ['mxcp: 1', 'project: shop', 'profile: dev', `profiles: { dev: { ${limit} } }`];
const ONE_AN_HOUR = 'rate_limit: { calls: 1, per: 1h }';

async function start(files: ProjectFiles) {
  const project = createProject({
    'tools/t.yml': sqlTool('t', 'SELECT 1 AS one'),
    'resources/r.yml': ['resource:', '  uri: data://r', '  source: { code: SELECT 1 AS one }'],
    ...files,
  });
  const running = await InProcessServer.start(project);
  onTestFinished(() => running.server.close());
  const call = async (name: string, headers: Readonly<Record<string, string>> = {}): Promise<string> => {
    const { body } = await post(running.url, callOf(name), { headers });
    return JSON.stringify(body.result ?? body.error);
  };
  return { project, running, call };
}

it('the limit of a profile counts the calls of a caller over all endpoints, unknown ones too', async () => {
  const { running, call } = await start({ 'mxcp-site.yml': site('rate_limit: { calls: 3, per: 1h }') });
  expect(await call('t')).not.toContain('too many calls');
  expect(await call('unknown')).toContain('Unknown tool');
  expect((await post(running.url, request('resources/read', { uri: 'data://r' }))).body.error).toBeUndefined();
  expect(await call('t')).toContain('"isError":true');
  expect(await call('t')).toMatch(/too many calls: the server allows 3 of each caller in 1h; try again in \d+ s/);
  expect((await post(running.url, request('resources/read', { uri: 'data://r' }))).body.error).toMatchObject({
    code: -32603,
    data: { code: 'rate_limited', retryAfterSeconds: expect.any(Number) },
  });
  expect((await post(running.url, request('tools/list', {}))).body.result.tools).toHaveLength(1);
});

it('refused calls are counted, and logged at INFO within the limits of the log', async () => {
  const { running, call } = await start({ 'tools/t.yml': sqlTool('t', 'SELECT 1 AS one', [ONE_AN_HOUR]) });
  for (let each = 0; each < 31; each += 1) await call('t');
  const logged = running.logLines.filter((line) => line.includes('too many calls'));
  expect(logged).toHaveLength(10);
  expect(logged[0]).toMatch(/ INFO calls: tool "t" failed: too many calls: tool "t" allows .* code=rate_limited /);
  const metrics = await running.admin.metricsText();
  expect(metrics).toContain('mxcp_calls_total{kind="tool",name="t",outcome="rate_limited"} 30');
});

it('a reload changes limits, and what a caller has used is not forgiven', async () => {
  const { project, running, call } = await start({ 'mxcp-site.yml': site(ONE_AN_HOUR) });
  await call('t');
  expect(await call('t')).toContain('the server allows 1 of each caller in 1h');
  await running.admin.reload({ waitMs: 20_000 });
  expect(await call('t')).toContain('the server allows 1 of each caller in 1h');
  project.write('mxcp-site.yml', site('rate_limit: { calls: 2, per: 2h }'));
  await running.admin.reload({ waitMs: 20_000 });
  expect((await running.admin.config()).restart_required).toEqual([]);
  await call('t');
  expect(await call('t')).toContain('the server allows 2 of each caller in 2h');
  project.write('tools/t.yml', sqlTool('t', 'SELECT 1 AS one', [ONE_AN_HOUR]));
  project.write('mxcp-site.yml', site('duckdb: {}'));
  await running.admin.reload({ waitMs: 20_000, definitions: true });
  expect(await call('t')).not.toContain('too many calls');
  expect(await call('t')).toContain('too many calls: tool');
});

it('clients behind a proxy count separately only where the proxy is trusted', async () => {
  const by = (address: string) => ({ 'x-forwarded-for': `10.0.0.1, ${address}` });
  const limited = { 'mxcp-site.yml': site(ONE_AN_HOUR) };
  const plain = await start(limited);
  await plain.call('t', by('192.0.2.1'));
  expect(await plain.call('t', by('192.0.2.2'))).toContain('too many calls');
  const trusting = await start({ ...limited, 'config.yml': ['mxcp: 1', 'transport: { http: { trust_proxy: true } }'] });
  await trusting.call('t', by('192.0.2.1'));
  expect(await trusting.call('t', by('192.0.2.2'))).not.toContain('too many calls');
  expect(await trusting.call('t', by('192.0.2.1'))).toContain('too many calls');
  await vi.waitFor(() => expect(trusting.running.logLines.join('')).toContain('client=192.0.2.1'));
});

it('an owner who calls an endpoint of the running server has no limit', async () => {
  const { project, call } = await start({ 'mxcp-site.yml': site(ONE_AN_HOUR) });
  await call('t');
  expect(await call('t')).toContain('too many calls');
  const token = readOwnerFile(project.path('data/db-dev.duckdb'))?.token;
  const owner = new AdminClient({ socketPath: project.socketPath, ...(token !== undefined && { token }) });
  for (let each = 0; each < 2; each += 1) expect(await owner.run({ type: 'tool', name: 't' })).toHaveProperty('result');
});

const USER_CONFIG = (http: object, auth: object) =>
  JSON.stringify({ mxcp: 1, transport: { http }, projects: { shop: { profiles: { dev: { auth } } } } });

it('users who are authenticated have limits of their own at one address', async () => {
  const tokens = ['ada', 'bob'].map((username) => ({ username, token: `${username}-0123456789abcdef` }));
  const { call } = await start({
    'mxcp-site.yml': site(ONE_AN_HOUR),
    'config.yml': USER_CONFIG({}, { provider: 'static', static: { tokens } }),
  });
  const as = (username: string) => call('t', { authorization: `Bearer ${username}-0123456789abcdef` });
  expect(await as('ada')).not.toContain('too many calls');
  expect(await as('bob')).not.toContain('too many calls');
  expect(await as('ada')).toContain('too many calls');
});

it('an address in X-Forwarded-For, even a trusted one, makes no client the proxy that says who calls', async () => {
  const auth = { provider: 'proxy', proxy: { user_header: 'x-user', addresses: ['10.0.0.0/8'] } };
  const { running } = await start({ 'config.yml': USER_CONFIG({ trust_proxy: true }, auth) });
  const headers = { 'x-forwarded-for': '10.0.0.1', 'x-user': 'ada' };
  expect((await post(running.url, callOf('t'), { headers })).status).toBe(401);
});

import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createShopProject, HandoverShop, startShop } from '../../kit/projects/shop.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { sendRaw } from '../admin/admin-fixture.js';

async function scrape(socketPath: string): Promise<string> {
  const answer = await sendRaw(socketPath, 'GET /metrics HTTP/1.1');
  expect(answer.status).toBe(200);
  return answer.text;
}

/** The lines of one metric, without its help and its type. */
function linesOf(text: string, name: string): readonly string[] {
  return text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
}

it('counts the calls of clients by endpoint and outcome, under one name for all that do not exist', async () => {
  const { project, server } = await startShop('readonly');
  const client = await connectTo(server.url);
  await callText(client, 'price');
  for (const name of ['absent', 'missing'])
    await expect(client.callTool({ name, arguments: {} })).rejects.toThrow('Unknown tool');
  await client.close();
  expect(linesOf(await scrape(project.socketPath), 'mxcp_calls_total')).toEqual([
    'mxcp_calls_total{kind="tool",name="price",outcome="success"} 1',
    'mxcp_calls_total{kind="tool",name="(unknown)",outcome="endpoint_not_found"} 2',
    'mxcp_calls_total{kind="tool",name="secrets",outcome="success"} 0',
  ]);
});

it('shows a call that runs, by its endpoint, with the place and the connection that it uses', async () => {
  const endless = 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 8';
  const { project, server } = await startShop('readonly', { files: { 'tools/slow.yml': sqlTool('slow', endless) } });
  const client = await connectTo(server.url);
  const abort = new AbortController();
  const called = client.callTool({ name: 'slow', arguments: {} }, { signal: abort.signal });
  called.catch(() => undefined);
  await vi.waitFor(async () => {
    const text = await scrape(project.socketPath);
    expect(linesOf(text, 'mxcp_calls_active')).toEqual(['mxcp_calls_active{kind="tool",name="slow"} 1']);
    expect(linesOf(text, 'mxcp_calls_running')).toEqual(['mxcp_calls_running 1']);
    expect(linesOf(text, 'mxcp_duckdb_connections')[0]).toBe('mxcp_duckdb_connections{state="used"} 1');
  });
  abort.abort();
  await expect(called).rejects.toThrow();
  await vi.waitFor(async () => {
    const text = await scrape(project.socketPath);
    expect(linesOf(text, 'mxcp_calls_active')).toEqual([]);
    expect(text).toContain('mxcp_calls_total{kind="tool",name="slow",outcome="query_interrupted"} 1');
  });
  await client.close();
});

it('follows the reloads: what they did, what is active since then, and the endpoints that are served now', async () => {
  const { project, server } = await startShop('readonly');
  const first = await scrape(project.socketPath);
  expect(linesOf(first, 'mxcp_config_last_reload_successful')).toEqual(['mxcp_config_last_reload_successful 1']);
  expect(first).toContain('mxcp_reloads_total{trigger="api",outcome="success"} 0');

  project.write('tools/added.yml', sqlTool('added', 'SELECT 1 AS one'));
  rmSync(project.path('tools/secrets.yml'));
  await server.admin.reload({ waitMs: 20_000 });
  expect(linesOf(await scrape(project.socketPath), 'mxcp_changed_definition_files')).toEqual([
    'mxcp_changed_definition_files 2',
  ]);
  await server.admin.reload({ waitMs: 20_000, definitions: true });
  const second = await scrape(project.socketPath);
  expect(linesOf(second, 'mxcp_generation')).toEqual(['mxcp_generation 3']);
  expect(second).toContain('mxcp_calls_total{kind="tool",name="added",outcome="success"} 0');
  expect(second).not.toContain('name="secrets"');
  expect(linesOf(second, 'mxcp_reload_duration_seconds_count')).toEqual([
    'mxcp_reload_duration_seconds_count{outcome="success"} 2',
  ]);

  project.write('second.txt', '');
  rmSync(project.path('second.txt'));
  await expect(server.admin.reload({ waitMs: 20_000 })).rejects.toThrow();
  await server.admin.reload({ dryRun: true }).catch(() => undefined);
  const third = await scrape(project.socketPath);
  expect(linesOf(third, 'mxcp_config_last_reload_successful')).toEqual(['mxcp_config_last_reload_successful 0']);
  expect(third).toContain('mxcp_reloads_total{trigger="api",outcome="error"} 1');
  expect(third).toContain('mxcp_reload_dry_runs_total{outcome="error"} 1');
  expect(linesOf(third, 'mxcp_generation')).toEqual(['mxcp_generation 3']);
  const name = 'mxcp_config_last_reload_success_timestamp_seconds';
  expect(linesOf(third, name)).toEqual(linesOf(second, name));
});

it('measures the pause of a handover', async () => {
  const shop = await HandoverShop.start();
  await shop.replace(2);
  await shop.reload();
  const text = await scrape(shop.project.socketPath);
  expect(linesOf(text, 'mxcp_reload_pause_seconds_count')).toEqual(['mxcp_reload_pause_seconds_count 1']);
  expect(Number(linesOf(text, 'mxcp_reload_pause_seconds_sum')[0]?.split(' ')[1])).toBeGreaterThan(0);
});

it('shows why a server is not ready, and nothing of a generation that it does not have yet', async () => {
  const project = await createShopProject('readonly');
  const { admin, server } = InProcessServer.create(project, {
    flags: { envFiles: [project.path('shop.env')], waitForSecrets: '30s' },
  });
  rmSync(project.path('second.txt'));
  const started = server.start();
  started.catch(() => undefined);
  const families = await vi.waitFor(async () => (await admin.metrics()).metrics);
  const samplesOf = (name: string) => families.find((family) => family.name === name)?.samples;
  expect(samplesOf('mxcp_ready')).toEqual([{ name: 'mxcp_ready', labels: {}, value: 0 }]);
  expect(samplesOf('mxcp_check_ok')).toContainEqual({ name: 'mxcp_check_ok', labels: { check: 'phase' }, value: 0 });
  expect(samplesOf('mxcp_generation')).toEqual([]);
  expect(samplesOf('mxcp_config_last_reload_successful')).toEqual([]);
  await server.close();
  await expect(started).rejects.toThrow();
  project[Symbol.dispose]();
});

it('counts nothing with MXCP_METRICS=off, and says so', async () => {
  const { server } = await startShop('readonly', { env: { MXCP_METRICS: 'off', MXCP_METRICS_LISTEN: '0' } });
  await expect(server.admin.metrics()).rejects.toMatchObject({ code: 'metrics_off', status: 404 });
  expect(server.logLines.join('')).toContain('WARN metrics: no metrics are served on an address of their own');
});

/** The address in the log line. */
function metricsUrl({ logLines }: InProcessServer): string {
  return logLines.map((line) => /metrics listening: (\S+)/.exec(line)?.[1]).find((url) => url !== undefined) ?? '';
}

it('serves /metrics and nothing else on an address of its own, also without an admin socket', async () => {
  const { server } = await startShop('readonly', { flags: { metricsListen: '127.0.0.1:0', admin: false } });
  const url = metricsUrl(server);
  const answer = await fetch(url, { headers: { accept: 'application/openmetrics-text' } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('application/openmetrics-text');
  expect(await answer.text()).toMatch(/\nmxcp_ready 1\n[^]*# EOF\n$/);
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1000);
  expect((await fetch(`${url}?x=1`)).status).toBe(200);
  for (const path of ['/', '/status', '/metrics/', '/metricsx']) {
    expect([path, (await fetch(new URL(path, url))).status]).toEqual([path, 404]);
  }
  const posted = await fetch(url, { method: 'POST', body: 'x' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect((await fetch(url, { headers: { origin: 'https://example.com' } })).status).toBe(403);
  expect(server.logLines.join('')).not.toContain('metrics are open');
});

it('answers few pipelined scrapes of one connection, so that one packet of requests does not hold up the server', async () => {
  const { server } = await startShop('readonly', { flags: { metricsListen: '127.0.0.1:0', admin: false } });
  const { port, hostname } = new URL(metricsUrl(server));
  const connection = connect(Number(port), hostname);
  connection.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100));
  connection.setEncoding('latin1');
  let received = '';
  connection.on('data', (chunk: string) => (received += chunk));
  const statuses = (): readonly string[] => received.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
  await vi.waitFor(() => expect(statuses()).toHaveLength(100));
  connection.destroy();
  expect(statuses().filter((status) => status === '200')).toHaveLength(16);
  expect(new Set(statuses())).toEqual(new Set(['200', '503']));
});

it('warns of an address that others may reach', async () => {
  const { server } = await startShop('readonly', { flags: { metricsListen: '0.0.0.0:0' } });
  expect(server.logLines.join('')).toMatch(
    /WARN metrics: metrics are open to everyone who reaches http:\/\/0\.0\.0\.0:\d+/,
  );
});

it('does not start when the address is taken, and names the option', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const address = blocker.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const project = await createShopProject('readonly');
  const options = { flags: { envFiles: [project.path('shop.env')], metricsListen: String(port) } };
  await expect(InProcessServer.start(project, options)).rejects.toMatchObject({
    code: 'port_in_use',
    message: `port ${port} is taken: another process listens on 127.0.0.1:${port}; choose another with --metrics-listen`,
  });
  blocker.close();
  project[Symbol.dispose]();
});

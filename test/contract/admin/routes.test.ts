import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AdminClient } from '../../../src/admin/client/index.js';
import { ROUTES } from '../../../src/contract/index.js';
import {
  createPorts,
  RELOAD_ID,
  sendRaw,
  startTestServer,
  type TestServer,
} from '../../integration/admin/admin-fixture.js';
import { expectInContract, json, WIRE_FAILED_RECORD, WIRE_RECORD } from './wire-fixture.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('answers of the routes', () => {
  it.each(['/health', '/livez'])('%s says that the process answers, with a time to the second', async (path) => {
    const answer = await sendRaw(server.socketPath, `GET ${path} HTTP/1.1`);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(json(answer)).toEqual({
      status: 'ok',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expectInContract('getHealth', answer);
  });

  it('/readyz and /startupz list their checks', async () => {
    const ready = await sendRaw(server.socketPath, 'GET /readyz HTTP/1.1');
    expect(json(ready)).toEqual({ status: 'ok', checks: [{ name: 'database', status: 'ok', message: 'answers' }] });
    expectInContract('getReadyz', ready);
    expect(json(await sendRaw(server.socketPath, 'GET /startupz HTTP/1.1'))).toEqual({ status: 'ok', checks: [] });
  });

  it('/status', async () => {
    const answer = await sendRaw(server.socketPath, 'GET /status HTTP/1.1');
    expect(json(answer)).toEqual({
      status: 'ok',
      version: '1.2.3',
      uptime: '2h12m35s',
      uptime_seconds: 7955,
      pid: 12345,
      profile: 'production',
      mode: 'readwrite',
      debug: false,
      started_at: '2024-01-15T08:17:25Z',
      generation: 2,
      draining_since: null,
      endpoints: { tools: 15, prompts: 5, resources: 8 },
      reload: {
        in_progress: false,
        draining: false,
        active_requests: 0,
        last_reload: '2024-01-15T08:00:00Z',
        last_reload_status: 'error',
        last_reload_error: 'the configuration has problems',
        last_reload_id: '0b9c3f6e-4c86-4b0f-9d3a-6a1a3b1f7a52',
        restart_required: ['transport.http.port'],
        definitions_changed: ['tools/sales.yml: changed'],
        definitions_refused: [],
        queued: 0,
      },
      calls: { total: 0, success: 0, error: 0, failures: {}, endpoints: [] },
      admin_socket: { path: server.socketPath, mode: '0600', probe_path: server.probePath },
      checks: [{ name: 'database', status: 'ok', message: 'answers' }],
      log_level: { level: 'info', configured: 'info', until: null },
      auth: null,
      features: expect.arrayContaining(['config_etag', 'drain', 'events', 'metrics', 'reload_cancel', 'trace']),
      background: [{ name: 'vault', status: 'failing', message: 'the token of VAULT_TOKEN ends in 3m' }],
    });
    expectInContract('getStatus', answer);
  });

  it('/drain and /resume say whether calls are taken', async () => {
    const drained = await sendRaw(server.socketPath, 'POST /drain HTTP/1.1');
    expect(json(drained)).toEqual({ status: 'draining', draining_since: '2024-01-15T10:30:00Z', active_requests: 2 });
    expectInContract('postDrain', drained);
    const waited = await sendRaw(server.socketPath, 'POST /drain?wait=5s HTTP/1.1');
    expect(json(waited)).toMatchObject({ status: 'drained', active_requests: 0 });
    const resumed = await sendRaw(server.socketPath, 'POST /resume HTTP/1.1');
    expect(json(resumed)).toEqual({ status: 'in_rotation', draining_since: null, active_requests: 2 });
    expectInContract('postResume', resumed);
    expect((await sendRaw(server.probePath, 'POST /drain HTTP/1.1')).status).toBe(403);
    expect(await server.client.drain()).toMatchObject({ status: 'draining' });
    expect(await server.client.drain({ waitMs: 1_000 })).toMatchObject({ status: 'drained' });
    expect(await server.client.resume()).toMatchObject({ status: 'in_rotation' });
  });

  it('/drain takes the server out of rotation once, not again when its wait ends, because it may be resumed by then', async () => {
    const ports = createPorts();
    const drain = vi.fn(ports.rotation.drain);
    const rotation = { ...ports.rotation, drain, ended: () => new Promise<never>(() => {}) };
    await using waiting = await startTestServer({ ports: createPorts({ rotation }) });
    const answer = await sendRaw(waiting.socketPath, 'POST /drain?wait=20ms HTTP/1.1');
    expect(json(answer)).toMatchObject({ error: 'wait_timeout', message: expect.stringContaining('2 calls') });
    expectInContract('postDrain', answer);
    expect(drain).toHaveBeenCalledTimes(1);
  });

  it('/metrics is text, or JSON for a client that asks for it', async () => {
    const text = await sendRaw(server.socketPath, 'GET /metrics HTTP/1.1');
    expect(text.headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(text.text).toBe('mxcp_ready 1\n');
    const answer = await sendRaw(server.socketPath, 'GET /metrics HTTP/1.1\nAccept: application/json');
    expect(answer.headers['content-type']).toBe('application/json');
    expect(json(answer)).toEqual({
      metrics: [
        {
          name: 'mxcp_ready',
          help: 'Whether calls would be served now.',
          type: 'gauge',
          samples: [{ name: 'mxcp_ready', labels: {}, value: 1 }],
        },
      ],
    });
    expectInContract('getMetrics', answer);
  });

  it('/config', async () => {
    const answer = await sendRaw(server.socketPath, 'GET /config HTTP/1.1');
    expect(json(answer)).toEqual({
      status: 'ok',
      project: 'my-project',
      profile: 'production',
      repository_path: '/opt/mxcp',
      debug: false,
      settings: ['--admin-socket', 'MXCP_PORT'],
      transport: 'streamable-http',
      duckdb: { path: '/data/mxcp.duckdb', readonly: false },
      duckdb_path: '/data/mxcp.duckdb',
      duckdb_engine: { version: 'v1.5.6', storage_version: 'v1.0.0+' },
      readonly: false,
      extensions: ['httpfs', 'parquet'],
      attached: [],
      endpoints: { tools: ['get_user', 'search_users'], resources: ['user://'], prompts: ['analyze'] },
      groups: [],
      auth: null,
      features: { sql_tools: false, audit_logging: false, telemetry: false },
      generation: 2,
      loaded_at: '2024-01-15T08:00:00Z',
      config_files: ['/opt/mxcp/mxcp-site.yml'],
      env_files: ['/etc/mxcp/production.env'],
      references: [
        {
          ref: 'vault://secret/db#password',
          used_by: ['projects.my-project.profiles.production.secrets[0].parameters.TOKEN'],
          source: 'vault',
          resolved_at: '2024-01-15T08:00:00Z',
          changed_at: '2024-01-14T08:00:00Z',
          version: '7',
          fingerprint: '6f1c0a9be2d34a77',
        },
      ],
      restart_required: [{ setting: 'transport.http.port', running: 8000, on_disk: 8080 }],
      last_rejected: {
        reload_id: '0b9c3f6e-4c86-4b0f-9d3a-6a1a3b1f7a52',
        at: '2024-01-15T09:00:00Z',
        error: 'reload failed',
      },
    });
    expectInContract('getConfig', answer);
  });

  it('/endpoints', async () => {
    const answer = await sendRaw(server.socketPath, 'GET /endpoints HTTP/1.1');
    expect(json(answer)).toEqual({
      endpoints: [
        {
          path: 'tools/get_user.yml',
          type: 'tool',
          name: 'get_user',
          description: null,
          language: 'sql',
          enabled: true,
          status: 'ok',
          error: null,
        },
      ],
    });
    expectInContract('listEndpoints', answer);
  });

  it('/ and /openapi.json', async () => {
    const index = await sendRaw(server.socketPath, 'GET / HTTP/1.1');
    expect(json(index)).toEqual({
      service: 'mxcp-admin',
      docs: '/docs',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      openapi: '/openapi.json',
    });
    expectInContract('getIndex', index);
    const document = await sendRaw(server.socketPath, 'GET /openapi.json HTTP/1.1');
    expect(json(document)).toMatchObject({ openapi: '3.1.0', info: { title: 'MXCP Admin API' } });
    expectInContract('getOpenApi', document);
  });

  it('/logs', async () => {
    const answer = await sendRaw(server.socketPath, 'GET /logs HTTP/1.1');
    expect(json(answer)).toEqual({ lines: ['first', 'second'], left_out: 7 });
    expectInContract('getLogs', answer);
    expect(json(await sendRaw(server.socketPath, 'GET /logs?lines=1 HTTP/1.1'))).toMatchObject({ lines: ['second'] });
  });

  it.each([
    ['getSystemInfo', '/system/info', 'boot_time_seconds'],
    ['getSystemCpu', '/system/cpu', 'load_avg_1min'],
    ['getSystemMemory', '/system/memory', 'mxcp_process_rss_bytes'],
    ['getSystemDisk', '/system/disk', 'write_count'],
    ['getSystemNetwork', '/system/network', 'bytes_recv'],
    ['getSystemProcess', '/system/process', 'num_fds'],
  ] as const)('%s: %s has its keys', async (name, path, key) => {
    const answer = await sendRaw(server.socketPath, `GET ${path} HTTP/1.1`);
    expect(json(answer)).toHaveProperty(key);
    expectInContract(name, answer);
  });

  it('POST /reload answers 202 at once and names the record', async () => {
    const answer = await sendRaw(server.socketPath, 'POST /reload HTTP/1.1');
    expect(answer.status).toBe(202);
    expect(answer.headers['location']).toBe(`/reloads/${RELOAD_ID}`);
    expect(json(answer)).toEqual({
      status: 'reload_initiated',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      reload_request_id: RELOAD_ID,
      message: 'Reload request queued. Use GET /status to check progress.',
    });
    expectInContract('postReload', answer);
  });

  it.each(['wait=30s', 'wait=2m', 'wait=45', 'dry_run=true', 'dry_run=1'])(
    'POST /reload?%s answers with the record of a success',
    async (query) => {
      const answer = await sendRaw(server.socketPath, `POST /reload?${query} HTTP/1.1`);
      expect(answer.status).toBe(200);
      expect(json(answer)).toEqual(WIRE_RECORD);
      expectInContract('postReload', answer);
    },
  );

  it('/reloads and /reloads/{id}', async () => {
    const list = await sendRaw(server.socketPath, 'GET /reloads HTTP/1.1');
    expect(json(list)).toEqual({ reloads: [WIRE_RECORD, WIRE_FAILED_RECORD] });
    expectInContract('listReloads', list);
    const first = await sendRaw(server.socketPath, 'GET /reloads?limit=1 HTTP/1.1');
    expect(json(first)).toEqual({ reloads: [WIRE_RECORD] });
    const one = await sendRaw(server.socketPath, `GET /reloads/${RELOAD_ID} HTTP/1.1`);
    expect(json(one)).toEqual(WIRE_RECORD);
    expectInContract('getReload', one);
  });

  it('every GET answers HEAD with the same headers and no body', async () => {
    const paths = Object.values(ROUTES)
      // A stream does not end; test/integration/admin/event-streams.test.ts asks for its head.
      .filter((route) => route.method === 'GET' && !('stream' in route))
      .map((route) => route.path.replace('{id}', RELOAD_ID));
    for (const path of paths) {
      const get = await sendRaw(server.socketPath, `GET ${path} HTTP/1.1`);
      const head = await sendRaw(server.socketPath, `HEAD ${path} HTTP/1.1`);
      expect([path, head.status, head.text]).toEqual([path, 200, '']);
      // Its numbers change from one answer to the next.
      if (!path.startsWith('/system/')) expect(head.headers['content-length']).toBe(get.headers['content-length']);
    }
  });
});

describe('the client', () => {
  it('has every route', async () => {
    const { client } = server;
    expect((await client.live()).status).toBe('ok');
    expect((await client.ready()).status).toBe('ok');
    expect((await client.startup()).status).toBe('ok');
    expect((await client.status()).generation).toBe(2);
    expect((await client.config()).project).toBe('my-project');
    expect((await client.endpoints()).endpoints).toHaveLength(1);
    for await (const event of client.events()) {
      expect(event).toMatchObject({ id: 'x-1', event: 'phase', data: { phase: 'serving' } });
      break;
    }
    expect((await client.reloads({ limit: 1 })).reloads).toEqual([WIRE_RECORD]);
    expect(await client.reloadRecord(RELOAD_ID)).toEqual(WIRE_RECORD);
    expect(await client.logs({ lines: 1 })).toEqual({ lines: ['second'], left_out: 7 });
    expect((await client.systemInfo()).node_version).toBe(process.version);
    expect((await client.systemCpu()).percent).toBeGreaterThanOrEqual(0);
    expect((await client.systemMemory()).total_bytes).toBeGreaterThan(0);
    expect((await client.systemDisk()).filesystems).toMatchObject([{ path: '/', holds: 'project', error: null }]);
    expect((await client.systemNetwork()).bytes_recv).toBeGreaterThanOrEqual(0);
    expect((await client.systemProcess()).pid).toBe(process.pid);
    expect((await client.openapi())['openapi']).toBe('3.1.0');
    expect(await client.reload()).toMatchObject({ status: 'reload_initiated' });
    expect(await client.reload({ dryRun: true })).toEqual(WIRE_RECORD);
    await expect(client.reloadRecord('../../x')).rejects.toMatchObject({ code: 'reload_not_found', status: 404 });
  });

  it('sends the server its trigger and the options', async () => {
    const requests: unknown[] = [];
    await using recording = await startTestServer({
      ports: createPorts({
        reloads: {
          ...createPorts().reloads,
          request: (request) => {
            requests.push(request);
            return createPorts().reloads.request(request);
          },
        },
      }),
    });
    await recording.client.reload({ waitMs: 1000, definitions: true, force: true });
    await new AdminClient({ socketPath: recording.socketPath, trigger: 'cli' }).reload({ dryRun: true });
    const accepted = await recording.client.requestReload({ dryRun: true, definitions: false });
    expect(accepted.status).toBe('reload_initiated');
    expect(requests).toEqual([
      { trigger: 'api', dryRun: false, definitions: true, force: true },
      { trigger: 'cli', dryRun: true, force: false },
      { trigger: 'api', dryRun: true, definitions: false, force: false },
    ]);
  });
});

import { mkdtemp, rename, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient } from '../../../src/admin/client/index.js';
import { startAdminServer, type AdminPorts } from '../../../src/admin/index.js';
import type { AdminServer, AdminServerOptions } from '../../../src/admin/admin-server.js';
import { formatEvent, type RunRecord } from '../../../src/contract/index.js';
import { SystemProbe } from '../../../src/system/index.js';
import { MxcpError } from '../../../src/errors/index.js';
import { createSilentLogger, Scrubber } from '../../../src/logging/index.js';

export const RELOAD_ID = '0b9c3f6e-4c86-4b0f-9d3a-6a1a3b1f7a52';

export const succeededReload: RunRecord = {
  id: RELOAD_ID,
  trigger: 'api',
  status: 'success',
  dryRun: false,
  definitions: false,
  requestedAt: new Date('2024-01-15T10:30:00.012Z'),
  startedAt: new Date('2024-01-15T10:30:00.013Z'),
  endedAt: new Date('2024-01-15T10:30:00.046Z'),
  durationMs: 33,
  generation: { from: 1, to: 2 },
  stages: [
    { name: 'load', status: 'success', durationMs: 4 },
    { name: 'dispose', status: 'skipped', durationMs: null },
  ],
  references: [
    {
      ref: 'file://token.txt',
      usedBy: ['projects.p.profiles.dev.secrets[0]'],
      outcome: 'changed',
      version: '3',
      error: null,
    },
  ],
  database: { action: 'reopened', pauseMs: 1.5, requestsHeld: 2 },
  requestsDraining: 1,
  restartRequired: [{ setting: 'transport.http.port', running: 8000, onDisk: undefined }],
  definitionsChanged: ['tools/sales.yml: changed'],
  definitionsRefused: [],
  error: null,
  sharedWith: ['a1b2c3d4-e5f6-4890-abcd-ef0123456789'],
};

export const failedReload: RunRecord = {
  ...succeededReload,
  status: 'error',
  generation: { from: 1, to: null },
  stages: [{ name: 'load', status: 'error', durationMs: 1 }],
  references: [],
  database: null,
  restartRequired: [],
  definitionsChanged: [],
  definitionsRefused: [],
  error: {
    code: 'config_invalid',
    message: 'unknown key "extention"; did you mean "extensions"?',
    stage: 'load',
    file: '/srv/p/mxcp-site.yml',
    line: 4,
    column: 1,
  },
  sharedWith: [],
};

const SESSION = {
  id: '0b8f5c2e7a1d4e9f6c30',
  userId: '7',
  username: 'ada',
  email: null,
  provider: 'github',
  clientId: 'mcp_client_1',
  clientName: 'Claude',
  scopes: ['read'],
  signedInAt: new Date('2024-01-15T10:30:00Z'),
  usedAt: new Date('2024-01-15T10:30:00Z'),
  confirmedAt: new Date('2024-01-15T10:30:00Z'),
  endsAt: new Date('2024-02-14T10:30:00Z'),
};

export const OWNER_TOKEN = 'token-of-the-owner';

export function createPorts(overrides: Partial<AdminPorts> = {}): AdminPorts {
  return {
    audit: () => undefined,
    sessions: () => ({
      list: () => ({ sessions: [SESSION], count: 1 }),
      end: (id) => Promise.resolve({ ...SESSION, id }),
      endAll: () => Promise.resolve(1),
    }),
    readiness: {
      ready: () =>
        Promise.resolve({ phase: 'serving', checks: [{ name: 'database', status: 'ok', message: 'answers' }] }),
      startup: () => ({ phase: 'serving', checks: [] }),
    },
    status: () => ({
      version: '1.2.3',
      uptime: '2h12m35s',
      uptimeSeconds: 7955,
      pid: 12345,
      startedAt: new Date('2024-01-15T08:17:25.900Z'),
      profile: 'production',
      mode: 'readwrite',
      debug: false,
      generation: 2,
      drainingSince: null,
      endpoints: { tools: 15, prompts: 5, resources: 8 },
      reload: {
        inProgress: false,
        draining: false,
        activeRequests: 0,
        lastReload: new Date('2024-01-15T08:00:00.999Z'),
        lastReloadStatus: 'error',
        lastReloadError: 'the configuration has problems',
        lastReloadId: RELOAD_ID,
        restartRequired: ['transport.http.port'],
        definitionsChanged: ['tools/sales.yml: changed'],
        definitionsRefused: [],
        queued: 0,
      },
      calls: { total: 0, success: 0, error: 0, failures: {}, endpoints: [] },
      auth: null,
      logLevel: { level: 'info', configured: 'info', until: null },
      background: [{ name: 'vault', status: 'failing', message: 'the token of VAULT_TOKEN ends in 3m' }],
    }),
    config: () => ({
      status: 'ok',
      project: 'my-project',
      profile: 'production',
      repositoryPath: '/opt/mxcp',
      debug: false,
      settings: ['--admin-socket', 'MXCP_PORT'],
      transport: 'streamable-http',
      duckdb: { path: '/data/mxcp.duckdb', readonly: false },
      duckdbPath: '/data/mxcp.duckdb',
      duckdbEngine: { version: 'v1.5.6', storageVersion: 'v1.0.0+' },
      readonly: false,
      extensions: ['httpfs', 'parquet'],
      attached: [],
      endpoints: { tools: ['get_user', 'search_users'], resources: ['user://'], prompts: ['analyze'] },
      groups: [],
      auth: null,
      features: { sqlTools: false, auditLogging: false, telemetry: false },
      generation: 2,
      loadedAt: new Date('2024-01-15T08:00:00.500Z'),
      configFiles: ['/opt/mxcp/mxcp-site.yml'],
      envFiles: ['/etc/mxcp/production.env'],
      references: [
        {
          ref: 'vault://secret/db#password',
          usedBy: ['projects.my-project.profiles.production.secrets[0].parameters.TOKEN'],
          source: 'vault',
          resolvedAt: new Date('2024-01-15T08:00:00Z'),
          changedAt: new Date('2024-01-14T08:00:00Z'),
          version: '7',
          fingerprint: '6f1c0a9be2d34a77',
        },
      ],
      restartRequired: [{ setting: 'transport.http.port', running: 8000, onDisk: 8080 }],
      lastRejected: { reloadId: RELOAD_ID, at: new Date('2024-01-15T09:00:00Z'), error: 'reload failed' },
    }),
    logLevel: {
      state: { level: 'info', configured: 'info', until: null },
      choose: (level = 'info', forMs) => ({
        level,
        configured: 'info',
        until: forMs === undefined ? null : new Date(1_705_314_600_000 + forMs),
      }),
    },
    configTag: () => 'a1b2c3',
    endpoints: () => [
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
    project: {
      run: ({ name, parameters = {} }) =>
        Promise.resolve({
          result: { name, parameters },
          generation: 3,
          truncated: false,
          definitionsChanged: ['tools/a.yml: changed'],
          definitionsRefused: [],
        }),
      query: ({ sql, limit }) =>
        Promise.resolve({
          result: [{ sql }],
          generation: 3,
          truncated: limit === 1,
          definitionsChanged: [],
          definitionsRefused: [],
        }),
      validate: () =>
        Promise.resolve({
          verdicts: [{ status: 'ok', path: 'tools/a.yml', message: null, kind: 'endpoint' }],
          warnings: [],
          error: null,
        }),
    },
    logs: (count) => ({ lines: ['first', 'second'].slice(-count), leftOut: 7 }),
    system: new SystemProbe(() => [{ holds: 'project', path: '/' }]),
    rotation: {
      state: () => ({ status: 'draining', drainingSince: new Date('2024-01-15T10:30:00.500Z'), activeRequests: 2 }),
      drain: () => ({ status: 'draining', drainingSince: new Date('2024-01-15T10:30:00.500Z'), activeRequests: 2 }),
      resume: () => ({ status: 'in_rotation', drainingSince: null, activeRequests: 2 }),
      ended: () =>
        Promise.resolve({ status: 'drained', drainingSince: new Date('2024-01-15T10:30:00.500Z'), activeRequests: 0 }),
    },
    metrics: {
      expose: () =>
        Promise.resolve({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'mxcp_ready 1\n' }),
      families: () =>
        Promise.resolve([
          {
            name: 'mxcp_ready',
            help: 'Whether calls would be served now.',
            type: 'gauge',
            samples: [{ name: 'mxcp_ready', labels: {}, value: 1 }],
          },
        ]),
    },
    trace: { follow: () => () => {} },
    events: {
      select: () => (deliver) => {
        deliver(formatEvent('phase', '{"at":"2024-01-15T10:30:00.000Z","phase":"serving","activity":""}', 'x-1'));
        return () => {};
      },
    },
    reloads: {
      request: () => ({ id: RELOAD_ID, ended: Promise.resolve(succeededReload) }),
      find: (id) => (id === RELOAD_ID ? succeededReload : undefined),
      list: (limit) => [succeededReload, failedReload].slice(0, limit),
      cancel: (id) => {
        if (id === RELOAD_ID) return Promise.resolve(failedReload);
        throw new MxcpError('reload_not_found', 'no such reload');
      },
    },
    ...overrides,
  };
}

export interface TestServer extends AsyncDisposable {
  readonly folder: string;
  readonly socketPath: string;
  readonly probePath: string;
  readonly client: AdminClient;
  readonly server: AdminServer;
  close(): Promise<void>;
}

/** A real admin server on real sockets in a folder of its own. */
export async function startTestServer(options: Partial<AdminServerOptions> = {}): Promise<TestServer> {
  const folder = await createFolder();
  const socketPath = join(folder, 'mxcp.sock');
  const probePath = join(folder, 'probe.sock');
  const server = await startAdminServer({
    socket: { path: socketPath, mode: 0o600 },
    probeSocket: { path: probePath, mode: 0o666 },
    ports: createPorts(),
    logger: createSilentLogger(),
    scrubber: new Scrubber(),
    debug: false,
    ownerToken: OWNER_TOKEN,
    environment: {},
    ...options,
  });
  const close = async (): Promise<void> => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    folder,
    socketPath,
    probePath,
    client: new AdminClient({ socketPath }),
    server,
    close,
    [Symbol.asyncDispose]: close,
  };
}

export function createFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'mxcp-admin-'));
}

/** A socket of another program. */
export function listen(at: string): Promise<Server> {
  const server = createServer((connection) => connection.destroy());
  return new Promise((resolve) => server.listen(at, () => resolve(server)));
}

/** What a killed server leaves: a socket file without a listener. */
export async function leaveDeadSocket(at: string): Promise<void> {
  const server = await listen(`${at}~`);
  await rename(`${at}~`, at);
  await new Promise((resolve) => server.close(resolve));
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Sends bytes as they are and reads until the server closes the connection. */
export async function exchangeBytes(path: string, bytes: string | Buffer): Promise<string> {
  const socket = await connect(path);
  socket.write(bytes);
  return readToEnd(socket);
}

/** One request on a connection that ends with it. */
export async function sendRaw(path: string, head: string, body = ''): Promise<RawAnswer> {
  const [first = '', ...rest] = head.split('\n');
  const hasHost = rest.some((line) => /^host:/i.test(line));
  const lines = [first, ...(hasHost ? [] : ['Host: localhost']), ...rest, 'Connection: close', '', body];
  return parseAnswer(await exchangeBytes(path, lines.join('\r\n')));
}

export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [statusLine = '', ...headerLines] = head.split('\r\n');
  const headers = Object.fromEntries(
    headerLines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(' ')[1]), headers, text: body.join('\r\n\r\n') };
}

export function connect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

export function readToEnd(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => resolve(text));
  });
}

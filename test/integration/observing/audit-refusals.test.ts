import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, vi } from 'vitest';
import { type AuditLine, readAuditLines } from '../../kit/audit-lines.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { callOf, postMessage } from '../../kit/raw-http.js';

const TOKEN = 'ada-token-0123456789abcdef';
const AUTHORIZED = ['authorization', `Bearer ${TOKEN}`];
const AUTH = { provider: 'static', static: { tokens: [{ token: TOKEN, username: 'ada', role: 'guest' }] } };

function createAudited(profile: object = {}, auth?: object): TemporaryProject {
  const site = { mxcp: 1, project: 'p', profile: 'dev', profiles: { dev: { audit: { enabled: true }, ...profile } } };
  return createProject({
    'tools/add.yml': sqlTool('add', 'SELECT 1 AS a'),
    'tools/guarded.yml': sqlTool('guarded', 'SELECT 1 AS a', [
      `policies: { input: [{ condition: 'user.role == "guest"', action: deny, reason: not for guests }] }`,
    ]),
    'mxcp-site.yml': JSON.stringify(site),
    ...(auth && { 'config.yml': JSON.stringify({ mxcp: 1, projects: { p: { profiles: { dev: { auth } } } } }) }),
  });
}

const linesOf = (project: TemporaryProject) => readAuditLines(project.path('audit/logs-dev.jsonl'));

/** Records of refusals are written without being waited for. */
async function waitForLines(project: TemporaryProject, count: number): Promise<readonly AuditLine[]> {
  return vi.waitFor(async () => {
    const lines = await linesOf(project);
    expect(lines.length).toBeGreaterThanOrEqual(count);
    return lines;
  });
}

async function askSocket(project: TemporaryProject, head: string): Promise<string> {
  const socket = createConnection(project.socketPath);
  socket.write(`${head}\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

it('calls that a server out of rotation refuses have records', async () => {
  const project = createAudited();
  await using server = await InProcessServer.start(project);
  await server.admin.drain();
  expect((await postMessage(server.url, callOf('add'))).status).toBe(503);
  const [, refused] = await waitForLines(project, 2);
  expect(refused).toMatchObject({
    schema_name: 'mxcp.endpoints',
    operation_type: 'tool',
    operation_name: 'add',
    operation_status: 'error',
    error_code: 'server_closing',
    client: '127.0.0.1',
    request_id: '1',
    caller_type: 'http',
    output_data: { left_out: 0 },
  });
});

it('requests whose parameters no method takes have records, once', async () => {
  const project = createAudited();
  await using server = await InProcessServer.start(project);
  const message = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 5 } };
  expect((await postMessage(server.url, message)).text).toContain('-32602');
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`a${index}`, 1]));
  expect((await postMessage(server.url, callOf('add', many))).text).toContain('-32602');
  expect((await postMessage(server.url, callOf('absent'))).text).toContain('Unknown tool');
  const lines = await waitForLines(project, 3);
  expect(lines.map((line) => [line['operation_type'], line['operation_name'], line['error_code']])).toEqual([
    ['request', 'tools/call', 'params_invalid'],
    ['tool', 'add', 'params_invalid'],
    ['tool', 'absent', 'endpoint_not_found'],
  ]);
});

it('pages of other sites have records, on the port and on the admin socket, and so has one who is not the owner', async () => {
  const project = createAudited();
  await using server = await InProcessServer.start(project);
  expect((await postMessage(server.url, callOf('add'), ['origin', 'https://evil.example'])).status).toBe(403);
  expect(
    await askSocket(project, 'POST /drain?x=1 HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example'),
  ).toContain('403');
  expect(await askSocket(project, 'POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0')).toContain(
    'owner_only',
  );
  expect(await askSocket(project, 'GET /absent HTTP/1.1\r\nHost: localhost')).toContain('404');
  const lines = await waitForLines(project, 3);
  expect(
    lines.map((line) => [line['schema_name'], line['operation_type'], line['operation_name'], line['error_code']]),
  ).toEqual([
    ['mxcp.endpoints', 'request', 'request', 'forbidden_origin'],
    ['mxcp.admin', 'admin', 'POST /drain', 'forbidden_origin'],
    ['mxcp.admin', 'admin', 'POST /query', 'owner_only'],
  ]);
});

it('refused credentials have records without the credentials', async () => {
  const project = createAudited({}, AUTH);
  await using server = await InProcessServer.start(project);
  expect((await postMessage(server.url, callOf('add'))).status).toBe(401);
  expect(
    (await postMessage(server.url, callOf('add'), ['authorization', 'Bearer guessed-token-0123456789'])).status,
  ).toBe(401);
  expect((await postMessage(server.url, callOf('add'), AUTHORIZED)).status).toBe(200);
  const lines = await waitForLines(project, 3);
  expect(lines.map((line) => [line['operation_type'], line['operation_name'], line['username']])).toEqual([
    ['auth', 'no_credentials', null],
    ['auth', 'invalid', null],
    ['tool', 'add', 'ada'],
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/guessed-token|ada-token/);
});

it('calls that a policy denies and that come too often have records with their decision', async () => {
  const project = createAudited({ rate_limit: { calls: 2, per: '1h' } }, AUTH);
  await using server = await InProcessServer.start(project);
  for (const name of ['guarded', 'add', 'add']) await postMessage(server.url, callOf(name), AUTHORIZED);
  const lines = await linesOf(project);
  expect(
    lines.map((line) => [line['operation_name'], line['error_code'], line['policy_decision'], line['policy_reason']]),
  ).toEqual([
    ['guarded', 'policy_denied', 'deny', 'not for guests'],
    ['add', null, null, null],
    ['add', 'rate_limited', 'deny', expect.any(String)],
  ]);
  expect(lines[0]?.['decision_id']).toMatch(/^[\w-]{36}$/);
});

import { once } from 'node:events';
import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { Server } from '../../../src/server/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { Gate } from '../../kit/gate.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createProject, sqlTool } from '../../kit/projects/temporary-project.js';

const QUICK = { 'tools/quick.yml': sqlTool('quick', 'SELECT 1 AS n') };

function start(gate: Gate, flags = {}): Promise<InProcessServer> {
  const files = { ...QUICK, 'tools/slow.yml': sqlTool('slow', `SELECT passed FROM ${gate.table}`) };
  return InProcessServer.start(createProject(files), { flags });
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function post(url: string, message: object | readonly object[], headers = {}): Promise<Answer> {
  const accept = 'application/json, text/event-stream';
  return send(url, 'POST', { 'content-type': 'application/json', accept, ...headers }, JSON.stringify(message));
}

async function send(url: string, method: string, headers: Record<string, string>, body = ''): Promise<Answer> {
  const sent = request(url, { method, headers }).end(body);
  const [response] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

const callOf = (name: string) => ({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: {} } });
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

describe('a drained server', () => {
  it('ends running calls, refuses new ones at the transport, and is not ready until it is resumed', async () => {
    await using gate = new Gate();
    await using server = await start(gate);
    const { admin, url, logLines } = server;
    const running = post(url, callOf('slow'));
    await vi.waitFor(async () => expect((await admin.status()).reload.active_requests).toBe(1));

    const first = await admin.drain();
    expect(first).toMatchObject({ status: 'draining', active_requests: 1 });
    expect(await admin.drain()).toEqual(first);
    expect(await admin.ready()).toMatchObject({
      error: 'not_ready',
      checks: expect.arrayContaining([
        {
          name: 'rotation',
          status: 'fail',
          message: expect.stringMatching(/^out of rotation since 2.*mxcp admin resume/),
        },
      ]),
    });
    expect(await admin.status()).toMatchObject({ status: 'degraded', draining_since: first.draining_since });
    const refused = await post(url, callOf('quick'));
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5', connection: 'close' } });
    expect(JSON.parse(refused.body)).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32_000, message: expect.stringContaining('out of rotation') },
    });
    await expect(admin.drain({ waitMs: 20 })).rejects.toMatchObject({
      code: 'wait_timeout',
      message: '1 call still running after 0.02 s; the server stays out of rotation',
    });

    const drained = admin.drain({ waitMs: 20_000 });
    await gate.open();
    expect(await drained).toEqual({ ...first, status: 'drained', active_requests: 0 });
    expect((await running).status).toBe(200);

    expect(await admin.resume()).toEqual({ status: 'in_rotation', draining_since: null, active_requests: 0 });
    expect(await admin.resume()).toMatchObject({ status: 'in_rotation' });
    expect((await post(url, callOf('quick'))).status).toBe(200);
    expect((await admin.ready()).status).toBe('ok');
    const lines = logLines.filter((line) => line.includes('rotation'));
    expect(lines).toEqual([
      expect.stringMatching(/INFO admin: out of rotation: new calls are refused until `mxcp admin resume` calls=1\n$/),
      expect.stringMatching(/INFO admin: back in rotation out_s=\d+\n$/),
    ]);
  });

  it('still answers lists, pings and cancellations of a session, but opens no session and no stream', async () => {
    await using gate = new Gate();
    await using server = await start(gate);
    const { url, admin } = server;
    const session = String((await post(url, INITIALIZE)).headers['mcp-session-id']);
    const inSession = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' };
    const running = post(url, callOf('slow'), inSession);
    await vi.waitFor(async () => expect((await admin.status()).reload.active_requests).toBe(1));
    await admin.drain();
    const ask = async (method: string) => (await post(url, { jsonrpc: '2.0', id: 2, method }, inSession)).status;
    expect(await ask('ping')).toBe(200);
    expect(await ask('tools/list')).toBe(200);
    expect((await post(url, INITIALIZE)).status).toBe(503);
    expect((await post(url, [callOf('quick')], inSession)).status).toBe(503);
    expect((await send(url, 'GET', { accept: 'text/event-stream', ...inSession })).status).toBe(503);
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
    expect((await post(url, cancel, inSession)).status).toBe(202);
    expect(JSON.parse((await running).body)).toMatchObject({ error: { message: 'The request was cancelled' } });
    expect((await send(url, 'DELETE', inSession)).status).toBe(200);
    // The query itself hears no interrupt while it waits for the pipe.
    await gate.open();
  });

  it('stays drained through a reload', async () => {
    await using server = await InProcessServer.start(createProject(QUICK));
    const { draining_since: since } = await server.admin.drain();
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    expect(await server.admin.status()).toMatchObject({ generation: 2, draining_since: since });
    expect((await post(server.url, callOf('quick'))).status).toBe(503);
    await server.admin.resume();
    const client = await connectTo(server.url);
    expect(await callText(client, 'quick')).toContain('1');
    await client.close();
  });

  it('can be drained while it starts, and is then not ready when it has started', async () => {
    const project = createProject(QUICK);
    await using server = InProcessServer.create(project);
    const started = server.server.start();
    await vi.waitFor(async () => expect(await server.admin.drain()).toMatchObject({ status: 'drained' }));
    await started;
    expect(await server.admin.ready()).toMatchObject({ status: 'fail' });
    expect(await server.admin.resume()).toMatchObject({ status: 'in_rotation' });
    expect(await server.admin.ready()).toMatchObject({ status: 'ok' });
  });

  it('refuses only calls over stdio, where a client finds no other server', async () => {
    const project = createProject(QUICK);
    const [input, output] = [new PassThrough(), new PassThrough()];
    let answers = '';
    output.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    const flags = { transport: 'stdio', adminSocket: project.socketPath };
    const settings = loadSettings({ flags, env: { HOME: project.root }, cwd: project.root });
    const server = new Server({ settings, env: {}, logSinks: [], openStreams: () => ({ input, output }) });
    await server.start();
    const { admin } = InProcessServer.create(project);
    const ask = async (message: { readonly id: number }): Promise<unknown> => {
      input.write(`${JSON.stringify(message)}\n`);
      const isAnswer = (line: string) => line.includes(`"id":${message.id}`);
      await vi.waitFor(() => expect(answers.split('\n').some(isAnswer)).toBe(true));
      return JSON.parse(answers.split('\n').find(isAnswer) ?? '');
    };
    await admin.drain();
    expect(await ask(INITIALIZE)).toMatchObject({ result: { protocolVersion: '2025-06-18' } });
    expect(await ask(callOf('quick'))).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32_000, message: expect.stringContaining('out of rotation') },
    });
    await admin.resume();
    expect(await ask({ ...callOf('quick'), id: 8 })).toMatchObject({ result: { content: expect.anything() } });
    await server.close();
  });
});

describe('a path for health checks', () => {
  it('says on the MCP port whether calls would be served, and nothing else', async () => {
    await using server = await InProcessServer.start(createProject(QUICK), {
      flags: { healthPath: '/healthz', host: '127.0.0.1', accessLog: true },
    });
    const health = server.url.replace('/mcp', '/healthz');
    const ready = await send(health, 'GET', { host: '10.1.2.3:8000', origin: 'https://page.example' });
    expect(ready).toMatchObject({ status: 200, body: 'ready\n' });
    expect(ready.headers).toMatchObject({ 'content-type': 'text/plain', 'cache-control': 'no-store' });
    expect(Object.keys(ready.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(await send(`${health}?cache=1`, 'HEAD', {})).toMatchObject({ status: 200, body: '' });
    expect(await send(health, 'POST', {}, '{}')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect((await send(`${health}/x`, 'GET', {})).status).toBe(404);
    await server.admin.drain();
    expect(await send(health, 'GET', {})).toMatchObject({
      status: 503,
      body: 'not ready\n',
      headers: { 'retry-after': '1' },
    });
    expect(server.logLines.filter((line) => line.includes('access'))).toHaveLength(1);
  });

  it.each(['/mcp', '/mcp/', 'healthz', '/a?b', '/ä', '/', ''])('refuses %j', (healthPath) => {
    const { root } = createProject();
    expect(() => loadSettings({ flags: { healthPath }, env: {}, cwd: root })).toThrow(/^--health-path must /);
  });
});

describe('a stop with a grace time', () => {
  it('is not ready at once, serves calls for that time, and then closes', async () => {
    await using server = await InProcessServer.start(createProject(QUICK), {
      flags: { drainGrace: '700ms', healthPath: '/healthz' },
    });
    const left = server.server.leaveRotation({ signal: 'SIGTERM' });
    expect((await send(server.url.replace('/mcp', '/healthz'), 'GET', {})).status).toBe(503);
    expect(await server.admin.ready()).toMatchObject({ error: 'server_closing' });
    expect((await post(server.url, callOf('quick'))).status).toBe(200);
    await expect(server.admin.reload()).rejects.toMatchObject({ code: 'server_closing' });
    await expect(server.admin.resume()).rejects.toMatchObject({ code: 'server_closing' });
    await left;
    await server.server.close({ signal: 'SIGTERM' });
    expect(server.logLines.join('')).toMatch(
      /INFO mxcp: out of rotation: not ready, but still serving .* signal=SIGTERM calls=0 grace_s=0\.7\n[^]*INFO mxcp: shutting down signal=SIGTERM calls=0\n/,
    );
  });

  it('takes no time where a drain has given it already', async () => {
    await using server = await InProcessServer.start(createProject(QUICK), { flags: { drainGrace: '10m' } });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await server.admin.drain();
      vi.setSystemTime(Date.now() + 600_001);
      await server.server.leaveRotation();
    } finally {
      vi.useRealTimers();
    }
    expect(await server.admin.ready()).toMatchObject({ error: 'not_ready' });
  });
});

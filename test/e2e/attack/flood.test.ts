import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { resourcesOf } from '../../kit/process-resources.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const FLOOD = 3_000;
/** 1024 connections of MCP clients on each of two loopback addresses, 64 of the admin socket, and the server's own. */
const MOST_SOCKETS = 2 * 1024 + 64 + 32;

let project: TemporaryProject;
let server: ChildServer;
let port: number;
beforeAll(async () => {
  project = new TemporaryProject({ 'tools/one.yml': sqlTool('one', 'SELECT 1 AS one', ['return: { type: object }']) });
  server = await ChildServer.start(project);
  port = Number(new URL(server.url).port);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  project[Symbol.dispose]();
});

/** A connection that sends something and then says no more. Being refused is fine. */
function openConnection(target: { path: string } | { port: number; host: string }, bytes: string): Socket {
  const socket = connect(target);
  socket.on('error', () => socket.destroy());
  if (bytes !== '') socket.write(bytes);
  return socket;
}

async function expectService(): Promise<void> {
  expect((await server.admin.health()).status).toBe('ok');
  const client = await connectTo(server.url);
  expect(JSON.parse(await callText(client, 'one'))).toEqual({ one: 1 });
  await client.close();
}

describe('a caller that means harm', () => {
  it('gets no service denied to others by half requests', async () => {
    const tcp = Array.from({ length: 500 }, () => openConnection({ port, host: '127.0.0.1' }, 'POST /mcp HT'));
    const unix = Array.from({ length: 60 }, () => openConnection({ path: project.socketPath }, 'GET /health HT'));
    await expectService();
    for (const socket of [...tcp, ...unix]) socket.destroy();
  });

  it('cannot make it hold connections without bound, and it serves again afterwards', async () => {
    const before = resourcesOf(server.pid).descriptors['socket'] ?? 0;
    const sockets = Array.from({ length: FLOOD }, (_, index) =>
      openConnection(index % 10 === 0 ? { path: project.socketPath } : { port, host: '127.0.0.1' }, ''),
    );
    await Promise.all(sockets.map((socket) => settled(socket)));
    expect(resourcesOf(server.pid).descriptors['socket']).toBeLessThan(before + MOST_SOCKETS);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(() => resourcesOf(server.pid).descriptors['socket'] ?? 0, { timeout: 20_000 })
      .toBeLessThan(before + 16);
    await expectService();
  });
});

/** Connected or refused. */
function settled(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    if (!socket.connecting) resolve(undefined);
    else for (const event of ['connect', 'close']) socket.once(event, resolve);
  });
}

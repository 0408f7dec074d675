import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminApiError, AdminClient, MxcpError } from '../../../src/admin/client/index.js';
import { createFolder, leaveDeadSocket } from './admin-fixture.js';

let folder: string;
let path: string;
let client: AdminClient;
const opened: { close(): unknown }[] = [];

beforeEach(async () => {
  folder = await createFolder();
  path = join(folder, 'mxcp.sock');
  client = new AdminClient({ socketPath: path, timeoutMs: 200 });
});
afterEach(async () => {
  for (const server of opened.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

async function serveHttp(status: number, body: string, headers: Record<string, string> = {}): Promise<void> {
  const server = createHttpServer((_request, response) => response.writeHead(status, headers).end(body));
  opened.push(server);
  await new Promise<void>((listening) => server.listen(path, listening));
}

describe('a client that cannot reach the server says what to do', () => {
  it('when there is no socket', async () => {
    await expect(client.health()).rejects.toMatchObject({
      code: 'connection_failed',
      exitCode: 3,
      message: `there is no admin socket at ${path}. Start the server with \`--admin-socket\` and a path, such as \`./mxcp.sock\`, or give the path that its log names after "admin socket listening" with \`--socket\` or \`MXCP_ADMIN_SOCKET\``,
    });
  });

  it('when the server that made it is gone', async () => {
    await leaveDeadSocket(path);
    await expect(client.health()).rejects.toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining(`no server listens on ${path}`),
    });
  });

  it('when the path is a file', async () => {
    writeFileSync(path, '');
    await expect(client.health()).rejects.toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining(`${path} is not a socket`),
    });
  });

  it('when the server closes the connection', async () => {
    const server = createServer((connection) => connection.destroy());
    opened.push(server);
    await new Promise<void>((listening) => server.listen(path, listening));
    await expect(client.health()).rejects.toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining('closed the connection'),
    });
  });

  it('when no answer comes', async () => {
    const server = createServer((connection) => connection.unref());
    opened.push(server);
    await new Promise<void>((listening) => server.listen(path, listening));
    await expect(client.status()).rejects.toMatchObject({
      code: 'wait_timeout',
      exitCode: 4,
      message: `no answer to GET /status within 0.2 s from ${path}`,
    });
  });

  it('when the answer is of some other server', async () => {
    await serveHttp(200, '<html>');
    await expect(client.health()).rejects.toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining('not JSON'),
    });
  });
});

describe('a client that is used wrongly', () => {
  it('throws an error whose class comes with it', async () => {
    const thrown = await client.health().catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(MxcpError);
    expect(thrown).not.toBeInstanceOf(AdminApiError);
  });

  it.each([[{ socket: '/run/mxcp/mxcp.sock' }], [{ socketPath: '' }], [{}], [undefined], ['/run/mxcp.sock']])(
    'says at once that %j names no socket',
    (options) => {
      // JavaScript has no compiler that says so.
      const construct = (): AdminClient => new AdminClient(options as unknown as { socketPath: string });
      expect(construct).toThrow(MxcpError);
      expect(construct).toThrow(/^AdminClient needs the path of a socket as `socketPath`/);
    },
  );

  it.each([0, 0.4, -1, Number.NaN, Number.POSITIVE_INFINITY, '30s'])(
    'refuses to wait for %s: the answer would be another one than that of a wait',
    async (waitMs) => {
      // As above.
      await expect(client.reload({ waitMs: waitMs as number })).rejects.toMatchObject({
        code: 'usage',
        message: `\`waitMs\` must be at least 1 ms, not ${waitMs}; use \`requestReload()\` to return at once`,
      });
    },
  );
});

describe('a client that is refused', () => {
  it('has status, code and message of the answer', async () => {
    await serveHttp(403, '{"error":"read_only_socket","message":"use the admin socket","detail":"d"}');
    const thrown = await client.config().catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(AdminApiError);
    expect(thrown).toMatchObject({
      code: 'read_only_socket',
      serverCode: 'read_only_socket',
      status: 403,
      message: 'use the admin socket',
      detail: 'd',
    });
  });

  it('keeps a code that it does not know', async () => {
    await serveHttp(418, '{"error":"teapot","message":"short and stout"}');
    await expect(client.config()).rejects.toMatchObject({ code: 'internal', serverCode: 'teapot', status: 418 });
  });

  it('survives an answer without any of that', async () => {
    await serveHttp(500, 'null');
    await expect(client.config()).rejects.toMatchObject({
      code: 'internal',
      message: 'the server answered with status 500',
    });
  });
});

describe('the client alone', () => {
  it('loads no package at all', () => {
    const seen = new Set<string>();
    const packages: string[] = [];
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const source = readFileSync(file, 'utf8');
      // Imports of types are gone when the program runs.
      for (const [, clause = '', target = ''] of source.matchAll(
        /^(?:import|export) ((?!type )[^;]*?)from '([^']+)';/gm,
      )) {
        if (/^\{(?:\s*type [^,]+,?)+\s*\}\s*$/.test(clause)) continue;
        if (target.startsWith('.')) visit(resolve(dirname(file), target.replace(/\.js$/, '.ts')));
        else if (!target.startsWith('node:')) packages.push(target);
      }
    };
    visit(resolve('src/admin/client/index.ts'));
    expect(packages).toEqual([]);
    // Of the contract its types, and none of its tables.
    expect([...seen].filter((file) => file.includes('/contract/'))).toEqual([]);
  });
});

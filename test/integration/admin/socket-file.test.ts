import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { chmod, chown, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminClient } from '../../../src/admin/client/index.js';
import { startAdminServer } from '../../../src/admin/index.js';
import type { AdminServer, AdminServerOptions } from '../../../src/admin/admin-server.js';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { createFolder, createPorts, leaveDeadSocket, listen } from './admin-fixture.js';

let folder: string;
let path: string;
let lines: string[];
const opened: { close(): unknown }[] = [];

beforeEach(async () => {
  folder = await createFolder();
  path = join(folder, 'mxcp.sock');
  lines = [];
});
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(options: Partial<AdminServerOptions> = {}): Promise<AdminServer> {
  const scrubber = new Scrubber();
  const server = await startAdminServer({
    socket: { path, mode: 0o600 },
    ports: createPorts(),
    logger: createLogger({ level: 'info', format: 'text', scrubber, sinks: [(line) => lines.push(line)] }),
    scrubber,
    debug: false,
    ownerToken: 'token',
    environment: {},
    ...options,
  });
  opened.push(server);
  return server;
}

function modeOf(at: string): string {
  return (lstatSync(at).mode & 0o7777).toString(8);
}

async function answers(at: string): Promise<boolean> {
  return (await new AdminClient({ socketPath: at }).health()).status === 'ok';
}

describe('the socket file', () => {
  it.each([0o600, 0o660, 0o666])('has its mode (%i) and leaves nothing beside it', async (mode) => {
    const before = process.umask();
    await open({ socket: { path, mode } });
    expect(modeOf(path)).toBe(mode.toString(8));
    expect(readdirSync(folder)).toEqual(['mxcp.sock']);
    expect(process.umask()).toBe(before);
    expect(await answers(path)).toBe(true);
  });

  it('goes when the server closes, and says so in the log', async () => {
    const server = await open();
    await server.close();
    expect(readdirSync(folder)).toEqual([]);
    expect(lines.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      `INFO admin: admin socket listening: ${path} (mode 0600)\n`,
      `INFO admin: admin socket closed: ${path}\n`,
    ]);
  });

  it('stays when it is not ours any more', async () => {
    const server = await open();
    await rm(path);
    writeFileSync(path, 'of another program');
    await server.close();
    expect(readdirSync(folder)).toEqual(['mxcp.sock']);
  });

  it("the end of an old server does not take a successor's socket away", async () => {
    const old = await open();
    await rm(path);
    await open();
    await old.close();
    expect(await answers(path)).toBe(true);
  });

  it('replaces a dead socket of the same user', async () => {
    await leaveDeadSocket(path);
    await open();
    expect(await answers(path)).toBe(true);
  });

  it('never replaces a live one, and names its owner', async () => {
    await open();
    await expect(open()).rejects.toMatchObject({
      code: 'socket_in_use',
      message: `${path} belongs to process ${process.pid}; stop it, or give this server another path with --admin-socket`,
    });
    expect(await answers(path)).toBe(true);
    expect(readdirSync(folder)).toEqual(['mxcp.sock']);
  });

  it('never replaces a live one of another program', async () => {
    const other = await listen(path);
    await expect(open()).rejects.toMatchObject({
      code: 'socket_in_use',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    other.close();
  });

  it.each([
    ['a file', (at: string) => writeFileSync(at, 'precious')],
    ['a folder', (at: string) => mkdirSync(at)],
    ['a symbolic link', (at: string) => symlinkSync('/nowhere', at)],
  ])('leaves %s alone', async (kind, create) => {
    create(path);
    await expect(open()).rejects.toMatchObject({
      code: 'socket_path_invalid',
      message: expect.stringContaining(`${path} is ${kind}, not a socket, and is left alone`),
    });
    expect(readdirSync(folder)).toEqual(['mxcp.sock']);
  });

  it('leaves a symbolic link to a dead socket alone', async () => {
    await leaveDeadSocket(join(folder, 'dead.sock'));
    symlinkSync('dead.sock', path);
    await expect(open()).rejects.toMatchObject({ code: 'socket_path_invalid' });
    expect(readdirSync(folder).sort()).toEqual(['dead.sock', 'mxcp.sock']);
  });

  it('sweeps temporaries of killed servers, and only those of this socket', async () => {
    await open();
    const { dev, ino } = statSync(folder, { bigint: true });
    const key = createHash('sha256').update(`${dev}:${ino}:mxcp.sock`).digest('hex').slice(0, 16);
    await opened.splice(0)[0]?.close();
    await leaveDeadSocket(join(folder, `.mxcp-${key}-999-abc`));
    await leaveDeadSocket(join(folder, '.mxcp-0000000000000000-999-abc'));
    writeFileSync(join(folder, `.mxcp-${key}-file`), '');
    const live = await listen(join(folder, `.mxcp-${key}-998-live`));
    await open();
    expect(readdirSync(folder).sort()).toEqual(
      ['.mxcp-0000000000000000-999-abc', `.mxcp-${key}-file`, `.mxcp-${key}-998-live`, 'mxcp.sock'].sort(),
    );
    live.close();
  });
});

describe('the path', () => {
  it('may have 107 bytes, also when the temporary name would not fit', async () => {
    const long = join(folder, 'd'.repeat(107 - Buffer.byteLength(folder) - '/s.sock'.length - 1), 's.sock');
    expect(Buffer.byteLength(long)).toBe(107);
    const server = await open({ socket: { path: long, mode: 0o600 } });
    expect(await answers(long)).toBe(true);
    expect(modeOf(long)).toBe('600');
    await server.close();
    expect(readdirSync(join(long, '..'))).toEqual([]);
  });

  it('is refused from 108 bytes on, and never cut', async () => {
    const long = join(folder, 's'.repeat(107 - Buffer.byteLength(folder)));
    expect(Buffer.byteLength(long)).toBe(108);
    await expect(open({ socket: { path: long, mode: 0o600 } })).rejects.toMatchObject({
      code: 'socket_path_invalid',
      message: expect.stringContaining('has 108 bytes; the system allows 107'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['', 'a\0b'])('%j is refused', async (bad) => {
    await expect(open({ socket: { path: bad, mode: 0o600 } })).rejects.toMatchObject({ code: 'socket_path_invalid' });
  });
});

describe('the folder', () => {
  it('is created for the owner alone, with all that is missing above it', async () => {
    const deep = join(folder, 'a', 'b', 'mxcp.sock');
    await open({ socket: { path: deep, mode: 0o600 } });
    expect([modeOf(join(folder, 'a')), modeOf(join(folder, 'a', 'b'))]).toEqual(['700', '700']);
  });

  it('is created for the group too where one is set', async () => {
    const gid = process.getgid?.() ?? 0;
    const inside = join(folder, 'run', 'mxcp.sock');
    await open({ socket: { path: inside, mode: 0o660, group: String(gid) } });
    expect([modeOf(join(folder, 'run')), statSync(join(folder, 'run')).gid]).toEqual(['750', gid]);
    expect([modeOf(inside), lstatSync(inside).gid]).toEqual(['660', gid]);
  });

  it('stays as it is when it exists', async () => {
    await chmod(folder, 0o755);
    await open();
    expect(modeOf(folder)).toBe('755');
  });

  it.each([
    { gid: 12345, mode: 0o775, uid: 0, reason: 'can be written by group 12345' },
    { gid: 0, mode: 0o755, uid: 4711, reason: 'belongs to user 4711' },
    { gid: 0, mode: 0o1777, uid: 4711, reason: 'belongs to user 4711' },
  ])('that others can change is used with a warning: %j', async ({ gid, mode, uid, reason }) => {
    const inside = join(folder, 'deep', 'mxcp.sock');
    mkdirSync(join(folder, 'deep'));
    await chown(folder, uid, gid);
    await chmod(folder, mode);
    await open({ socket: { path: inside, mode: 0o600 } });
    expect(lines.filter((line) => line.includes('WARN'))).toEqual([
      expect.stringContaining(
        `the admin socket in ${join(folder, 'deep')} can be replaced by others, because ${folder} ${reason}; use a folder`,
      ),
    ]);
  });

  it('that its group cannot pass is used with a warning that says how to open it', async () => {
    await chmod(folder, 0o700);
    await open({ socket: { path, mode: 0o660, group: '12345' } });
    expect(lines.join('')).toContain(
      `group 12345 cannot reach the admin socket, because it may not pass ${folder} (mode 0700); run chgrp 12345 ${folder} && chmod g+x ${folder}`,
    );
  });

  it('of a server has the mode that it has now', async () => {
    await open();
    await chmod(path, 0o640);
    expect((await new AdminClient({ socketPath: path }).status()).admin_socket.mode).toBe('0640');
  });

  it('that every user can write is refused, unless it is sticky', async () => {
    await chmod(folder, 0o777);
    await expect(open()).rejects.toMatchObject({
      code: 'socket_permission',
      message: expect.stringContaining('every user can replace files'),
    });
    await chmod(folder, 0o1777);
    await open();
    expect(await answers(path)).toBe(true);
  });

  it('is refused when it is a file', async () => {
    writeFileSync(path, '');
    await expect(open({ socket: { path: join(path, 'x.sock'), mode: 0o600 } })).rejects.toMatchObject({
      code: 'socket_permission',
    });
  });
});

describe('the group', () => {
  it('that does not exist is refused before anything is created', async () => {
    await expect(open({ socket: { path, mode: 0o660, group: 'no-such-group-here' } })).rejects.toMatchObject({
      code: 'socket_permission',
      message: expect.stringContaining('there is no group "no-such-group-here" in /etc/group'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('two sockets', () => {
  it('when the probe socket cannot be opened the admin socket goes too', async () => {
    const probe = join(folder, 'probe.sock');
    writeFileSync(probe, '');
    await expect(open({ probeSocket: { path: probe, mode: 0o666 } })).rejects.toMatchObject({
      code: 'socket_path_invalid',
    });
    expect(readdirSync(folder)).toEqual(['probe.sock']);
  });
});

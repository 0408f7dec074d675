import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { chmod, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AdminClient } from '../../../src/admin/client/index.js';
import { createFolder, leaveDeadSocket, listen } from './admin-fixture.js';
import {
  type AdminProcess,
  buildAdminProgram,
  createFolderFor,
  startProgram,
  type AdminProgram,
  type ProgramOptions,
} from './admin-process.js';

const RACES = 200;
const STARTERS = 3;
const STRANGER = 65534;
const isRoot = process.getuid?.() === 0;

let program: AdminProgram;
let folder: string;
let path: string;
const started: AdminProcess[] = [];

beforeAll(async () => {
  program = await buildAdminProgram();
}, 120_000);
afterAll(() => program.dispose());
beforeEach(async () => {
  folder = await createFolder();
  path = join(folder, 'mxcp.sock');
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => child.end('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[], options: ProgramOptions = {}): AdminProcess {
  const child = startProgram(program, args, options);
  started.push(child);
  return child;
}

describe('servers that end', () => {
  it('SIGTERM removes the socket; after kill -9 the next server takes the dead one over', async () => {
    const first = start(['serve', path]);
    expect(await first.line()).toBe(`open ${path}`);
    await first.end('SIGKILL');
    expect(readdirSync(folder)).toEqual(['mxcp.sock']);
    const second = start(['serve', path]);
    expect(await second.line()).toBe(`open ${path}`);
    await second.end('SIGTERM');
    expect(await second.line()).toBe('closed');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a stopped server still owns its socket, and is named', async () => {
    const owner = start(['serve', path]);
    await owner.line();
    owner.child.kill('SIGSTOP');
    const other = start(['serve', path]);
    expect(await other.line()).toBe(
      `refused socket_in_use ${path} belongs to process ${owner.pid}; stop it, or give this server another path with --admin-socket`,
    );
    owner.child.kill('SIGCONT');
    const asked = start(['ask', path]);
    expect(await asked.line()).toBe('answer ok');
  });

  it('the kernel knows the socket under a name with mxcp in it', async () => {
    const owner = start(['serve', path]);
    await owner.line();
    const names = (await readFile('/proc/net/unix', 'utf8')).split('\n').filter((line) => line.includes(folder));
    expect(names.some((line) => line.includes('/.mxcp-'))).toBe(true);
  });
});

describe('starters that race for one path', () => {
  it(`exactly one of ${STARTERS} wins over a dead socket, ${RACES} times`, async () => {
    const starters = Array.from({ length: STARTERS }, () => start(['race', path]));
    for (const starter of starters) expect(await starter.line()).toBe('ready to race');
    const client = new AdminClient({ socketPath: path });
    for (let race = 0; race < RACES; race += 1) {
      await leaveDeadSocket(path);
      for (const starter of starters) starter.order('open');
      const outcomes = await Promise.all(starters.map((starter) => starter.line()));
      expect(outcomes.filter((line) => line === `open ${path}`)).toHaveLength(1);
      const winner = starters[outcomes.indexOf(`open ${path}`)];
      const refusal = `refused socket_in_use ${path} belongs to process ${winner?.pid};`;
      expect(outcomes.filter((line) => line.startsWith(refusal))).toHaveLength(STARTERS - 1);
      expect((await client.health()).status).toBe('ok');
      expect(readdirSync(folder)).toEqual(['mxcp.sock']);
      for (const starter of starters) starter.order('close');
      await Promise.all(starters.map((starter) => starter.line()));
      expect(readdirSync(folder)).toEqual([]);
    }
  }, 300_000);

  it('exactly one of two wins when another process holds the lock', async () => {
    const { dev, ino } = lstatSync(folder, { bigint: true });
    const key = createHash('sha256').update(`${dev}:${ino}:mxcp.sock`).digest('hex').slice(0, 16);
    const squatter = await listen(`\0mxcp-admin-lock-${key}`);
    await leaveDeadSocket(path);
    const starters = [start(['race', path]), start(['race', path])];
    for (const starter of starters) expect(await starter.line()).toBe('ready to race');
    for (const starter of starters) starter.order('open');
    const outcomes = await Promise.all(starters.map((starter) => starter.line()));
    expect(outcomes.filter((line) => line === `open ${path}`)).toHaveLength(1);
    expect((await new AdminClient({ socketPath: path }).health()).status).toBe('ok');
    squatter.close();
  });
});

describe('permissions', () => {
  // As an ordinary user the other user is the one of the test itself, and only what it may see is checked.
  const other: ProgramOptions = isRoot ? { uid: STRANGER, gid: STRANGER } : {};
  const folderOfOther = async (): Promise<string> => (isRoot ? createFolderFor(STRANGER, folder) : folder);

  it('another user cannot use a private socket, and the error says what to do', async () => {
    await chmod(folder, 0o755);
    const owner = start(['serve', path, '600']);
    await owner.line();
    if (!isRoot) await chmod(path, 0o000);
    const line = await start(['ask', path], other).line();
    expect(line).toContain('refused connection_failed');
    expect(line).toContain(`may not use ${path}`);
    expect(line).toContain('--admin-socket-group');
  });

  it('the error for an ordinary user names a folder that works', async () => {
    await chmod(folder, 0o555);
    const environments: [NodeJS.ProcessEnv, string][] = [
      [{ RUNTIME_DIRECTORY: '/run/mine', XDG_RUNTIME_DIR: '/run/user/1' }, 'MXCP_ADMIN_SOCKET=/run/mine/mxcp.sock'],
      [{ RUNTIME_DIRECTORY: '', XDG_RUNTIME_DIR: '/run/user/1' }, 'MXCP_ADMIN_SOCKET=/run/user/1/mxcp.sock'],
      [{ RUNTIME_DIRECTORY: '', XDG_RUNTIME_DIR: '' }, '--admin-socket or MXCP_ADMIN_SOCKET'],
      [{ RUNTIME_DIRECTORY: '', XDG_RUNTIME_DIR: '' }, 'Create it as root with `install -d -o USER '],
    ];
    for (const [env, advice] of environments) {
      for (const target of [path, join(folder, 'missing', 'mxcp.sock')]) {
        const line = await start(['serve', target], { ...other, env }).line();
        expect(line).toContain('refused socket_permission');
        expect(line).toContain(advice);
      }
    }
    await chmod(folder, 0o755);
  });

  it('a live socket is in use, also one of another user', async () => {
    const theirs = await folderOfOther();
    const at = join(theirs, 'mxcp.sock');
    expect(await start(['serve', at], other).line()).toBe(`open ${at}`);
    expect(await start(['serve', at]).line()).toContain('refused socket_in_use');
  });

  it('a dead socket of another user is left alone', async ({ skip, task }) => {
    if (!isRoot) {
      console.warn(`left out, as only root can be another user: ${task.name}`);
      skip();
    }
    const theirs = await folderOfOther();
    const at = join(theirs, 'mxcp.sock');
    const owner = start(['serve', at], other);
    expect(await owner.line()).toBe(`open ${at}`);
    await owner.end('SIGKILL');
    expect(await start(['serve', at]).line()).toContain(
      `refused socket_permission ${at} is a socket of user ${STRANGER}`,
    );
    expect(readdirSync(theirs)).toEqual(['mxcp.sock']);
  });

  it('a group that the user is not in is refused, and nothing stays behind', async () => {
    const theirs = await folderOfOther();
    const own = new Set([...(process.getgroups?.() ?? []), process.getgid?.(), STRANGER]);
    const group = Array.from({ length: own.size + 1 }, (_, gid) => gid).find((gid) => !own.has(gid));
    const line = await start(['serve', join(theirs, 'mxcp.sock'), '660', String(group)], other).line();
    expect(line).toContain(`refused socket_permission the admin socket cannot be given to group ${group}`);
    expect(readdirSync(theirs)).toEqual([]);
  });
});

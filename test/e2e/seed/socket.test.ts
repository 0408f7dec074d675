import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Status } from '../../../src/admin/client/index.js';
import { loadAdminSettings } from '../../../src/settings/index.js';
import { verifies } from '../../contract/seed/requirements.js';
import {
  adminEnvironment,
  ask,
  createWorkplace,
  spawnServer,
  startServer,
  until,
  type ServerProcess,
  type Workplace,
} from './running-server.js';

/** A user and a group that own nothing here. */
const STRANGER = { uid: 65_533, gid: 65_533 };
const ADMINISTRATORS = 65_532;
const isRoot = process.getuid?.() === 0;

let workplace: Workplace;
let server: ServerProcess | undefined;

beforeEach(() => {
  workplace = createWorkplace();
  // Others may look into the folder: the mode of the socket has to keep them out.
  chmodSync(workplace.folder, 0o755);
  mkdirSync(dirname(workplace.socket), { mode: 0o755 });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  workplace.remove();
});

/** `connected`, or the code of the error. Connecting begins synchronously, so this process is that user only for it. */
async function connectAs(user: { readonly uid: number; readonly gid: number }): Promise<string> {
  process.setegid?.(user.gid);
  process.seteuid?.(user.uid);
  const socket = connect(workplace.socket);
  process.seteuid?.(0);
  process.setegid?.(0);
  return new Promise((resolve) => {
    socket.on('connect', () => resolve('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  }).then((outcome) => {
    socket.destroy();
    return String(outcome);
  });
}

describe('switching the socket on', () => {
  it(verifies(['SEED-SWITCH-ENV', 'SEED-UNIT'], 'two variables and `mxcp serve` are enough'), async () => {
    server = await startServer(workplace);
    const { body } = await ask<Status>(workplace.socket, '/status');
    expect(body.admin_socket).toEqual({ path: workplace.socket, mode: '0600', probe_path: null });
  });

  it(verifies('SEED-SWITCH-OFF', 'without them there is none'), async () => {
    server = spawnServer(workplace, { ...workplace.environment, MXCP_ADMIN_SOCKET: workplace.socket });
    await server.logged('ready url=');
    expect(existsSync(workplace.socket)).toBe(false);
  });

  it(verifies('SEED-SWITCH-DEFAULT', 'has a default path'), () => {
    expect(loadAdminSettings({ flags: {}, env: {}, cwd: '/' }).socketPath).toBe('/run/mxcp/mxcp.sock');
  });

  it.runIf(process.platform === 'linux')(
    verifies('SEED-LOCAL-ONLY', 'listens on the MCP port and on no other address'),
    async () => {
      server = await startServer(workplace);
      const port = Number(/ready url=http:\/\/[^:]+:(\d+)/.exec(server.log())?.[1]);
      const ports = listeningPorts(server.pid);
      expect([...new Set(ports)]).toEqual([port]);
    },
  );
});

/** TCP ports on which a process listens, from the kernel's list of its sockets. */
function listeningPorts(pid: number): number[] {
  const owned = new Set(
    readdirSync(`/proc/${pid}/fd`).map((name) => /socket:\[(\d+)\]/.exec(linkOf(`/proc/${pid}/fd/${name}`))?.[1]),
  );
  const rows = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1),
  );
  const LISTEN = '0A';
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN && owned.has(fields[9]))
    .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed since the folder was read
  }
}

describe('who may use the socket', () => {
  it(verifies('SEED-MODE', 'its owner alone, from the start'), async () => {
    server = await startServer(workplace);
    const stats = statSync(workplace.socket);
    expect(stats.isSocket()).toBe(true);
    expect(stats.mode & 0o777).toBe(0o600);
    expect(stats.uid).toBe(process.getuid?.());
  });

  it(verifies(['SEED-OWNER-ONLY', 'SEED-TROUBLE-PERMISSION'], 'no other user'), async () => {
    server = await startServer(workplace);
    expect((await ask(workplace.socket, '/health')).status).toBe(200);
    // Only root can act as another user; for others, the mode above proves it.
    if (isRoot) expect(await connectAs(STRANGER)).toBe('EACCES');
    else expect(statSync(workplace.socket).mode & 0o077).toBe(0);
  });

  it(verifies('SEED-GROUP-ACCESS', 'a group, after chmod and chgrp'), async () => {
    server = await startServer(workplace);
    const group = isRoot ? ADMINISTRATORS : (process.getgid?.() ?? 0);
    chmodSync(workplace.socket, 0o660);
    chownSync(workplace.socket, process.getuid?.() ?? 0, group);
    if (isRoot) {
      expect(await connectAs({ uid: STRANGER.uid, gid: ADMINISTRATORS })).toBe('connected');
      expect(await connectAs(STRANGER)).toBe('EACCES');
    } else {
      expect((await ask(workplace.socket, '/health')).status).toBe(200);
    }
  });
});

describe('as a service', () => {
  it(verifies('SEED-UNIT-RUNTIME-FOLDER', 'uses a folder that is there, and leaves it as it is'), async () => {
    server = await startServer(workplace);
    expect(statSync(dirname(workplace.socket)).mode & 0o777).toBe(0o755);
    await server.stop();
    expect(readdirSync(dirname(workplace.socket))).toEqual([]);
    expect(statSync(dirname(workplace.socket)).mode & 0o777).toBe(0o755);
  });

  it(verifies('SEED-UNIT-HANGUP', 'kill -HUP reloads, and the process stays'), async () => {
    server = await startServer(workplace);
    process.kill(server.pid, 'SIGHUP');
    const read = async (): Promise<Status> => (await ask<Status>(workplace.socket, '/status')).body;
    await until(async () => (await read()).reload.last_reload_status === 'success', 'the reload');
    expect(await read()).toMatchObject({ pid: server.pid, generation: 2 });
  });

  it(verifies('SEED-UNIT-RESTART', 'ends with 0 when it is stopped, and otherwise when it cannot start'), async () => {
    const first = await startServer(workplace);
    expect(await first.stop()).toBe(0);
    workplace.write('mxcp-site.yml', 'mxcp: 1\nproject: my-project\n');
    const second = spawnServer(workplace, adminEnvironment(workplace));
    expect(await second.ended).toBe(2);
    expect(second.log()).toContain('profile');
  });

  it(verifies('SEED-TROUBLE-REFUSED', 'after a kill the socket is there and no process listens'), async () => {
    const killed = await startServer(workplace);
    expect(await killed.stop('SIGKILL')).toBe('SIGKILL');
    expect(statSync(workplace.socket).isSocket()).toBe(true);
    await expect(ask(workplace.socket, '/health')).rejects.toThrow('ECONNREFUSED');
    server = await startServer(workplace);
    expect((await ask(workplace.socket, '/health')).status).toBe(200);
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, chmod, chown, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';

/** `sun_path` has 108 bytes on Linux and 104 on macOS, one of them for the terminating zero. */
export const MAX_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

/** Where a socket is to be, in a folder that exists. The key is the same for every spelling of the path, and differs between places. */
export interface SocketPlace {
  readonly path: string;
  readonly folder: string;
  readonly key: string;
  /** What the names of temporary sockets beside it begin with. `lsof -U` shows them, so they contain `mxcp`. */
  readonly temporaryPrefix: string;
}

/** The absolute path. Throws `socket_path_invalid` for one that a socket cannot have: Node 20 would cut it silently. */
export function parseSocketPath(text: string): string {
  if (text === '' || text.includes('\0')) {
    throw new MxcpError('socket_path_invalid', 'the path of the admin socket is empty or has a zero byte');
  }
  const path = resolve(text);
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) {
    throw new MxcpError(
      'socket_path_invalid',
      `the socket path ${path} has ${bytes} bytes; the system allows ${MAX_PATH_BYTES}. Choose a shorter one`,
    );
  }
  return path;
}

export async function locateSocket(path: string): Promise<SocketPlace> {
  const folder = dirname(path);
  const { dev, ino } = await stat(folder, { bigint: true });
  const key = createHash('sha256')
    .update(`${dev}:${ino}:${basename(path)}`)
    .digest('hex')
    .slice(0, 16);
  return { path, folder, key, temporaryPrefix: `.mxcp-${key}-` };
}

/** A unique path beside the socket. */
export function temporaryPath(place: SocketPlace): string {
  return join(place.folder, `${place.temporaryPrefix}${process.pid}-${randomBytes(4).toString('hex')}`);
}

const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o002;

/**
 * Makes sure that the folder exists and is safe: creates what is missing (0700, or 0750 with the group), leaves what
 * exists as it is. Throws `socket_permission` and `socket_path_invalid`.
 */
export async function prepareFolder(folder: string, gid: number | undefined, environment: Environment): Promise<void> {
  try {
    await createMissing(folder, gid);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof MxcpError) throw error;
    throw folderRefuses(folder, error, environment);
  }
  const found = await stat(folder);
  if (!found.isDirectory()) {
    throw new MxcpError('socket_path_invalid', `${folder} is not a folder, so no admin socket can be created in it`);
  }
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0 && (found.mode & STICKY) === 0) {
    throw new MxcpError(
      'socket_permission',
      `every user can replace files in ${folder}, so the admin socket would not be safe there; run chmod o-w ${folder}, or choose another folder`,
    );
  }
}

const WRITABLE_BY_GROUP = 0o020;

/**
 * Finds what is unsafe or does not work about the folders on the way to a socket, for a warning: users who could replace it besides
 * this one and root, and folders that its group cannot pass.
 */
export async function findFolderRisks(
  folder: string,
  { gid, mode }: { readonly gid: number | undefined; readonly mode: number },
): Promise<readonly string[]> {
  const risks: string[] = [];
  const user = process.getuid?.() ?? 0;
  for (let path = await realpath(folder); ; path = dirname(path)) {
    const found = await stat(path);
    const culprit = await whoMayReplace(found, user);
    const socket = `the admin socket in ${folder} can be replaced by others`;
    if (culprit !== undefined)
      risks.push(`${socket}, because ${path} ${culprit}; use a folder that only this user and root can write`);
    if (gid !== undefined && (mode & 0o060) !== 0 && !groupMayPass(found, gid))
      risks.push(
        `group ${gid} cannot reach the admin socket, because it may not pass ${path} (mode ${(found.mode & 0o777).toString(8).padStart(4, '0')}); run chgrp ${gid} ${path} && chmod g+x ${path}`,
      );
    if (path === dirname(path)) return risks;
  }
}

/** The owner of a folder may rename what is in it, also with the sticky bit; others may without it. */
async function whoMayReplace({ uid, gid, mode }: Stats, user: number): Promise<string | undefined> {
  if (uid !== user && uid !== 0) return `belongs to user ${uid}`;
  if ((mode & STICKY) !== 0) return undefined;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) return 'can be written by every user';
  const isShared = (mode & WRITABLE_BY_GROUP) !== 0 && gid !== 0 && !(await isPrivateGroup(gid));
  return isShared ? `can be written by group ${gid}` : undefined;
}

/** Whether the group is that of this user alone, as many systems make one for each user. */
async function isPrivateGroup(gid: number): Promise<boolean> {
  if (gid !== process.getgid?.()) return false;
  const lines = (await readFile('/etc/group', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  const [, , , members = ''] = lines.find(([, , id]) => id === String(gid)) ?? [];
  return members === '';
}

function groupMayPass(folder: Stats, gid: number): boolean {
  return (folder.mode & (folder.gid === gid ? 0o010 : 0o001)) !== 0;
}

async function createMissing(folder: string, gid: number | undefined): Promise<void> {
  if (await exists(folder)) return;
  await createMissing(dirname(folder), gid);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return; // another server created it first
    throw error;
  }
  if (gid === undefined) return;
  // The group first: opening the folder before would let the wrong group in.
  await chown(folder, -1, gid);
  await chmod(folder, 0o750);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The error for a folder that refuses the socket; it names the folder that systemd or the session made for this. */
export function folderRefuses(folder: string, cause: unknown, environment: Environment): MxcpError {
  return new MxcpError(
    'socket_permission',
    `the folder ${folder} of the admin socket cannot be used: ${messageOf(cause)}. ${advice(folder, environment)}`,
    { cause },
  );
}

function advice(folder: string, environment: Environment): string {
  const runtime = environment['RUNTIME_DIRECTORY']?.split(':')[0];
  if (runtime !== undefined && runtime !== '') {
    return `RUNTIME_DIRECTORY is set: use MXCP_ADMIN_SOCKET=${join(runtime, 'mxcp.sock')}`;
  }
  const session = environment['XDG_RUNTIME_DIR'];
  if (session !== undefined && session !== '') {
    return `XDG_RUNTIME_DIR is set: use MXCP_ADMIN_SOCKET=${join(session, 'mxcp.sock')}`;
  }
  return `Create it as root with \`install -d -o USER ${folder}\` (under systemd, \`RuntimeDirectory=${basename(folder)}\` does it), or choose a folder that this user can write with --admin-socket or MXCP_ADMIN_SOCKET, for example in $XDG_RUNTIME_DIR`;
}

const RETRY_MS = 10;
const PATIENCE_MS = 5000;

/**
 * Lets one starter at a time decide over a socket path; resolves with what frees the lock. The lock is an abstract socket, which the kernel frees with its
 * holder, however that ends.
 *
 * Abstract sockets have no permissions, so any process could occupy the name: after five seconds the start continues without the lock. The
 * publication itself never replaces anything. Without the lock, a third starter can publish while a second one has moved a
 * live socket aside for a moment. Other systems than Linux, and containers that share a folder but no network namespace,
 * never have the lock.
 */
export async function acquirePathLock(place: SocketPlace): Promise<(() => Promise<void>) | undefined> {
  if (process.platform !== 'linux') return undefined;
  const name = `\0mxcp-admin-lock-${place.key}`;
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const server = await listenOn(name);
    if (server !== undefined) return () => new Promise((done) => server.close(() => done()));
    await delay(RETRY_MS);
  }
  return undefined;
}

function listenOn(name: string): Promise<Server | undefined> {
  return new Promise((done, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('listening', () => done(server));
    server.once('error', (error) => {
      if (errorCodeOf(error) === 'EADDRINUSE') done(undefined);
      else reject(error);
    });
    server.listen(name);
  });
}

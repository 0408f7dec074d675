import { existsSync, type Stats } from 'node:fs';
import { chmod, chown, link, lstat, open, readdir, readFile, readlink, rename, rm } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';
import { MAX_PATH_BYTES, type SocketPlace, temporaryPath } from './socket-path.js';

/** File systems without hard links of sockets (some shared folders of virtual machines). */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface Publication {
  readonly place: SocketPlace;
  readonly mode: number;
  readonly gid: number | undefined;
  /** Whether no other starter decides at the same time. */
  readonly locked: boolean;
}

/** What a path must still be for us to remove it. */
export interface SocketIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * Binds under a temporary name, sets group and mode, and only then gives the socket its public name, so that it is private
 * from the first moment it can be found. The temporary name matters afterwards too: closing the server removes that
 * name, and not a successor's socket. Leaves the server open when it throws.
 */
export async function publishSocket(server: Server, publication: Publication): Promise<SocketIdentity> {
  const { place, mode, gid } = publication;
  const temporary = temporaryPath(place);
  try {
    await bindTo(server, temporary);
    // The group first: the mode may open the socket to it.
    if (gid !== undefined) await giveGroup(temporary, gid);
    await chmod(temporary, mode);
    const { dev, ino } = await lstat(temporary, { bigint: true });
    // After the bind, so that the dead socket's inode number cannot be ours.
    await clearPath(place);
    await giveName(temporary, publication);
    return { dev, ino };
  } finally {
    await rm(temporary, { force: true });
  }
}

async function giveGroup(path: string, gid: number): Promise<void> {
  try {
    await chown(path, -1, gid);
  } catch (cause) {
    throw new MxcpError(
      'socket_permission',
      `the admin socket cannot be given to group ${gid}: ${messageOf(cause)}. The user of the server must be a member of it`,
      { cause },
    );
  }
}

/** Starts listening with mode 0600. Throws what `listen` fails with. */
export function listenPrivately(
  server: Server,
  options: { readonly path: string } | { readonly fd: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => (): void => {
      server.off('error', refuse);
      server.off('listening', accept);
      finish();
    };
    const accept = settle(resolve);
    const refuse = (error: Error): void => settle(() => reject(error))();
    server.once('error', refuse);
    server.once('listening', accept);
    // The bind happens inside listen(), before it returns: nothing else of this process runs under the changed mask.
    const previous = process.umask(0o177);
    try {
      server.listen(options);
    } finally {
      process.umask(previous);
    }
  });
}

/** A temporary name may be too long although the public one is not: then the way to its folder is a descriptor. */
async function bindTo(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return listenPrivately(server, { path });
  if (process.platform !== 'linux') {
    throw new MxcpError(
      'socket_path_invalid',
      'the folder of the admin socket has too long a name; choose a shorter path',
    );
  }
  const folder = await open(path.slice(0, -basename(path).length), 'r');
  try {
    await listenPrivately(server, { path: `/proc/self/fd/${folder.fd}/${basename(path)}` });
  } finally {
    await folder.close();
  }
}

/** `link` fails when the name is taken: two starters never both succeed, with or without the lock. */
async function giveName(temporary: string, { place, locked }: Publication): Promise<void> {
  try {
    await link(temporary, place.path);
  } catch (error) {
    const code = errorCodeOf(error) ?? '';
    if (code === 'EEXIST') throw await socketInUse(place);
    if (!locked || !NO_HARD_LINKS.has(code)) throw error;
    await rename(temporary, place.path);
  }
}

/**
 * Makes room at the path, or throws: `socket_in_use` when a server lives there, `socket_path_invalid` when it is no
 * socket, `socket_permission` when it belongs to another user. Only a dead socket of our own is removed.
 */
export async function clearPath(place: SocketPlace): Promise<void> {
  const found = await lstatIfThere(place.path);
  if (found === undefined) return;
  if (!found.isSocket()) throw notASocket(place.path, found);
  const life = await probeSocket(place.path);
  if (life === 'missing') return;
  if (life === 'live') throw await socketInUse(place);
  if (life === 'unknown' || found.uid !== process.getuid?.()) throw foreignSocket(place.path, found.uid);
  await removeDead(place, found);
}

export async function socketInUse(place: SocketPlace): Promise<MxcpError> {
  const pid = await findOwnerPid(place);
  const owner = pid === undefined ? 'a running server' : `process ${pid}`;
  return new MxcpError(
    'socket_in_use',
    `${place.path} belongs to ${owner}; stop it, or give this server another path with --admin-socket`,
  );
}

/** Removes temporaries that killed servers left behind; those of other users and of living ones stay. */
export async function sweepTemporaries(place: SocketPlace): Promise<void> {
  const names = await readdir(place.folder).catch(() => []); // a folder that can be written but not listed: nothing to see
  for (const name of names.filter((entry) => entry.startsWith(place.temporaryPrefix))) {
    const path = join(place.folder, name);
    const found = await lstatIfThere(path);
    if (found?.isSocket() !== true || found.uid !== process.getuid?.()) continue;
    if ((await probeSocket(path)) === 'dead') await rm(path, { force: true });
  }
}

/**
 * Removes a dead socket without ever removing another one: it is moved aside first, then checked again. A starter that
 * does not see our lock may have published in between; then its socket goes back to where it was.
 */
async function removeDead(place: SocketPlace, dead: Stats): Promise<void> {
  const aside = temporaryPath(place);
  try {
    await rename(place.path, aside);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return; // another starter removed it
    throw error;
  }
  const moved = await lstat(aside);
  const isTheDeadOne = moved.ino === dead.ino && moved.dev === dead.dev && moved.isSocket();
  if (isTheDeadOne && (await probeSocket(aside)) === 'dead') {
    await rm(aside, { force: true });
    return;
  }
  try {
    await link(aside, place.path);
  } finally {
    await rm(aside, { force: true });
  }
  throw await socketInUse(place);
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function notASocket(path: string, found: Stats): MxcpError {
  const kind = found.isSymbolicLink() ? 'a symbolic link' : found.isDirectory() ? 'a folder' : 'a file';
  return new MxcpError(
    'socket_path_invalid',
    `${path} is ${kind}, not a socket, and is left alone; move it away, or choose another path`,
  );
}

function foreignSocket(path: string, uid: number): MxcpError {
  return new MxcpError(
    'socket_permission',
    `${path} is a socket of user ${uid}; this server does not remove it. Remove it as that user, or choose another path`,
  );
}

const PROBE_TIMEOUT_MS = 2000;

/** `unknown`: this user may not connect. */
export type SocketLife = 'live' | 'dead' | 'missing' | 'unknown';

/** Connects to find out whether a server listens on a socket file. */
export function probeSocket(path: string): Promise<SocketLife> {
  return new Promise((resolve) => {
    const connection = createConnection({ path });
    const settle = (life: SocketLife): void => {
      clearTimeout(timer);
      connection.destroy();
      resolve(life);
    };
    // A server that is stopped or overloaded still owns its socket.
    const timer = setTimeout(() => settle('live'), PROBE_TIMEOUT_MS);
    connection.once('connect', () => settle('live'));
    connection.once('error', (error) => settle(lifeOf(errorCodeOf(error))));
  });
}

function lifeOf(code: string | undefined): SocketLife {
  if (code === 'ECONNREFUSED') return 'dead';
  if (code === 'ENOENT') return 'missing';
  // EAGAIN: its queue is full. EPROTOTYPE: a socket of another type. In both cases a process owns it.
  return code === 'EACCES' || code === 'EPERM' ? 'unknown' : 'live';
}

/** One line of `/proc/net/unix`. */
interface KernelSocket {
  readonly inode: string;
  readonly path: string;
}

/**
 * The process that listens on a socket, as far as it can be found: Linux only, and only processes that this user may look
 * into. The kernel knows a socket by the name of its bind, which for ours is the temporary one. That name is gone once the
 * socket has its public one; where it is still there, a starter (maybe ourselves) has only just bound it and owns nothing.
 */
export async function findOwnerPid(place: SocketPlace): Promise<number | undefined> {
  const inodes = (await listKernelSockets())
    .filter(({ path }) => path === place.path || isPublished(path, place))
    .map(({ inode }) => inode);
  return inodes.length === 0 ? undefined : findHolder(new Set(inodes.map((inode) => `socket:[${inode}]`)));
}

function isPublished(bound: string, place: SocketPlace): boolean {
  const name = basename(bound);
  return name.startsWith(place.temporaryPrefix) && !existsSync(join(place.folder, name));
}

/** The name of the bind of one of our own descriptors. */
export async function findBoundPath(descriptor: number): Promise<string | undefined> {
  const target = await readlink(`/proc/self/fd/${descriptor}`).catch(() => ''); // no /proc: not known
  return (await listKernelSockets()).find(({ inode }) => target === `socket:[${inode}]`)?.path;
}

async function listKernelSockets(): Promise<readonly KernelSocket[]> {
  const text = await readFile('/proc/net/unix', 'utf8').catch(() => ''); // not Linux: nothing is known
  return text.split('\n').flatMap((line) => {
    const columns = /^\S+ \S+ \S+ \S+ \S+ \S+ +(\d+) (\/.*)$/.exec(line);
    return columns === null ? [] : [{ inode: columns[1] ?? '', path: columns[2] ?? '' }];
  });
}

async function findHolder(links: ReadonlySet<string>): Promise<number | undefined> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const folder = join('/proc', pid, 'fd');
    // Processes end, and those of other users are closed to us: both count as not found.
    const descriptors = await readdir(folder).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(join(folder, descriptor)).catch(() => '');
      if (links.has(target)) return Number(pid);
    }
  }
  return undefined;
}

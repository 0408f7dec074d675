import { chmod, chown, link, lstat, open, rename, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { basename } from 'node:path';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';
import { clearPath, socketInUse } from './existing-socket.js';
import { MAX_PATH_BYTES, temporaryPath, type LocatedPlace } from './socket-path.js';

/** File systems without hard links of sockets (some shared folders of virtual machines). */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface Publication {
  readonly place: LocatedPlace;
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

/** `link` fails when the name is taken, whoever took it: two starters never both succeed, lock or no lock. */
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

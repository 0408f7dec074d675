import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { LocatedPlace } from './socket-path.js';

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
export async function findOwnerPid(place: LocatedPlace): Promise<number | undefined> {
  const inodes = (await listKernelSockets())
    .filter(({ path }) => path === place.path || isPublished(path, place))
    .map(({ inode }) => inode);
  return inodes.length === 0 ? undefined : findHolder(new Set(inodes.map((inode) => `socket:[${inode}]`)));
}

function isPublished(bound: string, place: LocatedPlace): boolean {
  const name = basename(bound);
  return name.startsWith(place.temporaryPrefix) && !existsSync(join(place.folder, name));
}

/** The name of the bind of one of our own descriptors. */
export async function findBoundPath(descriptor: number): Promise<string | undefined> {
  const link = await readlink(`/proc/self/fd/${descriptor}`).catch(() => ''); // no /proc: not known
  return (await listKernelSockets()).find(({ inode }) => link === `socket:[${inode}]`)?.path;
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
      const link = await readlink(join(folder, descriptor)).catch(() => '');
      if (links.has(link)) return Number(pid);
    }
  }
  return undefined;
}

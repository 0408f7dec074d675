import { link, lstat, readdir, rename, rm } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { errorCodeOf, MxcpError } from '../../errors/index.js';
import { findOwnerPid } from './socket-owner.js';
import { temporaryPath, type LocatedPlace } from './socket-path.js';
import { probeSocket } from './socket-probe.js';

/**
 * Makes room at the path, or throws: `socket_in_use` when a server lives there, `socket_path_invalid` when it is no
 * socket, `socket_permission` when it belongs to another user. Only a dead socket of our own is removed.
 */
export async function clearPath(place: LocatedPlace): Promise<void> {
  const found = await lstatIfThere(place.path);
  if (found === undefined) return;
  if (!found.isSocket()) throw notASocket(place.path, found);
  const life = await probeSocket(place.path);
  if (life === 'missing') return;
  if (life === 'live') throw await socketInUse(place);
  if (life === 'unknown' || found.uid !== process.getuid?.()) throw foreignSocket(place.path, found.uid);
  await bury(place, found);
}

export async function socketInUse(place: LocatedPlace): Promise<MxcpError> {
  const pid = await findOwnerPid(place);
  const owner = pid === undefined ? 'a running server' : `process ${pid}`;
  return new MxcpError(
    'socket_in_use',
    `${place.path} belongs to ${owner}; stop it, or give this server another path with --admin-socket`,
  );
}

/** Removes temporaries that killed servers left behind; those of other users and of living ones stay. */
export async function sweepTemporaries(place: LocatedPlace): Promise<void> {
  const names = await readdir(place.folder).catch(() => []); // a folder that can be written but not listed: nothing to see
  for (const name of names.filter((entry) => entry.startsWith(place.temporaryPrefix))) {
    const path = join(place.folder, name);
    const found = await lstatIfThere(path);
    if (found?.isSocket() !== true || found.uid !== process.getuid?.()) continue;
    if ((await probeSocket(path)) === 'dead') await rm(path, { force: true });
  }
}

/**
 * Removes a dead socket without ever removing another one: it is first moved aside, then looked at again. A starter that
 * does not see our lock may have published in between; then its socket goes back to where it was.
 */
async function bury(place: LocatedPlace, dead: Stats): Promise<void> {
  const grave = temporaryPath(place);
  try {
    await rename(place.path, grave);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return; // somebody else buried it
    throw error;
  }
  const moved = await lstat(grave);
  const isTheDeadOne = moved.ino === dead.ino && moved.dev === dead.dev && moved.isSocket();
  if (isTheDeadOne && (await probeSocket(grave)) === 'dead') {
    await rm(grave, { force: true });
    return;
  }
  try {
    await link(grave, place.path);
  } finally {
    await rm(grave, { force: true });
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

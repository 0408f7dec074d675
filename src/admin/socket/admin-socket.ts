import { fstatSync, lstatSync, unlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';
import {
  findBoundPath,
  listenPrivately,
  publishSocket,
  type SocketIdentity,
  sweepTemporaries,
} from './published-socket.js';
import {
  acquirePathLock,
  type Environment,
  findFolderRisks,
  folderRefuses,
  locateSocket,
  parseSocketPath,
  prepareFolder,
} from './socket-path.js';

export interface AdminSocketSettings {
  readonly path: string;
  /** Permission bits, e.g. `0o600`. */
  readonly mode: number;
  /** Name or number. */
  readonly group?: string | undefined;
  /** A socket that systemd listens on already; it decides path, mode and group. */
  readonly descriptor?: number | undefined;
}

export interface OpenSocketOptions {
  /** Begins to listen; its owner closes it, also when opening fails. */
  readonly server: Server;
  readonly settings: AdminSocketSettings;
  readonly environment: Environment;
  /** Gets what is unsafe or does not work about the folder of the socket. */
  readonly warn: (message: string) => void;
}

/** A socket file that answers. */
export interface AdminSocket {
  readonly path: string;
  /** Octal, e.g. `0600`: that of the file as it is now. */
  readonly mode: string;
  /**
   * Removes the path, if it is still ours. Call it before the server closes: while it listens, no other server can have put a
   * socket there. A socket of systemd stays. Idempotent, and synchronous for a process that has no time left.
   */
  dispose(): void;
}

/**
 * Opens the socket file: private from its first moment, never in place of something that is not a dead socket of ours.
 * Throws `socket_path_invalid`, `socket_in_use`, `socket_permission` and `socket_failed`.
 */
export async function openAdminSocket(options: OpenSocketOptions): Promise<AdminSocket> {
  const { settings, environment } = options;
  try {
    return settings.descriptor === undefined
      ? await createSocket(parseSocketPath(settings.path), options)
      : await listenOnHanded(options.server, settings.descriptor);
  } catch (error) {
    throw toSocketError(error, settings.path, environment);
  }
}

async function createSocket(path: string, options: OpenSocketOptions): Promise<AdminSocket> {
  const { server, settings, environment, warn } = options;
  const gid = settings.group === undefined ? undefined : await resolveGroupId(settings.group);
  await prepareFolder(dirname(path), gid, environment);
  for (const risk of await findFolderRisks(dirname(path), { gid, mode: settings.mode })) warn(risk);
  const place = await locateSocket(path);
  const releaseLock = await acquirePathLock(place);
  try {
    await sweepTemporaries(place);
    const identity = await publishSocket(server, {
      place,
      mode: settings.mode,
      gid,
      locked: releaseLock !== undefined,
    });
    return createPublished(path, settings.mode, () => removeIfOurs(path, identity));
  } finally {
    await releaseLock?.();
  }
}

function removeIfOurs(path: string, identity: SocketIdentity): void {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true });
    if (dev === identity.dev && ino === identity.ino) unlinkSync(path);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error;
  }
}

function toSocketError(error: unknown, path: string, environment: Environment): MxcpError {
  if (error instanceof MxcpError) return error;
  const code = errorCodeOf(error) ?? '';
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) return folderRefuses(dirname(path), error, environment);
  return new MxcpError('socket_failed', `the admin socket ${path} cannot be created: ${messageOf(error)}`, {
    cause: error,
  });
}

function toOctal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

const MAX_GID = 2 ** 32 - 2;

/** The number of a group given by name or number. Throws `socket_permission` when there is none of that name. */
export async function resolveGroupId(group: string, groupFile = '/etc/group'): Promise<number> {
  if (/^\d+$/.test(group)) {
    const gid = Number(group);
    if (gid <= MAX_GID) return gid;
    throw unknownGroup(group, groupFile);
  }
  const lines = (await readFile(groupFile, 'utf8')).split('\n');
  for (const line of lines) {
    const [name, , gid] = line.split(':');
    if (name === group && gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  }
  throw unknownGroup(group, groupFile);
}

function unknownGroup(group: string, groupFile: string): MxcpError {
  return new MxcpError(
    'socket_permission',
    `there is no group "${group}" in ${groupFile} for the admin socket; give an existing name, or a number when the group comes from a directory service`,
  );
}

/** Listens on the socket that systemd made. Throws `socket_failed` when it is not a Unix socket with a path. */
async function listenOnHanded(server: Server, descriptor: number): Promise<AdminSocket> {
  // The admin API must never end up on a network, so a socket that cannot be shown to be a Unix one is refused.
  const path = isSocket(descriptor) ? await findBoundPath(descriptor) : undefined;
  if (path === undefined) {
    throw new MxcpError(
      'socket_failed',
      'the admin socket handed over by systemd is not a Unix socket with a path; set `ListenStream=` to one, or `FileDescriptorName=mcp` if it is the MCP port',
    );
  }
  await listenPrivately(server, { fd: descriptor });
  return createPublished(path, lstatSync(path).mode, () => {});
}

function createPublished(path: string, mode: number, dispose: () => void): AdminSocket {
  return {
    path,
    // Of a path that was removed, the mode is the one that it had.
    get mode() {
      return toOctal((lstatSync(path, { throwIfNoEntry: false })?.mode ?? mode) & 0o777);
    },
    dispose,
  };
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    // No such descriptor: then it is no socket either.
    return false;
  }
}

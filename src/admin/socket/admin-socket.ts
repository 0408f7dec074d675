import { lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';
import { isActivated, listenOnActivated } from './activated-socket.js';
import { sweepTemporaries } from './existing-socket.js';
import { resolveGroupId } from './group-id.js';
import { acquirePathLock } from './path-lock.js';
import { folderRefuses, type Environment } from './permission-error.js';
import { publishSocket, type SocketIdentity } from './published-socket.js';
import { prepareFolder } from './socket-folder.js';
import { locateSocket, parseSocketPath, type SocketPlace } from './socket-path.js';

export interface AdminSocketSettings {
  readonly path: string;
  /** Permission bits, e.g. `0o600`. */
  readonly mode: number;
  /** Name or number. */
  readonly group?: string | undefined;
}

export interface OpenSocketOptions {
  /** Begins to listen; its owner closes it, also when opening fails. */
  readonly server: Server;
  readonly settings: AdminSocketSettings;
  readonly environment: Environment;
  /** Whether a socket that systemd hands over is this one. */
  readonly mayBeActivated: boolean;
}

/** A socket file that answers. */
export interface AdminSocket {
  readonly path: string;
  /** Octal, e.g. `0600`. */
  readonly mode: string;
  /**
   * Takes the path away, if it is still ours. Before the server closes: as long as it listens nobody can have put another
   * socket there. A socket of systemd stays. Idempotent. At once, for a process that has no time left.
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
    return options.mayBeActivated && isActivated(environment)
      ? await useActivated(options)
      : await createSocket(parseSocketPath(settings.path), options);
  } catch (error) {
    throw toSocketError(error, settings.path, environment);
  }
}

async function useActivated({ server, environment }: OpenSocketOptions): Promise<AdminSocket> {
  const { path, mode } = await listenOnActivated(server, environment);
  return { path, mode: toOctal(mode), dispose: () => {} };
}

async function createSocket(place: SocketPlace, options: OpenSocketOptions): Promise<AdminSocket> {
  const { server, settings, environment } = options;
  const gid = settings.group === undefined ? undefined : await resolveGroupId(settings.group);
  await prepareFolder(place.folder, gid, environment);
  const located = await locateSocket(place);
  const lock = await acquirePathLock(located);
  try {
    await sweepTemporaries(located);
    const identity = await publishSocket(server, {
      place: located,
      mode: settings.mode,
      gid,
      locked: lock !== undefined,
    });
    return {
      path: place.path,
      mode: toOctal(settings.mode),
      dispose: () => removeIfOurs(place.path, identity),
    };
  } finally {
    await lock?.release();
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

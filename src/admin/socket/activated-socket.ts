import { fstatSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import type { Server } from 'node:net';
import { MxcpError } from '../../errors/index.js';
import type { Environment } from './permission-error.js';
import { listenPrivately } from './published-socket.js';
import { findBoundPath } from './socket-owner.js';

/** systemd hands descriptors over from this number on. */
const FIRST_DESCRIPTOR = 3;

export interface ActivatedSocket {
  readonly path: string;
  readonly mode: number;
}

/** Whether systemd handed sockets to this very process (`LISTEN_PID`), and not to one that started it. */
export function isActivated(environment: Environment): boolean {
  return environment['LISTEN_PID'] === String(process.pid) && Number(environment['LISTEN_FDS']) >= 1;
}

/** Listens on the socket that systemd made. Throws `socket_failed` when it is not exactly one Unix socket with a path. */
export async function listenOnActivated(server: Server, environment: Environment): Promise<ActivatedSocket> {
  if (Number(environment['LISTEN_FDS']) !== 1) {
    throw new MxcpError(
      'socket_failed',
      `LISTEN_FDS is ${environment['LISTEN_FDS']}; the admin socket takes exactly one socket from systemd`,
    );
  }
  // The admin API must never end up on a network, so a socket that cannot be shown to be a Unix one is refused.
  const path = isSocket(FIRST_DESCRIPTOR) ? await findBoundPath(FIRST_DESCRIPTOR) : undefined;
  if (path === undefined) {
    throw new MxcpError(
      'socket_failed',
      'the socket handed over by systemd is not a Unix socket with a path; set ListenStream= to one',
    );
  }
  await listenPrivately(server, { fd: FIRST_DESCRIPTOR });
  return { path, mode: (await lstat(path)).mode & 0o777 };
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    // No such descriptor: then it is no socket either.
    return false;
  }
}

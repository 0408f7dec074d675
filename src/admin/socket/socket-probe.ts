import { createConnection } from 'node:net';
import { errorCodeOf } from '../../errors/index.js';

const PROBE_TIMEOUT_MS = 2000;

/** `unknown`: this user may not connect, so it cannot tell. */
export type SocketLife = 'live' | 'dead' | 'missing' | 'unknown';

/** Finds out by connecting whether somebody listens on a socket file. */
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
  // EAGAIN: its queue is full. EPROTOTYPE: a socket of another type. Both belong to somebody.
  return code === 'EACCES' || code === 'EPERM' ? 'unknown' : 'live';
}

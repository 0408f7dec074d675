import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCodeOf } from '../../errors/index.js';
import type { LocatedPlace } from './socket-path.js';

const RETRY_MS = 10;
const PATIENCE_MS = 5000;

export interface PathLock {
  release(): Promise<void>;
}

/**
 * Lets one starter at a time decide over a socket path. The lock is an abstract socket, which the kernel frees with its
 * holder, however that ends.
 *
 * Abstract sockets have no permissions, so anybody could sit on the name: after five seconds we go on without. The
 * publication itself never replaces anything, so all that is lost is the moment in which a third starter could slip in
 * while a second one moves a socket aside and finds it alive. It is also all there is on other systems than Linux, and
 * between containers that share a folder but no network namespace.
 */
export async function acquirePathLock(place: LocatedPlace): Promise<PathLock | undefined> {
  if (process.platform !== 'linux') return undefined;
  const name = `\0mxcp-admin-lock-${place.key}`;
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const server = await listenOn(name);
    if (server !== undefined) return { release: () => closeLock(server) };
    await delay(RETRY_MS);
  }
  return undefined;
}

function listenOn(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('listening', () => resolve(server));
    server.once('error', (error) => {
      if (errorCodeOf(error) === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(name);
  });
}

function closeLock(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MxcpError } from '../../errors/index.js';

/** `sun_path` has 108 bytes on Linux and 104 on macOS, one of them for the terminating zero. */
export const MAX_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

/** Where a socket is to be: an absolute path that the system can bind. */
export interface SocketPlace {
  readonly path: string;
  readonly folder: string;
  readonly name: string;
}

/** A place in a folder that exists. The key is the same for every spelling of the path, and differs between places. */
export interface LocatedPlace extends SocketPlace {
  readonly key: string;
  /** What the names of temporary sockets beside it begin with. `lsof -U` shows them, so they contain `mxcp`. */
  readonly temporaryPrefix: string;
}

/** Throws `socket_path_invalid` for a path that a socket cannot have: Node 20 would cut it silently. */
export function parseSocketPath(text: string): SocketPlace {
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
  return { path, folder: dirname(path), name: basename(path) };
}

export async function locateSocket(place: SocketPlace): Promise<LocatedPlace> {
  const { dev, ino } = await stat(place.folder, { bigint: true });
  const key = createHash('sha256').update(`${dev}:${ino}:${place.name}`).digest('hex').slice(0, 16);
  return { ...place, key, temporaryPrefix: `.mxcp-${key}-` };
}

/** A path that nobody else has, beside the socket. */
export function temporaryPath(place: LocatedPlace): string {
  return join(place.folder, `${place.temporaryPrefix}${process.pid}-${randomBytes(4).toString('hex')}`);
}

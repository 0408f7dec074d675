import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';

/** Says why a socket cannot be reached, and what to do. Returns errors of ours as they are; never rejects. */
export async function toConnectionError(failure: unknown, socketPath: string): Promise<MxcpError> {
  if (failure instanceof MxcpError) return failure;
  const found = await stat(socketPath).catch(() => undefined); // not there, or not ours to see: the error's code tells which
  const reason = reasonFor(errorCodeOf(failure), socketPath, found) ?? `${socketPath}: ${messageOf(failure)}`;
  return new MxcpError('connection_failed', reason, { cause: failure });
}

function reasonFor(code: string | undefined, path: string, found: Stats | undefined): string | undefined {
  if (found !== undefined && !found.isSocket()) {
    return `${path} is not a socket; give the path of the admin socket with --socket or MXCP_ADMIN_SOCKET`;
  }
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no admin socket at ${path}. Is the server running, with MXCP_ADMIN_ENABLED=true or --admin, and with this MXCP_ADMIN_SOCKET? Its log says where it listens (journalctl -u mxcp | grep admin)`;
    case 'ECONNREFUSED':
      return `nobody listens on ${path}: the server that made it has ended without removing it. Start the server again (systemctl status mxcp)`;
    case 'EACCES':
    case 'EPERM':
      return `${currentUser()} may not use ${path}${ownerOf(found)}. Run this as its owner (sudo -u), or start the server with --admin-socket-mode 0660 and --admin-socket-group`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the server closed the connection on ${path} without an answer: it is shutting down, or has too many connections. Try again`;
    default:
      return undefined;
  }
}

function ownerOf(found: Stats | undefined): string {
  if (found === undefined) return '';
  return ` (uid ${found.uid}, gid ${found.gid}, mode ${(found.mode & 0o777).toString(8).padStart(4, '0')})`;
}

function currentUser(): string {
  try {
    return `user ${userInfo().username}`;
  } catch {
    // A user without an entry in the password file, as in many containers.
    return `uid ${process.getuid?.()}`;
  }
}

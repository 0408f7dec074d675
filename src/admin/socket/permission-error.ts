import { join } from 'node:path';
import { messageOf, MxcpError } from '../../errors/index.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The error for a folder that refuses the socket; it names the folder that systemd or the session made for this. */
export function folderRefuses(folder: string, cause: unknown, environment: Environment): MxcpError {
  return new MxcpError(
    'socket_permission',
    `the folder ${folder} of the admin socket cannot be used: ${messageOf(cause)}. ${advice(environment)}`,
    { cause },
  );
}

function advice(environment: Environment): string {
  const runtime = environment['RUNTIME_DIRECTORY']?.split(':')[0];
  if (runtime !== undefined && runtime !== '') {
    return `RUNTIME_DIRECTORY is set: use MXCP_ADMIN_SOCKET=${join(runtime, 'mxcp.sock')}`;
  }
  const session = environment['XDG_RUNTIME_DIR'];
  if (session !== undefined && session !== '') {
    return `XDG_RUNTIME_DIR is set: use MXCP_ADMIN_SOCKET=${join(session, 'mxcp.sock')}`;
  }
  return 'Choose a folder that this user can write, with --admin-socket or MXCP_ADMIN_SOCKET';
}

import { MxcpError } from '../../errors/index.js';

export interface AdminClientOptions {
  readonly socketPath: string;
  /** How long an answer may take, beside the time that a reload is waited for. Ten seconds unless given. */
  readonly timeoutMs?: number;
  /** What the record of a reload names as its trigger. */
  readonly trigger?: 'api' | 'cli';
}

/** From JavaScript anything may come. Throws `usage`. */
export function checkClientOptions(options: unknown): void {
  const path =
    typeof options === 'object' && options !== null && 'socketPath' in options
      ? options.socketPath
      : undefined;
  if (typeof path === 'string' && path !== '') return;
  throw new MxcpError(
    'usage',
    "AdminClient needs the path of a socket as `socketPath`: new AdminClient({ socketPath: '/run/mxcp/mxcp.sock' })",
  );
}

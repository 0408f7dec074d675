import { AdminApiError, AdminClient } from '../admin/client/index.js';
import { loadAdminSettings } from '../config/settings/index.js';
import type { MxcpError } from '../errors/index.js';
import type { CommandContext, CommandModule, Options } from './command.js';

/** The server that `--socket`, MXCP_ADMIN_SOCKET or the default names. No project has to be there. Throws `usage`. */
export function connectAdmin(options: Options, { env, cwd }: CommandContext): AdminClient {
  const socket = options['socket'];
  const flags = typeof socket === 'string' ? { adminSocket: socket } : {};
  const { socketPath } = loadAdminSettings({ flags, env, cwd });
  return new AdminClient({ socketPath, trigger: 'cli' });
}

/** As the server words its errors, also where it could not be asked. */
export const toErrorJson: NonNullable<CommandModule['toErrorJson']> = (error) =>
  error instanceof AdminApiError ? error.body : { error: error.code, message: error.message };

/** A server that answers with an error is not well, whatever the error; only what ran out of time stays that. */
export const toExitCode: NonNullable<CommandModule['toExitCode']> = (error: MxcpError) =>
  error instanceof AdminApiError && error.code !== 'wait_timeout' ? 1 : error.exitCode;

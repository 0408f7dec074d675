import { MxcpError } from '../errors/index.js';

/** Throws `server_closing` once the server closes: what would be thrown away again is not begun. */
export function assertOpen(closing: AbortSignal): void {
  if (closing.aborted)
    throw new MxcpError('server_closing', 'the server is shutting down; nothing is reloaded any more');
}

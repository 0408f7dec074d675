import { startAdminServer, type AdminPorts } from '../admin/index.js';
import type { ServerSettings } from '../config/index.js';
import { messageOf } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';

export interface AdminOpeningParts {
  readonly ports: AdminPorts;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

export interface OpenAdmin extends Disposable {
  /** As `AdminServer.abandon`. */
  abandon(): void;
}

const NOTHING_OPEN: OpenAdmin = { dispose: () => {}, abandon: () => {} };

/**
 * Opens the admin socket where the settings ask for one. One that cannot be opened is told in the log and the server runs
 * without it, unless the settings are strict: then it throws what opening a socket throws. The server disposes it.
 */
export async function openAdmin(settings: ServerSettings, parts: AdminOpeningParts): Promise<OpenAdmin> {
  const { admin, debug } = settings;
  if (!admin.enabled) {
    logClosed(admin, parts.logger.child({ component: 'admin' }));
    return NOTHING_OPEN;
  }
  try {
    const server = await startAdminServer({
      socket: { path: admin.socketPath, mode: admin.mode, group: admin.group },
      probeSocket: admin.probe,
      debug,
      ...parts,
    });
    return { dispose: () => server.close(), abandon: () => server.abandon() };
  } catch (error) {
    // Whoever ends with this error says it.
    if (admin.strict) throw error;
    const logger = parts.logger.child({ component: 'admin' });
    logger.error(`admin socket refused: ${messageOf(error)}`);
    logger.warn('serving without the admin socket; with --admin-strict the start would fail');
    return NOTHING_OPEN;
  }
}

/** No error: a service file may name both sockets, and one variable switches them on or off. */
function logClosed({ probe }: ServerSettings['admin'], logger: Logger): void {
  if (probe === undefined) logger.info('admin socket off; MXCP_ADMIN_ENABLED=true or --admin opens it');
  else
    logger.warn(
      `the probe socket ${probe.path} is not opened, because the admin socket is off; MXCP_ADMIN_ENABLED=true or --admin opens both`,
    );
}

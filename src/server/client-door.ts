import type { ResolvedConfig } from '../config/index.js';
import type { EndpointCalls } from '../endpoints/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import { startHttpListener, startStdio, type ListChanges } from '../mcp/index.js';
import { version } from '../version/index.js';

/** The way in for MCP clients, whichever transport the configuration names. */
export interface ClientDoor {
  /** Undefined for stdio. */
  readonly url: string | undefined;
  /** Resolves when the one client of stdio has gone; over HTTP never. */
  readonly clientGone: Promise<void>;
  notifyListChanged(changes: ListChanges): Promise<void>;
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export interface ClientDoorParts {
  readonly calls: EndpointCalls;
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

/** Throws `port_in_use`. The server closes it. */
export async function openClientDoor({ calls, config, ...output }: ClientDoorParts): Promise<ClientDoor> {
  const options = { calls, ...output, info: { name: config.project, version } };
  const { transport } = config;
  if (transport.provider === 'stdio') {
    const connection = startStdio(options);
    return {
      url: undefined,
      clientGone: connection.closed,
      notifyListChanged: (changes) => connection.notifyListChanged(changes),
      close: (deadline) => connection.close(deadline),
    };
  }
  const listener = await startHttpListener({ ...options, ...transport });
  return {
    url: listener.url,
    clientGone: new Promise(() => {}),
    notifyListChanged: (changes) => listener.notifyListChanged(changes),
    close: (deadline) => listener.close(deadline),
  };
}

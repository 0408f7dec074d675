import type { AuthSettings } from '../config/index.js';
import { MxcpError } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { Observers } from '../telemetry/index.js';
import { Authentication, type AuthenticationParts } from './authentication.js';
import { BearerAuthenticator } from './bearer-token.js';
import { StaticTokens } from './static-tokens.js';
import { TrustedProxy } from './trusted-proxy.js';

export interface AuthenticationSpec {
  /** As the server started with it; only a restart changes it. */
  readonly settings: AuthSettings;
  /** The same with the secrets of the current generation. */
  readonly current: () => AuthSettings;
  readonly transport: { readonly host: string; readonly publicUrl?: string | undefined };
  /** Of the listener, once it is open. */
  readonly port: () => number;
  /** What people see of the server. */
  readonly name: string;
  /** The scopes that endpoints of the current generation need. */
  readonly endpointScopes: () => readonly string[];
  readonly logger: Logger;
  readonly observers: Pick<Observers, 'authenticated' | 'lineLeftOut'>;
  /** Ends what is waited for. */
  readonly signal: AbortSignal;
}

/** Makes what the configuration asks for. The caller disposes it. Throws `config_invalid`, `protection_unavailable`. */
export async function createAuthentication(spec: AuthenticationSpec): Promise<Authentication> {
  const { settings, logger, observers } = spec;
  return new Authentication({ settings, logger, observers, ...(await partsOf(spec)) });
}

async function partsOf({
  settings,
  current,
}: AuthenticationSpec): Promise<Pick<AuthenticationParts, 'authenticator' | 'resource' | 'routes' | 'dispose'>> {
  switch (settings.provider) {
    case 'static':
      return { authenticator: new BearerAuthenticator(new StaticTokens(current)), resource: undefined };
    case 'proxy':
      return { authenticator: new TrustedProxy(() => proxyOf(current())), resource: undefined };
    default:
      throw new MxcpError('protection_unavailable', `this version cannot authenticate with \`${settings.provider}\``);
  }
}

function proxyOf({ section }: AuthSettings) {
  const { proxy } = section.reveal();
  if (proxy === undefined) throw new Error('no settings of the proxy');
  return proxy;
}

import type { AuthSettings } from '../config/index.js';
import { MxcpError, toMxcpError } from '../errors/index.js';
import { isLoopbackHost } from '../http/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { Observers } from '../telemetry/index.js';
import type { IssuerProject } from './issuer/index.js';
import { Authentication, type AuthenticationParts } from './authentication.js';
import { BearerAuthenticator } from './bearer-token.js';
import { FailedAttempts } from './credentials/index.js';
import type { TokenProvider } from './oidc/index.js';
import { ProtectedResource, type ProtectedResourceOptions } from './protected-resource.js';
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
  readonly project: IssuerProject;
  /** Without a port, this process gives no tokens and only checks them. */
  readonly hasPort: boolean;
  /** The scopes that endpoints of the current generation need, or those of a group; of all if there is no such group. */
  readonly endpointScopes: (group?: string) => readonly string[];
  /** The groups of the current generation. */
  readonly groups: () => readonly string[];
  readonly logger: Logger;
  readonly scrubber: Pick<Scrubber, 'register'>;
  readonly observers: Pick<Observers, 'authenticated' | 'oauthAnswered' | 'signedIn' | 'lineLeftOut'>;
  /** Ends what is waited for. */
  readonly signal: AbortSignal;
}

/** Makes what the configuration asks for. The caller disposes it. Throws `config_invalid`, `protection_unavailable`. */
export async function createAuthentication(spec: AuthenticationSpec): Promise<Authentication> {
  const { settings, logger, scrubber, observers } = spec;
  return new Authentication({ settings, logger, scrubber, observers, ...(await partsOf(spec)) });
}

type Parts = Pick<
  AuthenticationParts,
  'authenticator' | 'resource' | 'routes' | 'failures' | 'sessions' | 'onAccessEnded' | 'dispose'
>;

async function partsOf(spec: AuthenticationSpec): Promise<Parts> {
  const { settings, current } = spec;
  if (settings.mode === 'issuer') return partsOfIssuer(spec);
  switch (settings.provider) {
    case 'static':
      return { authenticator: new BearerAuthenticator(new StaticTokens(current)), resource: undefined };
    case 'proxy':
      return { authenticator: new TrustedProxy(() => proxyOf(current())), resource: undefined };
    case 'oidc':
      return partsOfOidc(spec);
    default:
      throw new MxcpError('config_invalid', `\`${settings.provider}\` cannot be used with \`mode: verifier\``);
  }
}

function proxyOf({ section }: AuthSettings) {
  const { proxy } = section.reveal();
  if (proxy === undefined) throw new Error('no settings of the proxy');
  return proxy;
}

/** Tokens of a provider that clients get by themselves. The package for signatures is loaded only here. */
async function partsOfOidc(spec: AuthenticationSpec): Promise<Parts> {
  const { OidcVerifier, TokenProvider } = await import('./oidc/index.js');
  const section = () => oidcOf(spec.current());
  const { config_url: configUrl, allow_http: allowsHttp, allow_unverified_audience: allowsNone } = section();
  const log = spec.logger.child({ component: 'auth' });
  if (allowsNone)
    log.warn('tokens that do not say for which server they are give access (`allow_unverified_audience`)');
  const provider = new TokenProvider({
    configUrl,
    allowsHttp,
    signal: spec.signal,
    onStale: (what, reason) => log.warn({ reason }, `${what} could not be read again and stays in use`),
  });
  // Also before the provider has answered for the first time.
  const likelyIssuer = configUrl.replace(/\/\.well-known\/[^/]+$/, '');
  const issuer = () =>
    provider.metadata().then(
      (metadata) => metadata.issuer,
      () => likelyIssuer,
    );
  await warnIfAway(provider, log);
  const resource = createResource(spec, async () => [await issuer()]);
  const failures = new FailedAttempts();
  const verifier = new OidcVerifier({ provider, section, names: (group) => resource.names(group), failures });
  return { authenticator: new BearerAuthenticator(verifier), resource, failures };
}

/** Tokens that this server gives itself, once a person has signed in at a provider. */
async function partsOfIssuer(spec: AuthenticationSpec): Promise<Parts> {
  const { createIssuer, issuerOf } = await import('./issuer/index.js');
  const { settings, current, transport, endpointScopes, project, hasPort } = spec;
  const resource = createResource(spec, (host) => [issuerOf(resource.urlFor(host))]);
  const failures = new FailedAttempts();
  const issuer = await createIssuer({
    settings,
    current,
    resource: {
      urlFor: (host) => resource.urlFor(host),
      names: (group) => resource.names(group),
      allNames: () => resource.allNames,
    },
    publicUrl: transport.publicUrl,
    endpointScopes: () => endpointScopes(),
    project,
    readsOnly: !hasPort,
    failures,
    onAnswered: (answer) => spec.observers.oauthAnswered(answer),
    onSignedIn: (signIn) => spec.observers.signedIn(signIn),
    logger: spec.logger.child({ component: 'auth' }),
  });
  const authenticator = new BearerAuthenticator({ verify: async (token, request) => issuer.verify(token, request) });
  const { routes, sessions } = issuer;
  return {
    authenticator,
    resource,
    routes,
    failures,
    onAccessEnded: (listener) => issuer.onAccessEnded(listener),
    // Where another process gives the tokens, it also ends the sessions.
    ...(hasPort && { sessions }),
    dispose: () => issuer.dispose(),
  };
}

/** A server starts without its provider, and refuses all calls until it answers. */
async function warnIfAway(provider: TokenProvider, log: Logger): Promise<void> {
  try {
    const { jwks_uri: keys } = await provider.metadata();
    if (keys !== undefined) await provider.keys({ renewed: false });
  } catch (error) {
    const reason = toMxcpError(error).detail;
    log.warn({ reason }, 'the identity provider does not answer; calls are refused until it does');
  }
}

/** Throws `config_invalid`: the names of a server that others reach cannot be guessed. */
function createResource(
  { transport, port, name, endpointScopes, groups, settings }: AuthenticationSpec,
  authorizationServers: ProtectedResourceOptions['authorizationServers'],
): ProtectedResource {
  const { host, publicUrl } = transport;
  if (publicUrl === undefined && !isLoopbackHost(host))
    throw new MxcpError(
      'config_invalid',
      '`transport.http.base_url` is missing: tokens are for the URL by which clients reach the server; write it there, or set `--base-url`',
    );
  const scopes = (group: string | undefined) => [...new Set([...settings.requiredScopes, ...endpointScopes(group)])];
  return new ProtectedResource({ publicUrl, port, name, authorizationServers, scopes, groups });
}

function oidcOf({ section }: AuthSettings) {
  const { oidc } = section.reveal();
  if (oidc === undefined) throw new Error('no settings of the provider');
  return oidc;
}

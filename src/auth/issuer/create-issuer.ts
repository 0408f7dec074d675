import { join } from 'node:path';
import type { AuthSettings } from '../../config/index.js';
import { expandHome, resolvePath } from '../../files/index.js';
import type { Logger } from '../../logging/index.js';
import { Issuer, type IssuerOptions, type IssuerSecrets } from './issuer.js';
import type { IssuerProviderName, ProviderBlock } from './providers.js';

/** Whose sessions they are, and where they are kept. */
export interface IssuerProject {
  readonly name: string;
  readonly profile: string;
  readonly root: string;
  /** Undefined: of the user of the process. */
  readonly home: string | undefined;
}

export interface IssuerSpec {
  readonly settings: AuthSettings;
  /** The same with the secrets of the current generation. */
  readonly current: () => AuthSettings;
  /** This server as its clients name it. */
  readonly resource: {
    readonly urlFor: (host: string) => string;
    readonly names: (group: string | undefined) => readonly string[];
    readonly allNames: () => readonly string[];
  };
  readonly publicUrl: string | undefined;
  readonly endpointScopes: () => readonly string[];
  readonly project: IssuerProject;
  /** Only checks tokens that another process gives, and leaves its sessions alone. */
  readonly readsOnly: boolean;
  readonly failures: IssuerOptions['failures'];
  readonly onAnswered: IssuerOptions['onAnswered'];
  readonly onSignedIn: IssuerOptions['onSignedIn'];
  readonly logger: Logger;
}

/** The authorization server of a configuration. The caller disposes it. Throws `persistence_failed`. */
export async function createIssuer(spec: IssuerSpec): Promise<Issuer> {
  const { settings, current, resource, publicUrl, endpointScopes, readsOnly, logger } = spec;
  const provider = issuerProvider(settings);
  const { issuer: switches } = settings.section.reveal();
  const sessionsFile = sessionsFileOf(spec);
  if (sessionsFile === undefined)
    logger.warn(
      'OAuth sessions are only in memory, so everybody signs in again after a restart; set `auth.persistence.auth_encryption_key` to keep them',
    );
  return Issuer.open({
    provider,
    secrets: () => secretsOf(provider, current()),
    sessionsFile,
    readsOnly,
    allowsRegistration: switches.dynamic_registration,
    allowsDocuments: switches.client_documents,
    placeFor: (host) => {
      const url = resource.urlFor(host);
      return { issuer: issuerOf(url), resource: url };
    },
    resources: resource.names,
    allResources: resource.allNames,
    requiredScopes: settings.requiredScopes,
    supportedScopes: endpointScopes,
    basePath: publicUrl === undefined ? '' : new URL(issuerOf(publicUrl)).pathname.replace(/\/$/, ''),
    isSecure: publicUrl?.startsWith('https:') === true,
    failures: spec.failures,
    onAnswered: spec.onAnswered,
    onSignedIn: spec.onSignedIn,
    logger,
  });
}

/** The issuer of the tokens for a resource. */
export function issuerOf(resource: string): string {
  return resource.replace(/\/+$/, '').replace(/\/mcp$/, '');
}

function issuerProvider({ provider }: AuthSettings): IssuerProviderName {
  if (provider === 'static' || provider === 'proxy') throw new Error(`${provider} is no provider of sign-ins`);
  return provider;
}

function secretsOf(provider: IssuerProviderName, { section }: AuthSettings): IssuerSecrets {
  const auth = section.reveal();
  const { client_id: clientId, client_secret: clientSecret, ...block } = auth[provider] ?? {};
  if (clientId === undefined || clientSecret === undefined) throw new Error(`no settings of ${provider}`);
  const { auth_encryption_key: encryptionKey } = auth.persistence ?? {};
  const full: ProviderBlock = { ...block, client_id: clientId, client_secret: clientSecret };
  return { block: full, clients: auth.clients, encryptionKey };
}

/** Undefined: without a key, nothing is written unless the configuration says so. */
function sessionsFileOf({ settings, project }: IssuerSpec): IssuerOptions['sessionsFile'] {
  const { path, auth_encryption_key: key, plaintext = false } = settings.section.reveal().persistence ?? {};
  if (key === undefined && !plaintext) return undefined;
  // Beside the file that is named, which may be the database of another implementation.
  if (path !== undefined) return `${resolvePath(project.root, expandHome(path, project.home))}.sessions`;
  const name = `${project.name}.${project.profile}`.replaceAll(/[^\w.-]/g, '_');
  return join(expandHome('~/.mxcp/oauth', project.home), `${name}.sessions`);
}

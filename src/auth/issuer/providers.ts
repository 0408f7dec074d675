import type { ClaimNames } from '../claims/index.js';

/** Where an identity provider is and what is particular about it. */
export interface Provider {
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly userinfoUrl: string;
  /** Asked too when the profile has no address. */
  readonly emailsUrl?: string | undefined;
  /** With an issuer, an ID token is expected and checked. */
  readonly openId?: { readonly issuer: string; readonly jwksUrl: string; readonly sendsIssuer: boolean } | undefined;
  /** Where a token is revoked; undefined where the provider has nothing for that. GitHub has a way of its own. */
  readonly revocation?: { readonly url: string; readonly by: 'oauth' | 'github' } | undefined;
  readonly usesPkce: boolean;
  readonly secretIn: 'body' | 'header';
  readonly scope: string;
  readonly authorizeParams: Readonly<Record<string, string>>;
  readonly profile: ClaimNames;
}

/** The block of a provider, with the keys of the file. */
export interface ProviderBlock {
  readonly client_id: string;
  readonly client_secret: string;
  readonly callback_path?: string | undefined;
  readonly scope?: string | undefined;
  readonly auth_url?: string | undefined;
  readonly token_url?: string | undefined;
  readonly userinfo_url?: string | undefined;
  readonly realm?: string | undefined;
  readonly server_url?: string | undefined;
  readonly config_url?: string | undefined;
  readonly allow_http?: boolean | undefined;
  readonly provider_name?: string | undefined;
  readonly extra_authorize_params?: Readonly<Record<string, string>> | undefined;
}

export type IssuerProviderName = 'github' | 'google' | 'atlassian' | 'salesforce' | 'keycloak' | 'oidc';

const OPENID_PROFILE: ClaimNames = { userId: ['sub'], username: ['preferred_username', 'username'] };

type Fixed = Omit<Provider, 'name' | 'userinfoUrl' | 'revocation'> & {
  readonly revocationOf?: (tokenUrl: URL, clientId: string) => Provider['revocation'];
  /** By the token URL, because an installation of one's own has both at the same place. */
  readonly userinfoOf: (tokenUrl: URL) => string;
};

/** Providers without discovery: what a block leaves out. */
const FIXED: Readonly<Record<'github' | 'google' | 'atlassian' | 'salesforce', Fixed>> = {
  github: {
    title: 'GitHub',
    authorizeUrl: 'https://github.com/login/oauth/authorize',
    tokenUrl: 'https://github.com/login/oauth/access_token',
    userinfoOf: (tokenUrl) => `${githubApi(tokenUrl)}/user`,
    revocationOf: (tokenUrl, clientId) => ({
      url: `${githubApi(tokenUrl)}/applications/${encodeURIComponent(clientId)}/token`,
      by: 'github',
    }),
    usesPkce: true,
    secretIn: 'body',
    scope: 'read:user user:email',
    authorizeParams: {},
    profile: { userId: ['id'], username: ['login'] },
  },
  google: {
    title: 'Google',
    authorizeUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    userinfoOf: ({ origin, host }) =>
      host === 'oauth2.googleapis.com'
        ? 'https://www.googleapis.com/oauth2/v2/userinfo'
        : `${origin}/oauth2/v2/userinfo`,
    revocationOf: ({ origin }) => ({ url: `${origin}/revoke`, by: 'oauth' }),
    usesPkce: true,
    secretIn: 'body',
    scope: 'openid email profile',
    // Without both, Google gives no refresh token, or only at the first sign-in.
    authorizeParams: { access_type: 'offline', prompt: 'consent' },
    profile: { userId: ['id', 'sub'], username: ['email'] },
  },
  atlassian: {
    title: 'Atlassian',
    authorizeUrl: 'https://auth.atlassian.com/authorize',
    tokenUrl: 'https://auth.atlassian.com/oauth/token',
    userinfoOf: ({ origin, host }) => (host === 'auth.atlassian.com' ? 'https://api.atlassian.com/me' : `${origin}/me`),
    usesPkce: true,
    secretIn: 'body',
    scope: 'read:me offline_access',
    authorizeParams: { audience: 'api.atlassian.com', prompt: 'consent' },
    profile: { userId: ['account_id'], username: ['email', 'nickname'] },
  },
  salesforce: {
    title: 'Salesforce',
    authorizeUrl: 'https://login.salesforce.com/services/oauth2/authorize',
    tokenUrl: 'https://login.salesforce.com/services/oauth2/token',
    userinfoOf: ({ origin }) => `${origin}/services/oauth2/userinfo`,
    revocationOf: ({ origin }) => ({ url: `${origin}/services/oauth2/revoke`, by: 'oauth' }),
    usesPkce: false,
    secretIn: 'body',
    scope: 'openid profile email refresh_token',
    authorizeParams: {},
    profile: { userId: ['user_id', 'sub'], username: ['preferred_username', 'username'] },
  },
};

/** GitHub Enterprise Server has its API below its own address. */
function githubApi({ origin, host }: URL): string {
  return host === 'github.com' ? 'https://api.github.com' : `${origin}/api/v3`;
}

/** Of a provider that has everything at fixed addresses; undefined for those that publish them. */
export function fixedProvider(name: IssuerProviderName, block: ProviderBlock): Provider | undefined {
  if (name === 'keycloak' || name === 'oidc') return undefined;
  const { userinfoOf, revocationOf, ...fixed }: Fixed = FIXED[name];
  const tokenUrl = block.token_url ?? fixed.tokenUrl;
  const userinfoUrl = block.userinfo_url ?? userinfoOf(new URL(tokenUrl));
  return {
    ...fixed,
    name,
    authorizeUrl: block.auth_url ?? fixed.authorizeUrl,
    tokenUrl,
    userinfoUrl,
    revocation: revocationOf?.(new URL(tokenUrl), block.client_id),
    ...(name === 'github' && { emailsUrl: `${userinfoUrl}/emails` }),
    scope: block.scope ?? fixed.scope,
    authorizeParams: { ...fixed.authorizeParams, ...block.extra_authorize_params },
  };
}

/** Where a provider that publishes its addresses does so. */
export function discoveryUrl(
  name: IssuerProviderName,
  { config_url, server_url = '', realm = '' }: ProviderBlock,
): URL {
  if (name !== 'keycloak' && config_url !== undefined) return new URL(config_url);
  const base = server_url.replace(/\/+$/, '');
  return new URL(`${base}/realms/${encodeURIComponent(realm)}/.well-known/openid-configuration`);
}

/** What a provider publishes about itself, as far as it is used here. */
export interface Discovery {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly userinfo_endpoint: string;
  readonly jwks_uri: string;
  readonly revocation_endpoint?: string | undefined;
  readonly code_challenge_methods_supported?: readonly string[] | undefined;
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined;
  readonly authorization_response_iss_parameter_supported?: boolean | undefined;
}

export function discoveredProvider(name: IssuerProviderName, block: ProviderBlock, found: Discovery): Provider {
  const methods = found.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return {
    name: block.provider_name ?? name,
    title: name === 'keycloak' ? 'Keycloak' : (block.provider_name ?? new URL(found.issuer).host),
    authorizeUrl: found.authorization_endpoint,
    tokenUrl: found.token_endpoint,
    userinfoUrl: found.userinfo_endpoint,
    openId: {
      issuer: found.issuer,
      jwksUrl: found.jwks_uri,
      sendsIssuer: found.authorization_response_iss_parameter_supported === true,
    },
    ...(found.revocation_endpoint !== undefined && { revocation: { url: found.revocation_endpoint, by: 'oauth' } }),
    // A provider that does not know PKCE ignores it.
    usesPkce: true,
    secretIn: methods.includes('client_secret_post') ? 'body' : 'header',
    scope: block.scope ?? 'openid profile email',
    authorizeParams: block.extra_authorize_params ?? {},
    profile: OPENID_PROFILE,
  };
}

/** For people, before anything was fetched. */
export function providerTitle(name: IssuerProviderName, block: ProviderBlock): string {
  if (name === 'keycloak') return 'Keycloak';
  return name === 'oidc' ? (block.provider_name ?? discoveryUrl(name, block).host) : FIXED[name].title;
}

import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopbackHost } from '../http/index.js';
import { Concealed, section, text } from '../secrets/index.js';

const PROVIDERS = [
  'none',
  'github',
  'atlassian',
  'salesforce',
  'keycloak',
  'google',
  'oidc',
  'static',
  'proxy',
] as const;

const claimMappings = z.record(z.string(), z.record(z.string(), z.array(z.string()))).optional();

/** As OAuth writes it: a list of scopes has spaces between them. */
const scope = text.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be one scope, without spaces and quotes');

/** A reload replaces a secret; every other key of the section needs a restart. */
const rotating = text.optional().meta({ reload: 'live', secret: true });

const PATH = /^\/[\w./~-]*$/;
/** Of the server itself; the provider must not send people there. */
const OWN_PATH = /^\/(?:mcp|authorize|consent|token|revoke|register)?\/?$|^\/\.well-known\//;

const callbackPath = text.refine(
  (value) => PATH.test(value) && !OWN_PATH.test(value),
  'must be a path of its own on this server, like `/github/callback`',
);

const SAFE_URL = 'must be an `https://` URL, or an `http://` URL of this machine';
const endpoint = text.refine((value) => isSafeUrl({ url: value }), SAFE_URL);

const client = {
  client_id: text.optional(),
  client_secret: rotating,
  callback_path: callbackPath.optional(),
  claim_mappings: claimMappings,
};

const oauthClient = z.strictObject({
  ...client,
  scope: text.optional(),
  auth_url: endpoint.optional(),
  token_url: endpoint.optional(),
  /** Where the provider says who a user is, if that is not where it usually is. */
  userinfo_url: endpoint.optional(),
});

const registeredClient = z.strictObject({
  client_id: text,
  name: text,
  client_secret: text.optional().meta({ secret: true }),
  redirect_uris: z.array(text).default([]),
  grant_types: z
    .array(z.enum(['authorization_code', 'refresh_token']))
    .default(['authorization_code', 'refresh_token']),
  scopes: z.array(text).default([]),
});

const identityProvider = z.strictObject({
  ...client,
  config_url: text,
  scope: text.optional(),
  /** Names this server in tokens, beside its URL. */
  audience: text.optional(),
  extra_authorize_params: z.record(z.string(), z.string()).optional(),
  provider_name: text.optional(),
  /** Also accepts tokens that do not say for whom they are: any client of the provider could pass on those of its users. */
  allow_unverified_audience: z.boolean().default(false),
  /** Also speaks plain HTTP to a provider that is not on this machine. */
  allow_http: z.boolean().default(false),
});

/** Shorter tokens could be guessed. */
const MIN_TOKEN_LENGTH = 16;
/** What a header may carry after `Bearer`. */
const TOKEN = /^[\w.~+/-]+=*$/;

/** No value is quoted, because each may be secret. */
const staticToken = z.strictObject({
  token: text
    .min(MIN_TOKEN_LENGTH, `must have at least ${MIN_TOKEN_LENGTH} characters; \`openssl rand -hex 32\` makes one`)
    .regex(TOKEN, 'must consist of letters, digits and `-._~+/`, as a bearer token does')
    .meta({ secret: true }),
  username: text,
  user_id: text.optional(),
  email: text.optional(),
  name: text.optional(),
  role: text.optional(),
  permissions: z.array(text).default([]),
  capabilities: z.array(text).default([]),
  scopes: z.array(text).default([]),
});

const staticTokens = z
  .array(staticToken)
  .min(1, 'must have at least one token')
  .superRefine((list, context) => {
    for (const [index, { token }] of list.entries()) {
      const first = list.findIndex((other) => other.token === token);
      if (first === index) continue;
      const message = `is also the token of \`tokens[${first}]\`; give each user a token of their own`;
      context.addIssue({ code: 'custom', path: [index, 'token'], message });
    }
  });

const headerName = text.regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header');

const network = text.refine((value) => {
  const [, address = value, bits] = /^(.*)\/(\d{1,3})$/.exec(value) ?? [];
  const version = isIP(address);
  return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
}, 'must be an IP address, or a network such as `10.0.0.0/8`');

/** A proxy in front has authenticated the user, by a client certificate or in any other way, and says in headers who it is. */
const trustedProxy = z
  .strictObject({
    user_header: headerName,
    email_header: headerName.optional(),
    name_header: headerName.optional(),
    role_header: headerName.optional(),
    permissions_header: headerName.optional(),
    scopes_header: headerName.optional(),
    addresses: z.array(network).default([]),
    secret_header: headerName.default('x-mxcp-proxy-secret'),
    shared_secret: rotating,
  })
  .superRefine(({ addresses, shared_secret: secret }, context) => {
    if (addresses.length > 0 || secret !== undefined) return;
    const message = 'needs `addresses` or `shared_secret`; otherwise every client could claim to be any user';
    context.addIssue({ code: 'custom', path: [], message });
  });

const shape = {
  mode: z.enum(['issuer', 'verifier']).optional(),
  provider: z.enum(PROVIDERS).default('none'),
  clients: z.array(registeredClient).default([]).meta({ reload: 'live' }),
  github: oauthClient.optional(),
  atlassian: oauthClient.optional(),
  salesforce: oauthClient.optional(),
  google: oauthClient.optional(),
  keycloak: z
    .strictObject({
      ...client,
      realm: text,
      server_url: text,
      scope: text.optional(),
      allow_http: z.boolean().default(false),
    })
    .optional(),
  oidc: identityProvider.optional(),
  static: z.strictObject({ tokens: staticTokens.meta({ reload: 'live' }) }).optional(),
  proxy: trustedProxy.optional(),
  authorization: section({ required_scopes: z.array(scope).default([]) }),
  /** How clients become known to the authorization server, besides `clients`. */
  issuer: section({ dynamic_registration: z.boolean().default(true), client_documents: z.boolean().default(true) }),
  persistence: z
    .strictObject({
      /** Accepted for the sake of existing files; the format is the server's own. */
      type: z.enum(['sqlite']).default('sqlite'),
      path: text.optional(),
      auth_encryption_key: text
        .min(
          MIN_TOKEN_LENGTH,
          `must have at least ${MIN_TOKEN_LENGTH} characters; \`openssl rand -base64 32\` makes one`,
        )
        .optional()
        .meta({ reload: 'live', secret: true }),
      /** Sessions are written to disk although there is no key. */
      plaintext: z.boolean().default(false),
    })
    .optional(),
};

/** These check what clients bring along; with the others, this server signs people in itself. */
const VERIFIED = ['oidc', 'static', 'proxy'] as const;

/** Who may call. */
export const authSchema = section(shape).superRefine(({ mode, provider, ...blocks }, context) => {
  const refuse = (path: readonly string[], message: string) =>
    context.addIssue({ code: 'custom', path: [...path], message });
  if (provider === 'none') return;
  const isVerified = VERIFIED.some((each) => each === provider);
  if (mode === 'verifier' && !isVerified)
    refuse(['mode'], `cannot be \`verifier\` with this provider, only with \`${VERIFIED.join('`, `')}\``);
  if (mode === 'issuer' && isVerified && provider !== 'oidc')
    refuse(['mode'], 'must be `verifier` with this provider, which is no authorization server');
  if (blocks[provider] === undefined) refuse(['provider'], `needs its settings in \`auth.${provider}\``);
  if (provider === 'static' || provider === 'proxy') return;
  const { client_id: id, client_secret: secret } = blocks[provider] ?? {};
  const isIssuer = mode !== 'verifier';
  if (isIssuer && blocks[provider] !== undefined && (id === undefined || secret === undefined))
    refuse([provider], 'needs `client_id` and `client_secret` to sign people in');
  const scopes = blocks.oidc?.scope?.split(' ') ?? ['openid'];
  if (provider === 'oidc' && isIssuer && !scopes.includes('openid'))
    refuse(['oidc', 'scope'], 'must contain `openid`, without which the provider does not say who signed in');
  const key = provider === 'oidc' ? 'config_url' : 'server_url';
  const { url, allow_http: allowsHttp } = discoveryOf(provider, blocks);
  if (url !== undefined && !isSafeUrl({ url, allowsHttp })) {
    const message =
      'must be an `https://` URL; `allow_http` lets keys and users come over a network that anybody on it could change';
    refuse([provider, key], message);
  }
});

interface DiscoveryBlocks {
  readonly oidc?: { readonly config_url: string; readonly allow_http: boolean } | undefined;
  readonly keycloak?: { readonly server_url: string; readonly allow_http: boolean } | undefined;
}

function discoveryOf(provider: string, { oidc, keycloak }: DiscoveryBlocks) {
  if (provider === 'oidc') return { ...oidc, url: oidc?.config_url };
  return provider === 'keycloak' ? { ...keycloak, url: keycloak?.server_url } : { url: undefined, allow_http: false };
}

function isSafeUrl({ url, allowsHttp }: { readonly url: string; readonly allowsHttp?: boolean | undefined }): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && (allowsHttp === true || isLoopbackHost(hostname)));
}

export type AuthSection = z.output<typeof authSchema>;

/** What a profile says about who may call. */
export interface AuthSettings {
  readonly mode: 'issuer' | 'verifier';
  readonly provider: Exclude<AuthSection['provider'], 'none'>;
  /** A token without all of these is refused whatever it asks for. */
  readonly requiredScopes: readonly string[];
  /** The whole section, with the keys of the file. */
  readonly section: Concealed<AuthSection>;
}

/** Undefined when everybody may call. */
export function toAuthSettings(auth: AuthSection): AuthSettings | undefined {
  const { provider, authorization } = auth;
  if (provider === 'none') return undefined;
  const mode = provider === 'static' || provider === 'proxy' ? 'verifier' : (auth.mode ?? 'issuer');
  return { mode, provider, requiredScopes: authorization.required_scopes, section: new Concealed(auth) };
}

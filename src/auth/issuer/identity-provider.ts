import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { MxcpError } from '../../errors/index.js';
import { isLoopbackHost } from '../../http/index.js';
import { isMapping } from '../../yaml/index.js';
import { type ClaimMappings, userOfClaims } from '../claims/index.js';
import { SIGNATURE_ALGORITHMS } from '../oidc/index.js';
import type { ExternalTokens, SignedInUser } from './issuer-store.js';
import {
  discoveredProvider,
  discoveryUrl,
  fixedProvider,
  type IssuerProviderName,
  type Provider,
  type ProviderBlock,
  providerTitle,
} from './providers.js';
import {
  askProvider,
  type ProviderTokens,
  refusedByProvider,
  requestTokens,
  revokeToken,
  unavailable,
} from './provider-requests.js';
import { challengeOf } from './tokens.js';

export type IssuerProviderBlock = ProviderBlock & { readonly claim_mappings?: ClaimMappings | undefined };

export interface IdentityProviderOptions {
  readonly name: IssuerProviderName;
  /** With the secret of the current generation. */
  readonly block: () => IssuerProviderBlock;
  readonly now: () => number;
}

export interface SignIn {
  readonly user: SignedInUser;
  readonly external: ExternalTokens;
}

/** What protects one sign-in, and must be there again at its end. */
export interface SignInProof {
  readonly state: string;
  readonly verifier: string;
  readonly nonce: string;
  /** Where the provider sends the person back to. */
  readonly callbackUrl: string;
}

const discoverySchema = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  userinfo_endpoint: z.url(),
  jwks_uri: z.url(),
  revocation_endpoint: z.url().optional(),
  code_challenge_methods_supported: z.array(z.string()).optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
});
const emailsSchema = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }));

const DISCOVERY_MS = 60 * 60_000;
/** A token that ends this soon is replaced now. */
const EARLY_MS = 5 * 60_000;
/** As `jose` 6.2 reports keys that it could not read: too late, with another status, or in another form. */
const UNREAD_KEYS = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID']);
const CLOCK_TOLERANCE_S = 60;
/** What a token says about itself, and not about the user. */
const TOKEN_CLAIMS = new Set(
  'iss aud exp iat nbf jti azp nonce at_hash c_hash s_hash auth_time sid session_state typ acr'.split(' '),
);

interface Found {
  readonly provider: Provider;
  readonly keys: JWTVerifyGetKey | undefined;
  readonly at: number;
}

/** The identity provider that this server sends people to, as one of its clients. */
export class IdentityProvider {
  readonly title: string;
  readonly #options: IdentityProviderOptions;
  #found: Found | undefined;

  constructor(options: IdentityProviderOptions) {
    this.#options = options;
    this.title = providerTitle(options.name, options.block());
  }

  /** Where the person signs in. Throws `identity_provider_unavailable`. */
  async authorizeUrl({ state, verifier, nonce, callbackUrl }: SignInProof): Promise<URL> {
    const { provider } = await this.#find();
    const url = new URL(provider.authorizeUrl);
    const parameters = {
      ...provider.authorizeParams,
      response_type: 'code',
      client_id: this.#options.block().client_id,
      redirect_uri: callbackUrl,
      scope: provider.scope,
      state,
      ...(provider.openId !== undefined && { nonce }),
      ...(provider.usesPkce && { code_challenge: challengeOf(verifier), code_challenge_method: 'S256' }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  /** Throws `unauthenticated`, `identity_provider_unavailable`. */
  async redeem(code: string, issuer: string | null, { verifier, nonce, callbackUrl }: SignInProof): Promise<SignIn> {
    const found = await this.#find();
    const { openId, usesPkce } = found.provider;
    // The answer of another provider must not be taken for one of this (RFC 9207).
    const isForeign = issuer === null ? openId?.sendsIssuer === true : openId !== undefined && issuer !== openId.issuer;
    if (isForeign) throw refusedByProvider(this.title, 'is not the one that answered');
    const tokens = await this.#request(found, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: callbackUrl,
      ...(usesPkce && { code_verifier: verifier }),
    });
    if (openId !== undefined && tokens.id_token === undefined)
      throw unavailable(this.title, 'sent no ID token; add `openid` to `scope`');
    return this.#signIn(found, tokens, { nonce, identity: {} });
  }

  /**
   * Asks the provider again who the user is, with new tokens where the old ones end soon. Throws `unauthenticated` when the provider no
   * longer knows the sign-in, and `identity_provider_unavailable` when it could not be asked.
   */
  async renew(external: ExternalTokens): Promise<SignIn> {
    const found = await this.#find();
    const { accessToken, refreshToken, expiresAt, identity } = external;
    const isDue = expiresAt !== null && expiresAt - this.#options.now() < EARLY_MS;
    if (!isDue) {
      const profile = await this.#profile(found, accessToken);
      const claims = await this.#claims(found, accessToken);
      if (profile !== undefined) {
        const user = this.#toUser(found, { ...claims, ...identity, ...profile });
        return { user, external: { ...external, checkedAt: this.#options.now() } };
      }
    }
    if (refreshToken === null) throw refusedByProvider(this.title, 'has ended the sign-in');
    const tokens = await this.#request(found, { grant_type: 'refresh_token', refresh_token: refreshToken });
    // A provider may leave out what has not changed.
    const all = { ...tokens, refresh_token: tokens.refresh_token ?? refreshToken };
    return this.#signIn(found, all, { nonce: undefined, identity });
  }

  /** False where the provider has nothing for that. Throws `identity_provider_unavailable`. */
  async revoke({ accessToken, refreshToken }: ExternalTokens): Promise<boolean> {
    const { provider } = await this.#find();
    const { revocation, secretIn } = provider;
    if (revocation === undefined) return false;
    const { client_id: clientId, client_secret: clientSecret } = this.#options.block();
    const request = { title: this.title, ...revocation, clientId, clientSecret, secretIn };
    await revokeToken(request, { accessToken, refreshToken });
    return true;
  }

  async #signIn(
    found: Found,
    tokens: ProviderTokens,
    expected: { readonly nonce: string | undefined; readonly identity: JWTPayload },
  ): Promise<SignIn> {
    const { now } = this.#options;
    const identity =
      tokens.id_token === undefined ? expected.identity : await this.#identity(found, tokens.id_token, expected.nonce);
    const claims = await this.#claims(found, tokens.access_token);
    const profile = await this.#profile(found, tokens.access_token);
    if (profile === undefined) throw refusedByProvider(this.title, 'does not accept the token that it gave');
    if (identity['sub'] !== undefined && profile['sub'] !== identity['sub'])
      throw refusedByProvider(this.title, 'describes another user than its ID token');
    const expiresAt = tokens.expires_in === undefined ? null : now() + tokens.expires_in * 1000;
    const { access_token: accessToken, refresh_token: refreshToken = null } = tokens;
    const user = this.#toUser(found, { ...claims, ...identity, ...profile });
    return {
      user,
      external: { accessToken, refreshToken, expiresAt, identity: aboutUser(identity), checkedAt: now() },
    };
  }

  #toUser({ provider }: Found, profile: Readonly<Record<string, unknown>>): SignedInUser {
    const { claim_mappings: mappings } = this.#options.block();
    const claims = aboutUser(profile);
    const { userId, username = null, ...user } = userOfClaims(claims, provider.profile, mappings);
    if (userId === undefined) throw unavailable(this.title, 'sent a profile that names no user');
    return { ...user, userId, username, provider: provider.name, profile: claims };
  }

  async #request({ provider }: Found, parameters: Readonly<Record<string, string>>): Promise<ProviderTokens> {
    const { client_id: clientId, client_secret: clientSecret } = this.#options.block();
    const { tokenUrl: url, secretIn } = provider;
    return requestTokens({ title: this.title, url, clientId, clientSecret, secretIn, parameters });
  }

  /** The claims of the ID token, which must be one of this provider for this server and this sign-in. */
  async #identity(found: Found, token: string, nonce: string | undefined): Promise<JWTPayload> {
    if (found.provider.openId === undefined) return {};
    const claims = await this.#verify(found, token, this.#options.block().client_id);
    const isForThisClient = claims['azp'] === undefined || claims['azp'] === this.#options.block().client_id;
    if (!isForThisClient || (nonce !== undefined && claims['nonce'] !== nonce))
      throw refusedByProvider(this.title, 'sent an ID token of another sign-in');
    return claims;
  }

  /** An access token may be a JWT with roles. One that this provider did not sign says nothing. */
  async #claims(found: Found, token: string): Promise<JWTPayload> {
    if (found.provider.openId === undefined || token.split('.').length !== 3) return {};
    try {
      return await this.#verify(found, token, undefined);
    } catch (error) {
      if (error instanceof MxcpError && error.code === 'unauthenticated') return {};
      throw error;
    }
  }

  async #verify({ provider, keys }: Found, token: string, audience: string | undefined): Promise<JWTPayload> {
    const { openId } = provider;
    if (keys === undefined || openId === undefined) return {};
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: openId.issuer,
        algorithms: SIGNATURE_ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(this.#options.now()),
        ...(audience !== undefined && { audience }),
      });
      return payload;
    } catch (error) {
      // A key may be newer than those that are known; its next request finds it.
      const isKeyMissing = error instanceof errors.JWKSNoMatchingKey && audience !== undefined;
      if (isKeyMissing || !(error instanceof errors.JOSEError) || UNREAD_KEYS.has(error.code))
        throw unavailable(this.title, 'does not send its keys', error);
      throw refusedByProvider(this.title, 'sent a token that is not valid');
    }
  }

  /** Undefined if the provider does not accept the token. */
  async #profile({ provider }: Found, token: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const headers = { authorization: `Bearer ${token}` };
    const { status, json } = await askProvider(this.title, provider.userinfoUrl, { headers });
    if (status === 401) return undefined;
    if (status !== 200 || !isMapping(json))
      throw unavailable(this.title, `answered the request for the user with status ${status}`);
    if (provider.emailsUrl === undefined || typeof json['email'] === 'string') return json;
    const emails = await askProvider(this.title, provider.emailsUrl, { headers });
    const known = emailsSchema.safeParse(emails.json).data ?? [];
    const email = known.find(({ primary, verified }) => primary && verified)?.email;
    return email === undefined ? json : { ...json, email };
  }

  /** What the provider says of itself could send people and secrets over an open network. */
  #assertSafe(discovery: z.output<typeof discoverySchema>): void {
    const { allow_http: allowsHttp = false } = this.#options.block();
    for (const name of USED_ADDRESSES) {
      const { protocol, hostname } = new URL(discovery[name] ?? 'https://unused');
      const isPlain = protocol === 'http:' && (allowsHttp || isLoopbackHost(hostname));
      if (protocol !== 'https:' && !isPlain)
        throw unavailable(this.title, `names an address that does not begin with https:// (\`${name}\`)`);
    }
  }

  async #find(): Promise<Found> {
    const { name, now } = this.#options;
    if (this.#found !== undefined && now() - this.#found.at < DISCOVERY_MS) return this.#found;
    const fixed = fixedProvider(name, this.#options.block());
    if (fixed !== undefined) return (this.#found ??= { provider: fixed, keys: undefined, at: Infinity });
    const { status, json } = await askProvider(this.title, discoveryUrl(name, this.#options.block()).href);
    const discovery = discoverySchema.safeParse(json).data;
    if (status !== 200 || discovery === undefined)
      throw unavailable(
        this.title,
        `answered the request for its configuration with status ${status}, or without what it needs`,
      );
    this.#assertSafe(discovery);
    const provider = discoveredProvider(name, this.#options.block(), discovery);
    const keys =
      this.#found?.provider.openId?.jwksUrl === discovery.jwks_uri
        ? this.#found.keys
        : createRemoteJWKSet(new URL(discovery.jwks_uri), { timeoutDuration: 10_000 });
    this.#found = { provider, keys, at: now() };
    return this.#found;
  }
}

const USED_ADDRESSES = [
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'revocation_endpoint',
] as const satisfies readonly (keyof z.output<typeof discoverySchema>)[];

function aboutUser(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([claim]) => !TOKEN_CLAIMS.has(claim)));
}

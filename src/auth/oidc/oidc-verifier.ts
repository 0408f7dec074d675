import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { Caller } from '../../caller/index.js';
import type { AuthSettings } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import { claimValues, type Claims, userOfClaims } from '../claims/index.js';
import { type Admission, type AuthRequest, EndedToken, type FailedAttempts } from '../credentials/index.js';
import { type CheckedToken, CheckedTokens, type TokenForNames } from './checked-tokens.js';
import { type TokenProvider, unavailable } from './token-provider.js';

type OidcSection = NonNullable<ReturnType<AuthSettings['section']['reveal']>['oidc']>;

export interface OidcVerifierOptions {
  readonly provider: TokenProvider;
  /** With the secret of the current generation. */
  readonly section: () => OidcSection;
  /** The names of this server, or of a group of it. A token must be for one of them. */
  readonly names: (group: string | undefined) => readonly string[];
  /** A network with too many of them causes no questions to the provider. */
  readonly failures: Pick<FailedAttempts, 'assertFew'>;
  readonly now?: () => number;
}

/** Only signatures: with a shared key, or with none, any client that knows the public keys could sign. */
export const SIGNATURE_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_SKEW_SECONDS = 30;
/** What an access token calls itself (RFC 9068). A logout token or a DPoP proof of the same provider is none. */
const TYPES = new Set(['', 'jwt', 'at+jwt']);
/** How Keycloak names what is no access token. */
const OTHER_PAYLOADS = new Set(['id', 'refresh', 'offline', 'logout']);
const NAMES = { userId: ['sub'], username: ['preferred_username', 'username'] };
/** A revoked token is refused after this time. */
const ACCEPTED_MS = 60_000;
const REFUSED_MS = 10_000;

/**
 * Verifies tokens of an OpenID Connect provider: signed ones with its keys, opaque ones by asking it. A signed token that is not
 * good is refused; the provider is not asked as well.
 */
export class OidcVerifier {
  readonly #options: OidcVerifierOptions;
  readonly #opaque: CheckedTokens;

  constructor(options: OidcVerifierOptions) {
    this.#options = options;
    this.#opaque = new CheckedTokens((token, names) => this.#askProvider(token, names), options.now);
  }

  /** As a `TokenVerifier` of the folder above. */
  async verify(token: string, { client, group }: Pick<AuthRequest, 'client' | 'group'>): Promise<Admission> {
    const names = this.#options.names(group);
    const metadata = await this.#options.provider.metadata();
    const isSigned = metadata.jwks_uri !== undefined && isJwt(token);
    if (!isSigned) return this.#opaque.admit({ token, names }, () => this.#options.failures.assertFew(client));
    const claims = await this.#verifySigned(token, metadata.issuer);
    this.#assertForUs(claims, names);
    return this.#admit(claims, token);
  }

  async #verifySigned(token: string, issuer: string): Promise<Claims> {
    const { provider } = this.#options;
    try {
      return await this.#verifyWith(await provider.keys({ renewed: false }), token, issuer);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw toRefusal(error);
    }
    // The provider may have a new key.
    try {
      return await this.#verifyWith(await provider.keys({ renewed: true }), token, issuer);
    } catch (error) {
      throw toRefusal(error);
    }
  }

  async #verifyWith(keys: JWTVerifyGetKey, token: string, issuer: string): Promise<Claims> {
    const options = {
      algorithms: SIGNATURE_ALGORITHMS,
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ['exp'],
      issuer,
    };
    const { payload, protectedHeader } = await jwtVerify(token, keys, options).catch((error: unknown) => {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyWithAny(error, token, options);
      throw error;
    });
    const type = String(protectedHeader.typ ?? '').toLowerCase();
    if (!TYPES.has(type.replace(/^application\//, ''))) throw refusal('it is not an access token');
    return payload;
  }

  /** Throws `unauthenticated`. */
  #assertForUs(claims: Claims, ours: readonly string[]): void {
    const { audience, allow_unverified_audience: allowsNone } = this.#options.section();
    // The signature of an identity token is as good, and its audience may be the client that got both.
    const isOther =
      'at_hash' in claims || 'c_hash' in claims || OTHER_PAYLOADS.has(String(claims['typ']).toLowerCase());
    if (isOther) throw refusal('it is not an access token');
    if ('cnf' in claims) throw refusal('it is bound to a key of the client, which a bearer token does not show');
    const { aud } = claims;
    if (aud === undefined && allowsNone) return;
    const names = [...ours, ...(audience === undefined ? [] : [audience])].map(normalized);
    const audiences = (Array.isArray(aud) ? aud : [aud]).filter((each) => typeof each === 'string');
    if (!audiences.some((each) => names.includes(normalized(each))))
      throw refusal(audiences.length === 0 ? 'it does not say for which server it is' : 'it is for another server');
  }

  #admit(claims: Claims, externalToken: string): Admission {
    const { exp } = claims;
    return { caller: this.#toCaller(claims, externalToken), endsAt: typeof exp === 'number' ? exp * 1000 : undefined };
  }

  #toCaller(claims: Claims, externalToken: string): Caller {
    const { provider_name: provider = 'oidc', claim_mappings: mappings } = this.#options.section();
    const { userId, username = firstOf(claims, 'client_id'), ...user } = userOfClaims(claims, NAMES, mappings);
    if (username === undefined) throw new MxcpError('unauthenticated', 'the token names no user');
    const scopes = [...new Set([...claimValues(claims, 'scope'), ...claimValues(claims, 'scp')])];
    return { ...user, userId: userId ?? username, username, provider, scopes, externalToken, profile: claims };
  }

  async #askProvider(token: string, names: readonly string[]): Promise<CheckedToken> {
    try {
      const { claims, lastsMs } = await this.#askForClaims(token, names);
      return { answer: this.#admit(claims, token), lastsMs };
    } catch (error) {
      if (!(error instanceof MxcpError) || error.code !== 'unauthenticated') throw error;
      return { answer: { refused: error }, lastsMs: REFUSED_MS };
    }
  }

  async #askForClaims(
    token: string,
    names: readonly string[],
  ): Promise<{ readonly claims: Claims; readonly lastsMs: number }> {
    const { client_id: id, client_secret: secret, allow_unverified_audience: allowsNone } = this.#options.section();
    const metadata = await this.#options.provider.metadata();
    const { introspection_endpoint: introspection, userinfo_endpoint: userinfo } = metadata;
    if (introspection !== undefined && id !== undefined && secret !== undefined)
      return this.#introspect({ token, names }, { url: introspection, id, secret, issuer: metadata.issuer });
    if (userinfo !== undefined && allowsNone) return this.#askForUser(token, userinfo);
    throw refusal('it is not signed, and this server has no way to ask about it');
  }

  /** RFC 7662 */
  async #introspect(
    { token, names }: TokenForNames,
    { url, id, secret, issuer }: Readonly<Record<'url' | 'id' | 'secret' | 'issuer', string>>,
  ): Promise<{ readonly claims: Claims; readonly lastsMs: number }> {
    const credentials = Buffer.from(`${encodeForm(id)}:${encodeForm(secret)}`).toString('base64');
    const { status, json: claims } = await this.#options.provider.ask(url, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    });
    if (status !== 200 || !isClaims(claims)) throw unavailable(`its introspection answered with status ${status}`);
    if (claims['active'] !== true) throw refusal('it has expired, was revoked, or is not known');
    const { iss, exp, nbf, token_type: type = 'bearer' } = claims;
    if (iss !== undefined && iss !== issuer) throw refusal('it is from another issuer');
    if (typeof type === 'string' && !/^(?:bearer|access_token)$/i.test(type)) throw refusal('it is not a bearer token');
    const now = Date.now() / 1000;
    if (typeof nbf === 'number' && nbf > now + CLOCK_SKEW_SECONDS) throw refusal('it is not valid yet');
    const leftMs = typeof exp === 'number' ? (exp - now) * 1000 : ACCEPTED_MS;
    if (leftMs <= 0) throw refusal('it has expired');
    this.#assertForUs(claims, names);
    return { claims, lastsMs: Math.min(ACCEPTED_MS, leftMs) };
  }

  async #askForUser(token: string, url: string): Promise<{ readonly claims: Claims; readonly lastsMs: number }> {
    const { status, json } = await this.#options.provider.ask(url, { headers: { authorization: `Bearer ${token}` } });
    if (status === 401 || status === 403) throw refusal('it has expired, was revoked, or is not known');
    if (status !== 200 || !isClaims(json)) throw unavailable(`its userinfo answered with status ${status}`);
    // What the user may do is never read from what describes the user.
    const { scope: _scope, scp: _scp, ...claims } = json;
    return { claims, lastsMs: ACCEPTED_MS };
  }
}

async function verifyWithAny(
  keys: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: NonNullable<Parameters<typeof jwtVerify>[2]>,
): ReturnType<typeof jwtVerify> {
  for await (const key of keys) {
    try {
      return await jwtVerify(token, key, options);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

/** A program that calls for itself has no user. */
function firstOf(claims: Claims, name: string): string | undefined {
  return claimValues(claims, name)[0];
}

function isJwt(token: string): boolean {
  if (token.split('.').length !== 3) return false;
  try {
    return typeof decodeProtectedHeader(token) === 'object';
  } catch {
    // Opaque tokens may have dots.
    return false;
  }
}

function isClaims(json: unknown): json is Claims {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

const REFUSED = 'the token is not accepted';

function refusal(reason: string): MxcpError {
  return new MxcpError('unauthenticated', `${REFUSED}: ${reason}`);
}

const REASONS: Readonly<Record<keyof JWTPayload, string>> = {
  aud: 'it is for another server',
  iss: 'it is from another issuer',
  nbf: 'it is not valid yet',
  exp: 'it does not say when it ends',
};

/** The messages of jose would quote claims. */
function toRefusal(error: unknown): unknown {
  if (!(error instanceof errors.JOSEError)) return error;
  // The signature was verified before.
  if (error instanceof errors.JWTExpired) return new EndedToken(`${REFUSED}: it has expired`);
  if (error instanceof errors.JWTClaimValidationFailed) return refusal(REASONS[error.claim] ?? 'a claim is not valid');
  if (error instanceof errors.JWKSNoMatchingKey)
    return refusal('it is signed with a key that its issuer does not publish');
  if (error instanceof errors.JOSEAlgNotAllowed) return refusal('its algorithm is not allowed');
  return refusal('its signature or its form is not valid');
}

/** A client may write its name with or without the last slash. */
function normalized(name: string): string {
  return name.replace(/\/$/, '');
}

/** RFC 6749, 2.3.1 */
function encodeForm(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}

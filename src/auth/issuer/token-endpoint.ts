import { MxcpError } from '../../errors/index.js';
import { networkOf } from '../../http/index.js';
import { RateLimiter } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import { one, readResource, splitScopes } from './authorization-request.js';
import type { OAuthClient } from './client-documents.js';
import type { IdentityProvider, SignIn } from './identity-provider.js';
import { type AuthorizationCode, type Grant, type IssuerStore, MINUTE_MS } from './issuer-store.js';
import type { OAuthClients } from './oauth-clients.js';
import { OAuthRefusal } from './oauth-refusal.js';
import type { Sessions } from './sessions.js';
import {
  challengeOf,
  equalTexts,
  firstTokens,
  hashOf,
  hasHash,
  randomId,
  readToken,
  type TokenPair,
  tokensAfter,
} from './tokens.js';

export interface TokenEndpointOptions {
  /** Every name of this server as a resource. */
  readonly resources: () => readonly string[];
  readonly clients: OAuthClients;
  readonly provider: IdentityProvider;
  readonly store: IssuerStore;
  readonly sessions: Pick<Sessions, 'endGrant'>;
  readonly logger: Logger;
  readonly now: () => number;
}

/** A request to one of the two. */
export interface TokenForm {
  readonly form: URLSearchParams;
  readonly authorization: string | null;
  /** The address that it came from. */
  readonly from: string | undefined;
}

export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly refresh_token?: string;
  readonly scope: string;
}

const ACCESS_MS = 60 * MINUTE_MS;
/** How long a replaced refresh token leads to the same successor: the answer with that may have been lost. */
const GRACE_MS = MINUTE_MS;
/** The provider confirms the user at most this often. */
const CONFIRMED_MS = 5 * MINUTE_MS;
/** Older ones end early. */
const MAX_ACCESS_TOKENS = 8;
const MAX_RETIRED_TOKENS = 8;
/** Of one client, from one network. */
const WRONG_SECRETS = { calls: 10, perMs: 5 * MINUTE_MS };
const VERIFIER = /^[\w.~-]{43,128}$/;

/** What a client wants of its grant. */
interface AskedAccess {
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
}

/** `/token` and `/revoke`. */
export class TokenEndpoint {
  readonly #options: TokenEndpointOptions;
  /** Refreshes of one grant, one after the other. */
  readonly #refreshing = new Map<string, Promise<unknown>>();
  readonly #wrongSecrets = new RateLimiter();

  constructor(options: TokenEndpointOptions) {
    this.#options = options;
  }

  /** Throws `OAuthRefusal`. */
  async issue(request: TokenForm): Promise<TokenAnswer> {
    const { form } = request;
    const client = await this.#authenticate(request);
    const grantType = one(form, 'grant_type');
    if (grantType !== 'authorization_code' && grantType !== 'refresh_token')
      throw new OAuthRefusal('unsupported_grant_type', '`grant_type` must be `authorization_code` or `refresh_token`');
    if (!client.grantTypes.includes(grantType))
      throw new OAuthRefusal('unauthorized_client', `the client may not use \`${grantType}\``);
    const resource = readResource(form.getAll('resource'), this.#options.resources());
    return grantType === 'authorization_code'
      ? this.#redeem(form, client, resource)
      : this.#refresh(form, client, resource);
  }

  /** Ends the grant of the token. An unknown token is as good as revoked (RFC 7009). Throws `OAuthRefusal`. */
  async revoke(request: TokenForm): Promise<void> {
    const { store, sessions } = this.#options;
    const { form } = request;
    const client = await this.#authenticate(request);
    const token = one(form, 'token') ?? '';
    const grant = store.grant(readToken(token)?.grantId ?? '');
    if (grant === undefined || grant.clientId !== client.id || !isTokenOf(grant, token)) return;
    await sessions.endGrant(grant);
  }

  async #authenticate({ form, authorization, from }: TokenForm): Promise<OAuthClient> {
    const basic = readBasic(authorization);
    const id = basic?.id ?? one(form, 'client_id');
    const secret = basic?.secret ?? one(form, 'client_secret');
    if (basic !== undefined && (one(form, 'client_secret') ?? basic.secret) !== basic.secret)
      throw new OAuthRefusal('invalid_request', 'the client authenticates in two ways');
    if (id === undefined) throw new OAuthRefusal('invalid_client', '`client_id` is missing');
    const client = await this.#options.clients.find(id, from);
    if (client.hasSecret) this.#checkSecret(client, secret ?? '', from);
    return client;
  }

  /** The configuration may have a secret that can be guessed, so too many wrong ones of a network also refuse the right one for a while. */
  #checkSecret(client: OAuthClient, secret: string, from: string | undefined): void {
    const { now } = this.#options;
    const guesses = { name: 'secrets', key: `${hashOf(client.id)} ${networkOf(from)}`, limit: WRONG_SECRETS };
    const waitMs = this.#wrongSecrets.waitMs(guesses, now());
    if (waitMs > 0)
      throw new OAuthRefusal('invalid_client', 'the secret of the client was wrong too often; try again later', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      });
    if (client.isSecret(secret)) return;
    this.#wrongSecrets.take([guesses], now());
    throw new OAuthRefusal('invalid_client', 'the secret of the client is wrong or missing');
  }

  async #redeem(form: URLSearchParams, client: OAuthClient, asked: string | undefined): Promise<TokenAnswer> {
    const { store, now } = this.#options;
    const hash = hashOf(one(form, 'code') ?? '');
    const code = store.code(hash);
    if (code === undefined || code.clientId !== client.id)
      throw invalidGrant('the code is unknown or was given to another client');
    if (code.grantId !== null) {
      // Two parties have it, and either may be the thief.
      await store.endGrant(code.grantId);
      throw invalidGrant('the code was used already, so its tokens are revoked');
    }
    if (code.expiresAt <= now()) throw invalidGrant('the code is too old');
    assertProof(form, code);
    assertGranted(asked, code.resource);
    const grantId = randomId();
    const used = store.saveCode(hash, { ...code, grantId });
    const tokens = firstTokens(grantId);
    const { clientId, resource, scopes, user, external } = code;
    const expiresAt = this.#accessEnd(external.expiresAt);
    const grant: Grant = {
      id: grantId,
      clientId,
      resource,
      scopes,
      user,
      external,
      createdAt: now(),
      usedAt: now(),
      refreshHash: hashOf(tokens.refresh),
      access: [{ hash: hashOf(tokens.access), scopes, expiresAt }],
      retired: [],
    };
    await Promise.all([used, store.addGrant(grant)]);
    return this.#answer(tokens, client, scopes, expiresAt);
  }

  async #refresh(form: URLSearchParams, client: OAuthClient, resource: string | undefined): Promise<TokenAnswer> {
    const token = one(form, 'refresh_token') ?? '';
    const read = readToken(token);
    if (read?.kind !== 'refresh') throw invalidGrant('the refresh token is not valid');
    const { grantId } = read;
    const earlier = this.#refreshing.get(grantId) ?? Promise.resolve();
    const own = earlier.then(() =>
      this.#rotate(token, grantId, client, { resource, scopes: splitScopes(one(form, 'scope')) }),
    );
    const settled = own.catch(() => {
      // Its request gets the error.
    });
    this.#refreshing.set(grantId, settled);
    try {
      return await own;
    } finally {
      if (this.#refreshing.get(grantId) === settled) this.#refreshing.delete(grantId);
    }
  }

  async #rotate(token: string, grantId: string, client: OAuthClient, asked: AskedAccess): Promise<TokenAnswer> {
    const { store, now, logger } = this.#options;
    const grant = store.grant(grantId);
    if (grant === undefined || grant.clientId !== client.id)
      throw invalidGrant('the refresh token is unknown, has ended, or was given to another client');
    assertGranted(asked.resource, grant.resource);
    const retired = grant.retired.find(({ hash, at }) => hasHash(token, hash) && now() - at < GRACE_MS);
    if (retired !== undefined) return this.#repeat(token, grant, client, retired);
    if (!hasHash(token, grant.refreshHash)) {
      await store.endGrant(grantId);
      logger.warn(
        { client: client.id, user: grant.user.userId },
        'a refresh token was used twice, so its tokens are revoked',
      );
      throw invalidGrant('the refresh token was used already, so its tokens are revoked');
    }
    const scopes = asked.scopes.length === 0 ? grant.scopes : [...new Set(asked.scopes)];
    if (!scopes.every((scope) => grant.scopes.includes(scope)))
      throw new OAuthRefusal('invalid_scope', 'a refresh cannot add scopes; ask the person again');
    const confirmed = await this.#confirm(grant);
    // Revoked in the meantime.
    if (store.grant(grantId) === undefined) throw invalidGrant('the refresh token has ended');
    const salt = randomId();
    const tokens = tokensAfter(token, grantId, salt);
    const expiresAt = this.#accessEnd(confirmed.external.expiresAt);
    await store.saveGrant({
      ...grant,
      ...confirmed,
      usedAt: now(),
      refreshHash: hashOf(tokens.refresh),
      access: [...this.#alive(grant), { hash: hashOf(tokens.access), scopes, expiresAt }].slice(-MAX_ACCESS_TOKENS),
      retired: [
        ...grant.retired.filter(({ at }) => now() - at < GRACE_MS),
        { hash: hashOf(token), salt, scopes: [...scopes], at: now() },
      ].slice(-MAX_RETIRED_TOKENS),
    });
    return this.#answer(tokens, client, scopes, expiresAt);
  }

  /** Gives a client that asks again what it was given before. */
  async #repeat(
    token: string,
    grant: Grant,
    client: OAuthClient,
    retired: Grant['retired'][number],
  ): Promise<TokenAnswer> {
    const tokens = tokensAfter(token, grant.id, retired.salt);
    const access = grant.access.find(({ hash }) => hasHash(tokens.access, hash));
    // It may be that the first answer was lost because the change was not on disk.
    await this.#options.store.saveGrant(grant);
    return this.#answer(tokens, client, retired.scopes, access?.expiresAt ?? this.#options.now());
  }

  #alive({ access }: Grant): Grant['access'] {
    return access.filter(({ expiresAt }) => expiresAt > this.#options.now());
  }

  /** An access token never outlives the provider's token, which code may use. */
  #accessEnd(externalEnd: number | null): number {
    const end = this.#options.now() + ACCESS_MS;
    return externalEnd === null ? end : Math.min(end, externalEnd);
  }

  /** Asks the provider whether the person may still sign in, and what is known of them now. */
  async #confirm(grant: Grant): Promise<SignIn> {
    const { provider, store, now } = this.#options;
    const { user, external } = grant;
    const hasEnded = external.expiresAt !== null && external.expiresAt - now() < CONFIRMED_MS;
    if (now() - external.checkedAt < CONFIRMED_MS && !hasEnded) return { user, external };
    try {
      const renewed = await provider.renew(external);
      if (renewed.user.userId === user.userId) return renewed;
    } catch (error) {
      if (!(error instanceof MxcpError)) throw error;
      if (error.code !== 'unauthenticated')
        throw new OAuthRefusal('temporarily_unavailable', error.message, { cause: error, retryAfterSeconds: 10 });
    }
    await store.endGrant(grant.id);
    throw invalidGrant('the identity provider no longer confirms the person; sign in again');
  }

  #answer(
    { access, refresh }: TokenPair,
    client: OAuthClient,
    scopes: readonly string[],
    expiresAt: number,
  ): TokenAnswer {
    return {
      access_token: access,
      token_type: 'Bearer',
      expires_in: Math.max(0, Math.floor((expiresAt - this.#options.now()) / 1000)),
      ...(client.grantTypes.includes('refresh_token') && { refresh_token: refresh }),
      scope: scopes.join(' '),
    };
  }
}

/** A token stays for what the person allowed, everything or one group; only the name of this machine may be another one. */
function assertGranted(asked: string | undefined, granted: string): void {
  if (asked === undefined || new URL(asked).pathname === new URL(granted).pathname) return;
  throw new OAuthRefusal('invalid_target', `the person allowed the use of ${granted} only`);
}

function assertProof(form: URLSearchParams, code: AuthorizationCode): void {
  const redirectUri = one(form, 'redirect_uri');
  if ((code.redirectUriGiven || redirectUri !== undefined) && redirectUri !== code.redirectUri)
    throw invalidGrant('`redirect_uri` is not the one of the authorization request');
  const verifier = one(form, 'code_verifier') ?? '';
  if (!VERIFIER.test(verifier) || !equalTexts(challengeOf(verifier), code.challenge))
    throw invalidGrant('`code_verifier` does not match the challenge');
}

function isTokenOf(grant: Grant, token: string): boolean {
  const hashes = [grant.refreshHash, ...grant.access.map(({ hash }) => hash), ...grant.retired.map(({ hash }) => hash)];
  return hashes.some((hash) => hasHash(token, hash));
}

function invalidGrant(description: string): OAuthRefusal {
  return new OAuthRefusal('invalid_grant', description);
}

/** OAuth encodes both parts as forms do. */
function readBasic(authorization: string | null): { readonly id: string; readonly secret: string } | undefined {
  const encoded = /^Basic ([\w+/=-]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [, id = '', secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  try {
    return { id: decodeURIComponent(id), secret: decodeURIComponent(secret) };
  } catch {
    throw new OAuthRefusal('invalid_request', 'the `Authorization` header cannot be decoded');
  }
}

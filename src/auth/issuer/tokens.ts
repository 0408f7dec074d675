import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a client gets at once. */
export interface TokenPair {
  readonly access: string;
  readonly refresh: string;
}

const SECRET_BYTES = 16;
const ACCESS = 'mcp_';
const REFRESH = 'mcp_refresh_';
const TOKEN = /^mcp_(refresh_)?([0-9a-f]{32})[0-9a-f]{32}$/;

/** 128 random bits, as 32 hexadecimal digits. */
export function randomId(): string {
  return randomBytes(SECRET_BYTES).toString('hex');
}

export function newCode(): string {
  return `${ACCESS}${randomId()}`;
}

/** The store has only hashes of codes and tokens. They are random, so a plain hash is enough. */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

export function hasHash(token: string, hash: string): boolean {
  return equalTexts(hashOf(token), hash);
}

/** Compares in a time that says nothing about the texts. */
export function equalTexts(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** A token begins with the id of its grant, so that an old one still leads to the grant that its reuse ends. */
export function readToken(
  token: string,
): { readonly kind: 'access' | 'refresh'; readonly grantId: string } | undefined {
  const [, refresh, grantId] = TOKEN.exec(token) ?? [];
  return grantId === undefined ? undefined : { kind: refresh === undefined ? 'access' : 'refresh', grantId };
}

export function firstTokens(grantId: string): TokenPair {
  return { access: `${ACCESS}${grantId}${randomId()}`, refresh: `${REFRESH}${grantId}${randomId()}` };
}

/**
 * The tokens that replace a refresh token. They follow from it and the salt of the rotation, so a client that asks again gets the
 * same ones, even after a restart, although only hashes are stored. Neither the token nor the salt suffices to compute them.
 */
export function tokensAfter(refreshToken: string, grantId: string, salt: string): TokenPair {
  const derive = (kind: string): string =>
    createHmac('sha256', refreshToken).update(`${kind}\0${salt}`).digest().subarray(0, SECRET_BYTES).toString('hex');
  return { access: `${ACCESS}${grantId}${derive('access')}`, refresh: `${REFRESH}${grantId}${derive('refresh')}` };
}

/** The PKCE challenge of a verifier, by S256. */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

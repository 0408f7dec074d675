import {
  type Admission,
  type Authenticator,
  type AuthRequest,
  MalformedCredentials,
  NoCredentials,
  type TokenVerifier,
} from './credentials/index.js';

/** Longer ones do not occur, and every byte of a token costs work before its sender is known. */
const MAX_TOKEN_LENGTH = 8 * 1024;
/** RFC 6750 */
const TOKEN = /^[\w.~+/-]+=*$/;

type SentToken = { readonly token: string } | { readonly malformed: string } | undefined;

/** The token of an `Authorization` header; undefined if the header is missing or has another scheme. */
function readBearerToken(authorization: string | undefined): SentToken {
  const [, scheme = '', rest = ''] = /^\s*([^\s]*)\s*(.*)$/s.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() !== 'bearer') return undefined;
  if (rest.length > MAX_TOKEN_LENGTH) return { malformed: `the token is longer than ${MAX_TOKEN_LENGTH} characters` };
  if (!TOKEN.test(rest)) return { malformed: 'the `Authorization` header has no valid bearer token' };
  return { token: rest };
}

/** Takes the token of the `Authorization` header, and of nowhere else: a URL is written into logs and histories. */
export class BearerAuthenticator implements Authenticator {
  readonly secretHeaders: ReadonlySet<string> = new Set(['authorization']);
  readonly #verifier: TokenVerifier;

  constructor(verifier: TokenVerifier) {
    this.#verifier = verifier;
  }

  async authenticate(request: AuthRequest): Promise<Admission> {
    const [authorization, second] = request.valuesOf('authorization');
    if (second !== undefined) throw new MalformedCredentials('the request has two `Authorization` headers');
    const sent = readBearerToken(authorization);
    if (sent === undefined) throw new NoCredentials('the request has no access token');
    if ('malformed' in sent) throw new MalformedCredentials(sent.malformed);
    return this.#verifier.verify(sent.token, request);
  }
}

interface Challenge {
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | undefined;
  readonly description?: string | undefined;
  readonly scopes: readonly string[];
  /** Where a client learns who gives tokens; undefined if no server gives any. */
  readonly metadataUrl?: string | undefined;
}

/** The value of `WWW-Authenticate`. For a request without any token, it has no error (RFC 6750, 3.1). */
export function toChallenge({ error, description, scopes, metadataUrl }: Challenge): string {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['realm', 'mxcp'],
    ['error', error],
    ['error_description', description],
    ['scope', scopes.length === 0 ? undefined : scopes.join(' ')],
    ['resource_metadata', metadataUrl],
  ];
  return `Bearer ${fields.flatMap(([name, value]) => (value === undefined ? [] : `${name}="${quotable(value)}"`)).join(', ')}`;
}

/** What may be between quotes there: printable ASCII without quotes and backslashes. */
function quotable(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
}

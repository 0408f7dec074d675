import type { Caller } from '../caller/index.js';

/** What a request shows of its sender before its body is read. */
export interface AuthRequest {
  /** The values of a header as they were sent, each one if it came several times. The name is lower-case. */
  valuesOf(header: string): readonly string[];
  /** The address of the connection. */
  readonly peer: string | undefined;
  /** For the log: a trusted proxy may say that the request came from elsewhere. */
  readonly client: string | undefined;
}

/** Finds out who sends a request. */
export interface Authenticator {
  /** Headers of the request that no endpoint may see, because they hold credentials; lower-case. */
  readonly secretHeaders: ReadonlySet<string>;
  /** Throws `NoCredentials`, `MalformedCredentials`, and what `TokenVerifier.verify` throws. */
  authenticate(request: AuthRequest): Promise<Caller>;
}

/** Finds out whose an access token is. */
export interface TokenVerifier {
  /**
   * `token` has the form of a bearer token and a limited length. Throws `unauthenticated` with the reason if the token gives no access here,
   * and `identity_provider_unavailable` if that cannot be found out now. No error quotes the token.
   */
  verify(token: string, request: AuthRequest): Promise<Caller>;
}

/** The request has no credentials at all, as the first one of a client that does not know yet where to get them. */
export class NoCredentials extends Error {
  override readonly name = 'NoCredentials';
}

/** The request has something that cannot be credentials. */
export class MalformedCredentials extends Error {
  override readonly name = 'MalformedCredentials';
}

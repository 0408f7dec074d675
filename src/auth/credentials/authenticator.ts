import type { Caller } from '../../caller/index.js';
import { MxcpError } from '../../errors/index.js';

/** What a request shows of its sender before its body is read. */
export interface AuthRequest {
  /** The values of a header as they were sent, each one if it came several times. The name is lower-case. */
  valuesOf(header: string): readonly string[];
  /** The address of the connection. */
  readonly peer: string | undefined;
  /** The group that the request is for, which may not exist; undefined for all endpoints. */
  readonly group?: string | undefined;
  /** For the log: a trusted proxy may say that the request came from elsewhere. */
  readonly client: string | undefined;
}

/** A caller who is let in. */
export interface Admission {
  readonly caller: Caller;
  /** When the credentials end, in milliseconds since 1970; undefined if they do not say. */
  readonly endsAt?: number | undefined;
}

/** Finds out who sends a request. */
export interface Authenticator {
  /** Headers of the request that no endpoint may see, because they hold credentials; lower-case. */
  readonly secretHeaders: ReadonlySet<string>;
  /** Throws `NoCredentials`, `MalformedCredentials`, and what `TokenVerifier.verify` throws. */
  authenticate(request: AuthRequest): Promise<Admission>;
}

/** Finds out whose an access token is. */
export interface TokenVerifier {
  /**
   * `token` has the form of a bearer token and a limited length. Throws `unauthenticated` with the reason if the token gives no access here,
   * (`EndedToken` for one that gave it earlier), `identity_provider_unavailable` if that cannot be found out now, and `TooManyFailures`. No
   * error quotes the token.
   */
  verify(token: string, request: AuthRequest): Promise<Admission>;
}

/** The request has no credentials at all, as the first one of a client that does not know yet where to get them. */
export class NoCredentials extends Error {
  override readonly name = 'NoCredentials';
}

/** The request has something that cannot be credentials. */
export class MalformedCredentials extends Error {
  override readonly name = 'MalformedCredentials';
}

/** A token that gave access once. Its sender does not guess, so it does not count as a failure. */
export class EndedToken extends MxcpError {
  constructor(message: string) {
    super('unauthenticated', message);
  }
}

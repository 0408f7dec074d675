import type { Caller } from '../caller/index.js';
import type { AuthSettings } from '../config/index.js';
import { type MxcpError, toMxcpError } from '../errors/index.js';
import type { WebRoute } from '../http/index.js';
import { LimitedLog, type Logger, type Scrubber } from '../logging/index.js';
import type { AuthAttempt, Observers } from '../telemetry/index.js';
import {
  type Admission,
  type Authenticator,
  type AuthRequest,
  EndedToken,
  FailedAttempts,
  MalformedCredentials,
  NoCredentials,
  TooManyFailures,
} from './credentials/index.js';
import { toChallenge } from './bearer-token.js';
import { OpenAccess } from './open-access.js';
import type { Sessions } from './issuer/index.js';
import { HiddenTokens } from './hidden-tokens.js';
import type { ProtectedResource } from './protected-resource.js';

/** A refused request, as HTTP answers it. */
export interface AuthRefusal {
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AuthenticationParts {
  readonly settings: Pick<AuthSettings, 'mode' | 'provider' | 'requiredScopes'>;
  readonly authenticator: Authenticator;
  /** Undefined where no authorization server gives tokens. */
  readonly resource: ProtectedResource | undefined;
  /** What is answered beside `/mcp`, besides the metadata of the resource. */
  readonly routes?: readonly WebRoute[];
  /** Shared with what is asked on the way, if anything is. */
  readonly failures?: FailedAttempts;
  /** Of people who have signed in at this server; undefined if it gives no tokens. */
  readonly sessions?: Sessions;
  /** Calls the listener when access tokens have lost their access before their time. */
  readonly onAccessEnded?: (listener: () => void) => void;
  readonly logger: Logger;
  readonly scrubber: Pick<Scrubber, 'register'>;
  readonly observers: Pick<Observers, 'authenticated' | 'lineLeftOut'>;
  readonly dispose?: () => Promise<void> | void;
}

/**
 * Lets only requests of known callers pass, before their body is read. Lives as long as the process; secrets come from the current
 * generation. Anything unexpected refuses.
 */
export class Authentication {
  readonly mode: AuthSettings['mode'];
  readonly provider: AuthSettings['provider'];
  readonly sessions: Sessions | undefined;
  /** By path. */
  readonly routes: ReadonlyMap<string, WebRoute>;
  readonly secretHeaders: ReadonlySet<string>;
  readonly #parts: AuthenticationParts;
  readonly #failures: FailedAttempts;
  readonly #open: OpenAccess;
  readonly #hidden: HiddenTokens;
  readonly #refusals: LimitedLog;

  constructor(parts: AuthenticationParts) {
    const { settings, resource, routes = [], observers, logger, authenticator } = parts;
    this.#parts = parts;
    this.mode = settings.mode;
    this.provider = settings.provider;
    this.sessions = parts.sessions;
    this.secretHeaders = authenticator.secretHeaders;
    this.routes = new Map([...(resource?.routes ?? []), ...routes].map((route) => [route.path, route]));
    this.#hidden = new HiddenTokens(parts.scrubber);
    this.#failures = parts.failures ?? new FailedAttempts();
    const log = logger.child({ component: 'auth' });
    this.#refusals = new LimitedLog(log, () => observers.lineLeftOut());
    this.#open = new OpenAccess({
      authenticator,
      hasScopes: (admission) => this.#hasScopes(admission),
      onEnded: ({ caller }, { client }) =>
        log.debug({ client, user: caller.userId ?? undefined }, 'an open stream has ended with its credentials'),
    });
    parts.onAccessEnded?.(() => void this.recheck());
  }

  /** The origin of this server as its clients write it. */
  originFor(host: string): string {
    return this.#parts.resource?.originFor(host) ?? '';
  }

  /** What is answered at a path beside `/mcp`. */
  routeAt(path: string): WebRoute | undefined {
    return this.routes.get(path) ?? this.#parts.resource?.groupRoute(path);
  }

  async authenticate(request: AuthRequest): Promise<Admission | { readonly refused: AuthRefusal }> {
    let admission: Admission | undefined;
    try {
      admission = await this.#parts.authenticator.authenticate(request);
    } catch (error) {
      return { refused: this.#refuse(error, request) };
    }
    const { caller } = admission;
    if (!this.#hasScopes(admission)) return { refused: this.#refuseScopes(caller, request) };
    this.#report({ outcome: 'success', caller, client: request.client });
    return admission;
  }

  /** Calls `end` once the credentials of an admitted request give no access any more. Returns what stops that. */
  watch(request: AuthRequest, admission: Admission, end: () => void): () => void {
    return this.#open.watch(request, admission, end);
  }

  /** Keeps the external token of a caller out of the log for as long as a request uses it. Returns what ends that. */
  hide({ externalToken }: Caller): () => void {
    return externalToken === null ? () => undefined : this.#hidden.hold(externalToken);
  }

  /** To be called when credentials may have been taken away. Never rejects. */
  recheck(): Promise<void> {
    return this.#open.recheck();
  }

  /** The challenge for an operation that needs scopes which the caller lacks. It names all that the operation needs at once. */
  stepUp(
    scopes: readonly string[],
    request: Pick<AuthRequest, 'valuesOf' | 'group'>,
  ): Readonly<Record<string, string>> {
    const needed = [...new Set([...this.#parts.settings.requiredScopes, ...scopes])];
    return this.#challenge(request, { error: 'insufficient_scope', scopes: needed });
  }

  async dispose(): Promise<void> {
    this.#open.dispose();
    this.#hidden.dispose();
    this.#refusals.dispose();
    await this.#parts.dispose?.();
  }

  #hasScopes({ caller }: Admission): boolean {
    return this.#parts.settings.requiredScopes.every((scope) => caller.scopes.includes(scope));
  }

  #refuse(thrown: unknown, request: AuthRequest): AuthRefusal {
    const tooMany = thrown instanceof TooManyFailures ? thrown : this.#count(thrown, request);
    return tooMany === undefined ? this.#refuseWithReason(thrown, request) : this.#refuseLimited(tooMany, request);
  }

  #count(thrown: unknown, { client }: AuthRequest): TooManyFailures | undefined {
    const isRefused = thrown instanceof MalformedCredentials || toMxcpError(thrown).code === 'unauthenticated';
    return isRefused && !(thrown instanceof EndedToken) ? this.#failures.count(client) : undefined;
  }

  /** Without a challenge: to get another token would not help. */
  #refuseLimited({ message, retryAfterSeconds }: TooManyFailures, { client }: AuthRequest): AuthRefusal {
    this.#report({ outcome: 'limited', client, reason: message });
    return { status: 429, message, headers: { 'retry-after': String(retryAfterSeconds) } };
  }

  #refuseWithReason(thrown: unknown, request: AuthRequest): AuthRefusal {
    const { client } = request;
    if (thrown instanceof NoCredentials) {
      this.#report({ outcome: 'no_credentials', client, reason: thrown.message });
      return { status: 401, message: `Unauthorized: ${thrown.message}`, headers: this.#challenge(request, {}) };
    }
    const { message } = toMxcpError(thrown);
    if (thrown instanceof MalformedCredentials) {
      const reason = thrown.message;
      this.#report({ outcome: 'malformed', client, reason });
      const challenge = this.#challenge(request, { error: 'invalid_request', description: reason });
      return { status: 400, message: `Bad request: ${reason}`, headers: challenge };
    }
    if (toMxcpError(thrown).code === 'unauthenticated') {
      this.#report({ outcome: 'invalid', client, reason: message });
      const challenge = this.#challenge(request, { error: 'invalid_token', description: message });
      return { status: 401, message: `Unauthorized: ${message}`, headers: challenge };
    }
    return this.#refuseUnavailable(toMxcpError(thrown), client);
  }

  /** Also for unexpected errors: what cannot be checked is not let in. */
  #refuseUnavailable({ code, message, detail, retryAfterSeconds = 5 }: MxcpError, client: AuthAttempt['client']) {
    this.#report({ outcome: 'unavailable', client, reason: detail ?? message });
    const reason = code === 'identity_provider_unavailable' ? message : 'callers cannot be checked now';
    return { status: 503, message: reason, headers: { 'retry-after': String(retryAfterSeconds) } };
  }

  #refuseScopes(caller: Caller, request: AuthRequest): AuthRefusal {
    const { client } = request;
    const { requiredScopes: scopes } = this.#parts.settings;
    const reason = `the token lacks one of the scopes ${scopes.join(' ')}`;
    this.#report({ outcome: 'insufficient_scope', client, caller, reason });
    const challenge = this.#challenge(request, { error: 'insufficient_scope', description: reason });
    return { status: 403, message: `Forbidden: ${reason}`, headers: challenge };
  }

  #challenge(
    request: Pick<AuthRequest, 'valuesOf' | 'group'>,
    { error, description, scopes = this.#parts.settings.requiredScopes }: Partial<Parameters<typeof toChallenge>[0]>,
  ): Readonly<Record<string, string>> {
    const [host = ''] = request.valuesOf('host');
    const metadataUrl = this.#parts.resource?.metadataUrlFor(host, request.group);
    return { 'www-authenticate': toChallenge({ error, description, scopes, metadataUrl }) };
  }

  #report(attempt: AuthAttempt): void {
    this.#parts.observers.authenticated(attempt);
    const { outcome, reason, client, caller } = attempt;
    if (outcome === 'success') return;
    const level = outcome === 'unavailable' ? 'warn' : 'info';
    const fields = { outcome, client, user: caller?.userId ?? undefined };
    this.#refusals.write(level, `refused requests (${outcome})`, () => [
      fields,
      `request refused: ${reason ?? outcome}`,
    ]);
  }
}

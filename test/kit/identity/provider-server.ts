import { createHash, randomBytes } from 'node:crypto';
import { LoopbackServer, type Reply, type SeenRequest } from '../loopback-server.js';

export type ProviderKind = 'github' | 'google' | 'atlassian' | 'salesforce';

interface Behaviour {
  readonly authorizePath: string;
  readonly tokenPath: string;
  readonly userPath: string;
  /** Method and path; undefined: it revokes nothing. */
  readonly revocation?: string;
  /** Undefined: its tokens never end. */
  readonly tokenSeconds: number | undefined;
  readonly rotatesRefreshTokens: boolean;
  /** What it calls a code or a refresh token that it does not know, and with which status. */
  readonly codeError: readonly [status: number, error: string];
  readonly refreshError: readonly [status: number, error: string];
  readonly givesRefreshToken: (query: URLSearchParams) => boolean;
  readonly problemOf: (query: URLSearchParams) => string | undefined;
}

const INVALID_GRANT = [400, 'invalid_grant'] as const;
const hasScope = (query: URLSearchParams, scope: string): boolean =>
  (query.get('scope') ?? '').split(' ').includes(scope);

/** As each documents its OAuth apps. */
const BEHAVIOURS: Readonly<Record<ProviderKind, Behaviour>> = {
  github: {
    authorizePath: '/login/oauth/authorize',
    tokenPath: '/login/oauth/access_token',
    userPath: '/api/v3/user',
    revocation: 'DELETE /api/v3/applications/app-1/token',
    tokenSeconds: undefined,
    rotatesRefreshTokens: false,
    codeError: [200, 'bad_verification_code'],
    refreshError: [200, 'bad_refresh_token'],
    givesRefreshToken: () => false,
    problemOf: () => undefined,
  },
  google: {
    authorizePath: '/o/oauth2/v2/auth',
    tokenPath: '/token',
    userPath: '/oauth2/v2/userinfo',
    revocation: 'POST /revoke',
    tokenSeconds: 3599,
    rotatesRefreshTokens: false,
    codeError: INVALID_GRANT,
    refreshError: INVALID_GRANT,
    givesRefreshToken: (query) => query.get('access_type') === 'offline' && query.get('prompt') === 'consent',
    problemOf: () => undefined,
  },
  atlassian: {
    authorizePath: '/authorize',
    tokenPath: '/oauth/token',
    userPath: '/me',
    tokenSeconds: 3600,
    rotatesRefreshTokens: true,
    codeError: [403, 'invalid_grant'],
    refreshError: [403, 'invalid_grant'],
    givesRefreshToken: (query) => hasScope(query, 'offline_access'),
    problemOf: (query) => (query.get('audience') === 'api.atlassian.com' ? undefined : 'audience is missing'),
  },
  salesforce: {
    authorizePath: '/services/oauth2/authorize',
    tokenPath: '/services/oauth2/token',
    userPath: '/services/oauth2/userinfo',
    revocation: 'POST /services/oauth2/revoke',
    tokenSeconds: undefined,
    rotatesRefreshTokens: false,
    codeError: INVALID_GRANT,
    refreshError: INVALID_GRANT,
    givesRefreshToken: (query) => hasScope(query, 'refresh_token'),
    problemOf: (query) => (query.has('code_challenge') ? 'PKCE is not switched on' : undefined),
  },
};

interface Session {
  readonly query: URLSearchParams;
  readonly refreshes: boolean;
}

/** A provider without OpenID discovery, as faithful as one page of its documentation. The person is always signed in already. */
export class ProviderServer extends LoopbackServer {
  readonly kind: ProviderKind;
  readonly clientId = 'app-1';
  clientSecret = 'app-secret-1';
  profile: Readonly<Record<string, unknown>>;
  emails: unknown = [];
  /** Of its access tokens, from now on; undefined: they never end. */
  tokenSeconds: number | undefined;
  /** Tokens that were revoked. */
  readonly revoked: string[] = [];
  readonly #behaviour: Behaviour;
  readonly #codes = new Map<string, Session>();
  readonly #refresh = new Map<string, Session>();
  readonly #access = new Map<string, number>();

  constructor(kind: ProviderKind, profile: Readonly<Record<string, unknown>>) {
    super();
    this.kind = kind;
    this.profile = profile;
    this.#behaviour = BEHAVIOURS[kind];
    this.tokenSeconds = this.#behaviour.tokenSeconds;
  }

  /** Of its block in the configuration. */
  get block() {
    const { authorizePath, tokenPath } = this.#behaviour;
    return {
      client_id: this.clientId,
      client_secret: this.clientSecret,
      auth_url: `${this.address}${authorizePath}`,
      token_url: `${this.address}${tokenPath}`,
    };
  }

  /** As when the person takes the permission back, or leaves the company. */
  revokeAll(): void {
    this.#refresh.clear();
    this.#access.clear();
  }

  /** Forms are no JSON. */
  protected override parseBody(text: string): unknown {
    return text.startsWith('{') ? JSON.parse(text) : new URLSearchParams(text);
  }

  protected reply(request: SeenRequest): Reply {
    const { authorizePath, tokenPath, userPath } = this.#behaviour;
    if (request.path === authorizePath) return this.#authorize(request.query);
    if (request.path === tokenPath && request.body instanceof URLSearchParams) return this.#token(request.body);
    if (request.path === userPath) return this.#user(request, this.profile);
    if (`${request.method} ${request.path}` === this.#behaviour.revocation) return this.#revoke(request);
    if (request.path === `${userPath}/emails`) return this.#user(request, this.emails);
    return { status: 404 };
  }

  #authorize(query: URLSearchParams): Reply {
    const problem = this.#behaviour.problemOf(query);
    if (problem !== undefined || query.get('client_id') !== this.clientId) return { status: 400, body: problem };
    const code = randomBytes(8).toString('hex');
    this.#codes.set(code, { query, refreshes: this.#behaviour.givesRefreshToken(query) });
    const location = new URL(query.get('redirect_uri') ?? '');
    location.searchParams.set('code', code);
    location.searchParams.set('state', query.get('state') ?? '');
    return { status: 302, headers: { location: location.href } };
  }

  #token(form: URLSearchParams): Reply {
    const { codeError, refreshError, rotatesRefreshTokens } = this.#behaviour;
    if (form.get('client_id') !== this.clientId || form.get('client_secret') !== this.clientSecret)
      return { status: 401, body: { error: 'invalid_client' } };
    const isCode = form.get('grant_type') === 'authorization_code';
    const [known, key] = isCode ? [this.#codes, form.get('code')] : [this.#refresh, form.get('refresh_token')];
    const session = known.get(key ?? '');
    const [status, error] = isCode ? codeError : refreshError;
    if (session === undefined || (isCode && !isProven(session.query, form))) return { status, body: { error } };
    if (isCode || rotatesRefreshTokens) known.delete(key ?? '');
    const access = randomBytes(16).toString('hex');
    this.#access.set(access, this.tokenSeconds === undefined ? Infinity : Date.now() + this.tokenSeconds * 1000);
    const next = session.refreshes && (isCode || rotatesRefreshTokens) ? randomBytes(16).toString('hex') : undefined;
    if (next !== undefined) this.#refresh.set(next, session);
    return {
      status: 200,
      body: { access_token: access, token_type: 'bearer', expires_in: this.tokenSeconds, refresh_token: next },
    };
  }

  /** GitHub has a way of its own. */
  #revoke({ headers, body }: SeenRequest): Reply {
    const isForm = body instanceof URLSearchParams;
    const credentials = `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64')}`;
    const isKnown = isForm ? body.get('client_secret') === this.clientSecret : headers['authorization'] === credentials;
    if (!isKnown) return { status: 401, body: { error: 'invalid_client' } };
    const token = isForm ? body.get('token') : (body as { readonly access_token: string }).access_token;
    this.revoked.push(token ?? '');
    this.#access.delete(token ?? '');
    this.#refresh.delete(token ?? '');
    return { status: isForm ? 200 : 204 };
  }

  #user({ headers }: SeenRequest, body: unknown): Reply {
    const token = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1] ?? '';
    const isGood = (this.#access.get(token) ?? 0) > Date.now() && headers['user-agent'] !== undefined;
    return isGood ? { status: 200, body } : { status: 401, body: { message: 'Bad credentials' } };
  }
}

function isProven(query: URLSearchParams, form: URLSearchParams): boolean {
  if (form.get('redirect_uri') !== query.get('redirect_uri')) return false;
  const challenge = query.get('code_challenge');
  if (challenge === null) return true;
  return (
    createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url') === challenge
  );
}

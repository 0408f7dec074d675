import { MxcpError } from '../../errors/index.js';
import type { WebRoute } from '../../http/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import type { OAuthAnswer, PersonSignIn } from '../../telemetry/index.js';
import { type Admission, type AuthRequest, EndedToken, type FailedAttempts } from '../credentials/index.js';
import type { IssuerPlace } from './authorization-request.js';
import { BrowserSession } from './browser-session.js';
import { ClientDocuments } from './client-documents.js';
import { IdentityProvider, type IssuerProviderBlock } from './identity-provider.js';
import { IssuerStore } from './issuer-store.js';
import { Journal } from './journal.js';
import { type ConfiguredClient, OAuthClients } from './oauth-clients.js';
import { OAuthRefusal } from './oauth-refusal.js';
import type { IssuerProviderName } from './providers.js';
import type { PublicFetchOptions } from './public-fetch.js';
import { SealingKey } from './sealing.js';
import { Sessions } from './sessions.js';
import { CONSENT_PATH, SignIns } from './sign-in.js';
import { TokenEndpoint, type TokenForm } from './token-endpoint.js';
import { hasHash, readToken } from './tokens.js';

/** What a reload may replace. */
export interface IssuerSecrets {
  readonly block: IssuerProviderBlock;
  readonly clients: readonly ConfiguredClient[];
  readonly encryptionKey: string | undefined;
}

export interface IssuerOptions {
  readonly provider: IssuerProviderName;
  /** Of the current generation. */
  readonly secrets: () => IssuerSecrets;
  /** Where sessions are kept; undefined: only in memory. */
  readonly sessionsFile: string | undefined;
  /** Only checks tokens that another process gives, and leaves its sessions alone. */
  readonly readsOnly?: boolean;
  readonly allowsRegistration: boolean;
  readonly allowsDocuments: boolean;
  /** This server as a request with this `Host` names it. */
  readonly placeFor: (host: string) => IssuerPlace;
  /** Every name of this server as a resource, and of a group of it. */
  readonly resources: (group: string | undefined) => readonly string[];
  /** Every name for which a client may ask for tokens. */
  readonly allResources: () => readonly string[];
  readonly requiredScopes: readonly string[];
  readonly supportedScopes: () => readonly string[];
  /** The path of the public URL, without a slash at its end. */
  readonly basePath: string;
  readonly isSecure: boolean;
  readonly failures: FailedAttempts;
  readonly onAnswered: (answer: OAuthAnswer) => void;
  readonly onSignedIn: (signIn: PersonSignIn) => void;
  readonly logger: Logger;
  readonly now?: () => number;
  /** Tests reach documents on this machine. */
  readonly documentFetch?: Partial<PublicFetchOptions>;
}

/** The same after a restart, so that a sign-in that has begun can end; no other key is made with it. */
const BROWSER_SALT = Buffer.from('mxcp sign-in');
const METADATA_PATH = '/.well-known/oauth-authorization-server';

type RouteSpec = readonly [
  endpoint: OAuthAnswer['endpoint'],
  method: 'GET' | 'POST',
  path: string,
  /** `from` is the address that the request came from. */
  answer: (http: Request, place: IssuerPlace, from: string | undefined) => Promise<Response>,
];

/**
 * An OAuth 2.1 authorization server for the clients of this server, which lets people sign in at an identity provider. It lives as long as
 * the process, and so do the sessions; secrets come from the current generation.
 */
export class Issuer implements Disposable {
  readonly routes: readonly WebRoute[];
  readonly sessions: Sessions;
  readonly #options: IssuerOptions;
  readonly #store: IssuerStore;
  readonly #journal: Journal | undefined;
  readonly #clients: OAuthClients;
  readonly #signIns: SignIns;
  readonly #tokens: TokenEndpoint;
  readonly #now: () => number;

  /** Reads the sessions. Throws `persistence_failed`. */
  static async open(options: IssuerOptions): Promise<Issuer> {
    const { encryptionKey } = options.secrets();
    const browserKey =
      encryptionKey === undefined ? SealingKey.random() : await SealingKey.fromSecret(encryptionKey, BROWSER_SALT);
    const issuer = new Issuer(options, browserKey);
    if (issuer.#journal !== undefined) await issuer.#store.restore(issuer.#journal, options.readsOnly === true);
    return issuer;
  }

  private constructor(options: IssuerOptions, browserKey: SealingKey) {
    const { now = Date.now, logger, secrets, provider: name, allResources: resources, sessionsFile: path } = options;
    const { requiredScopes, supportedScopes, allowsRegistration, isSecure } = options;
    this.#options = options;
    this.#now = now;
    const store = new IssuerStore(now);
    this.#store = store;
    const { encryptionKey } = secrets();
    this.#journal =
      path === undefined ? undefined : new Journal({ path, encryptionKey, logger }, () => store.entries());
    const documents = options.allowsDocuments ? new ClientDocuments(now, options.documentFetch) : undefined;
    const configured = (): readonly ConfiguredClient[] => secrets().clients;
    const clients = new OAuthClients({ store, configured, documents, allowsRegistration, now });
    this.#clients = clients;
    const provider = new IdentityProvider({ name, block: () => secrets().block, now });
    const rules = { resources, requiredScopes, supportedScopes };
    const browser = new BrowserSession({ key: browserKey, isSecure, now });
    this.sessions = new Sessions({ store, clients, provider, logger });
    const parts = { clients, provider, store, logger, now, sessions: this.sessions };
    const callbackPath = secrets().block.callback_path ?? `/${name}/callback`;
    this.#signIns = new SignIns({ ...parts, callbackPath, rules, browser, onSignedIn: options.onSignedIn });
    this.#tokens = new TokenEndpoint({ ...parts, resources });
    this.routes = this.#routes(callbackPath);
  }

  /** Whose an access token is. Throws `unauthenticated`. */
  verify(token: string, { group }: Pick<AuthRequest, 'group'> = {}): Admission {
    void this.#useCurrentKey();
    const read = readToken(token);
    const grant = read?.kind === 'access' ? this.#store.grant(read.grantId) : undefined;
    const access = grant?.access.find(({ hash }) => hasHash(token, hash));
    if (read !== undefined && this.#store.hadGrant(read.grantId)) throw new EndedToken('the access token was revoked');
    if (grant === undefined) throw new MxcpError('unauthenticated', 'the access token is unknown or was revoked');
    if (access === undefined || access.expiresAt <= this.#now()) throw new EndedToken('the access token has expired');
    if (!this.#options.resources(group).includes(grant.resource))
      throw new MxcpError('unauthenticated', 'the access token is for another server');
    if (!this.#clients.isKnown(grant.clientId))
      throw new MxcpError('unauthenticated', 'the client of the access token is no longer known');
    const caller = { ...grant.user, scopes: access.scopes, externalToken: grant.external.accessToken };
    return { caller, endsAt: access.expiresAt };
  }

  /** Says when an access token may have lost its access before its time. */
  onAccessEnded(listener: () => void): void {
    this.#store.onGrantEnded = listener;
  }

  async dispose(): Promise<void> {
    await this.sessions.dispose();
    await this.#useCurrentKey();
    await this.#journal?.close();
  }

  /** A reload may have changed the key; then the file is encrypted anew. A failed attempt is repeated by the next write. */
  async #useCurrentKey(): Promise<void> {
    if (this.#options.readsOnly === true) return;
    try {
      await this.#journal?.changeKey(this.#options.secrets().encryptionKey);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the OAuth sessions could not be encrypted with the new key');
    }
  }

  #routes(callbackPath: string): readonly WebRoute[] {
    const { basePath } = this.#options;
    const pages: readonly RouteSpec[] = [
      ['authorize', 'GET', '/authorize', (http, place, from) => this.#signIns.authorize(http, place, from)],
      ['consent', 'POST', CONSENT_PATH, (http, place) => this.#signIns.decide(http, place)],
      ['callback', 'GET', callbackPath, (http, place, from) => this.#signIns.callback(http, place, from)],
    ];
    const interfaces: readonly RouteSpec[] = [
      ['token', 'POST', '/token', (http, _, from) => this.#issue(http, from)],
      ['revoke', 'POST', '/revoke', (http, _, from) => this.#revoke(http, from)],
      ...(this.#clients.allowsRegistration
        ? [['register', 'POST', '/register', (http, _, from) => this.#register(http, from)] satisfies RouteSpec]
        : []),
    ];
    return [...new Set([`${METADATA_PATH}${basePath}`, METADATA_PATH])]
      .map(
        (path): WebRoute => ({
          path,
          methods: ['GET'],
          isOpenToPages: true,
          answer: ({ host }) => Response.json(this.#metadata(this.#options.placeFor(host))),
        }),
      )
      .concat(pages.map((spec) => this.#route(spec, false)))
      .concat(interfaces.map((spec) => this.#route(spec, true)));
  }

  #route([endpoint, method, path, answer]: RouteSpec, isOpenToPages: boolean): WebRoute {
    return {
      path: `${this.#options.basePath}${path}`,
      methods: [method],
      isOpenToPages,
      answer: async ({ request, host, client }) => {
        const response = await this.#answer(request, () => answer(request, this.#options.placeFor(host), client));
        return this.#counted(response, { endpoint, client });
      },
    };
  }

  async #answer(request: Request, answer: () => Promise<Response>): Promise<Response> {
    try {
      await this.#useCurrentKey();
      return await answer();
    } catch (error) {
      return this.#refuse(error, request);
    }
  }

  /** Counts the answer, and limits refusals. What is right is answered however much of the same network was wrong. */
  #counted(response: Response, { endpoint, client }: Pick<OAuthAnswer, 'endpoint' | 'client'>): Response {
    const { failures, onAnswered } = this.#options;
    const { status } = response;
    const isRefused = status >= 400 && status < 500;
    const tooMany = isRefused && status !== 429 ? failures.count(client) : undefined;
    const isLimited = tooMany !== undefined || status === 429;
    onAnswered({
      endpoint,
      client,
      outcome: isLimited ? 'limited' : isRefused ? 'refused' : status < 400 ? 'success' : 'failed',
    });
    if (tooMany === undefined) return response;
    const { message, retryAfterSeconds } = tooMany;
    const headers = { 'retry-after': String(retryAfterSeconds), 'cache-control': 'no-store' };
    return Response.json({ error: 'invalid_request', error_description: message }, { status: 429, headers });
  }

  #refuse(error: unknown, request: Request): Response {
    const { logger } = this.#options;
    const refusal = error instanceof OAuthRefusal ? error : unexpected(error);
    const path = new URL(request.url).pathname;
    if (refusal !== error) logger.error({ err: error, path }, 'a request for tokens failed');
    else logger.debug({ path, detail: refusal.message }, 'a request for tokens was refused');
    const headers = new Headers({ 'cache-control': 'no-store' });
    if (refusal.status === 401 && request.headers.has('authorization'))
      headers.set('www-authenticate', 'Basic realm="mxcp"');
    if (refusal.retryAfterSeconds !== undefined) headers.set('retry-after', String(refusal.retryAfterSeconds));
    const body = { error: refusal.code, error_description: refusal.message };
    return Response.json(body, { status: refusal.status, headers });
  }

  async #issue(http: Request, from: string | undefined): Promise<Response> {
    const tokens = await this.#tokens.issue(await readForm(http, from));
    return Response.json(tokens, { headers: { 'cache-control': 'no-store' } });
  }

  async #revoke(http: Request, from: string | undefined): Promise<Response> {
    await this.#tokens.revoke(await readForm(http, from));
    return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } });
  }

  async #register(http: Request, from: string | undefined): Promise<Response> {
    let metadata: unknown;
    try {
      metadata = await http.json();
    } catch {
      throw new OAuthRefusal('invalid_client_metadata', 'the body is not JSON');
    }
    const client = await this.#clients.register(metadata, from);
    return Response.json(client, { status: 201, headers: { 'cache-control': 'no-store' } });
  }

  /** RFC 8414. */
  #metadata({ issuer, resource }: IssuerPlace): Readonly<Record<string, unknown>> {
    const { requiredScopes, supportedScopes } = this.#options;
    const secretMethods = ['none', 'client_secret_basic', 'client_secret_post'];
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      ...(this.#clients.allowsRegistration && { registration_endpoint: `${issuer}/register` }),
      scopes_supported: [...new Set([...requiredScopes, ...supportedScopes()])],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: secretMethods,
      revocation_endpoint_auth_methods_supported: secretMethods,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: this.#clients.allowsDocuments,
      protected_resources: this.#options.allResources().filter((name) => isWithin(resource, name)),
    };
  }
}

/** What failed here is logged; the client gets to know only whether to try again. */
function unexpected(error: unknown): OAuthRefusal {
  const isTemporary = error instanceof MxcpError && error.code !== 'internal';
  return isTemporary
    ? new OAuthRefusal('temporarily_unavailable', 'the server cannot do that now; try again later', {
        cause: error,
        retryAfterSeconds: 10,
      })
    : new OAuthRefusal('server_error', 'internal error', { cause: error });
}

async function readForm(http: Request, from: string | undefined): Promise<TokenForm> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(http.headers.get('content-type') ?? ''))
    throw new OAuthRefusal('invalid_request', 'the body must be `application/x-www-form-urlencoded`');
  return { form: new URLSearchParams(await http.text()), authorization: http.headers.get('authorization'), from };
}

/** Whether this is the resource, or a group of it, under the same name of this machine. */
function isWithin(resource: string, name: string): boolean {
  return name === resource || name.startsWith(`${resource}/`);
}

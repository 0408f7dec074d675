import { createHash, randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { FailedAttempts } from '../../../src/auth/credentials/index.js';
import { Issuer, type IssuerOptions } from '../../../src/auth/issuer/issuer.js';
import type { IssuerProviderBlock } from '../../../src/auth/issuer/identity-provider.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { Browser } from './browser.js';

export const ORIGIN = 'https://mcp.example.com';
export const RESOURCE = `${ORIGIN}/mcp`;
export const REDIRECT = 'http://127.0.0.1:4711/callback';

export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly scope: string;
}

export type HarnessOptions = Partial<Omit<IssuerOptions, 'secrets'>> & {
  readonly provider: IssuerOptions['provider'];
  readonly block: () => IssuerProviderBlock;
  readonly clients?: ReturnType<IssuerOptions['secrets']>['clients'];
  readonly encryptionKey?: () => string | undefined;
};

/** An issuer without a listener. Requests to its origin are answered by its routes, all others by the network. */
export class IssuerHarness {
  readonly issuer: Issuer;

  static async open(options: HarnessOptions): Promise<IssuerHarness> {
    const { block, clients = [], encryptionKey = () => undefined, ...rest } = options;
    const issuer = await Issuer.open({
      sessionsFile: undefined,
      allowsRegistration: true,
      allowsDocuments: true,
      placeFor: () => ({ issuer: ORIGIN, resource: RESOURCE }),
      resources: () => [RESOURCE],
      allResources: () => [RESOURCE],
      requiredScopes: [],
      supportedScopes: () => [],
      basePath: '',
      isSecure: true,
      failures: new FailedAttempts(),
      onAnswered: () => undefined,
      onSignedIn: () => undefined,
      logger: createSilentLogger(),
      ...rest,
      secrets: () => ({ block: block(), clients, encryptionKey: encryptionKey() }),
    });
    const harness = new IssuerHarness(issuer);
    onTestFinished(() => harness.close());
    return harness;
  }

  private constructor(issuer: Issuer) {
    this.issuer = issuer;
  }

  readonly send = async (request: Request): Promise<Response> => {
    const { origin, pathname } = new URL(request.url);
    if (origin !== ORIGIN) return fetch(request);
    const route = this.issuer.routes.find(
      ({ path, methods }) => path === pathname && methods.some((each) => each === request.method),
    );
    if (route === undefined) return new Response(null, { status: 404 });
    // As a test says where a request comes from.
    const client = request.headers.get('x-from') ?? '127.0.0.1';
    return route.answer({ request, host: 'mcp.example.com', client });
  };

  newBrowser(): Browser {
    return new Browser(this.send);
  }

  async register(metadata: Record<string, unknown> = {}): Promise<Record<string, string>> {
    const response = await this.post(
      '/register',
      JSON.stringify({
        client_name: 'Test client',
        redirect_uris: [REDIRECT],
        token_endpoint_auth_method: 'none',
        ...metadata,
      }),
      'application/json',
    );
    if (response.status !== 201) throw new Error(`not registered: ${await response.text()}`);
    return (await response.json()) as Record<string, string>;
  }

  post(
    path: string,
    body: string | Record<string, string>,
    type = 'application/x-www-form-urlencoded',
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const text = typeof body === 'string' ? body : new URLSearchParams(body).toString();
    return this.send(
      new Request(`${ORIGIN}${path}`, { method: 'POST', body: text, headers: { 'content-type': type, ...headers } }),
    );
  }

  /** Everything that a client does to get its first tokens. */
  async signIn(clientId: string, { browser = this.newBrowser(), ...more }: SignInOptions = {}): Promise<Tokens> {
    const { code, verifier } = await this.authorize(clientId, { browser, ...more });
    const response = await this.redeem(clientId, code, verifier);
    if (response.status !== 200) throw new Error(`no tokens: ${await response.text()}`);
    return (await response.json()) as Tokens;
  }

  async authorize(clientId: string, { browser = this.newBrowser(), parameters = {}, signIn }: SignInOptions = {}) {
    const verifier = randomBytes(32).toString('base64url');
    const page = await browser.visit(authorizeUrl(clientId, { code_challenge: challengeOf(verifier), ...parameters }));
    const isEnd = (url: string): boolean => url.startsWith(parameters['redirect_uri'] ?? REDIRECT);
    let end = await browser.press(page, 'Allow', isEnd);
    if (signIn !== undefined) end = await signIn(browser, end, isEnd);
    if (!isEnd(end.url)) throw new Error(`stuck at ${end.url}: ${end.response.status} ${end.text}`);
    const answer = new URL(end.url).searchParams;
    return { code: answer.get('code') ?? '', verifier, answer, page };
  }

  redeem(clientId: string, code: string, verifier: string, more: Record<string, string> = {}): Promise<Response> {
    return this.post('/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      resource: RESOURCE,
      ...more,
    });
  }

  refresh(clientId: string, token: string, more: Record<string, string> = {}): Promise<Response> {
    return this.post('/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: token, ...more });
  }

  close(): Promise<void> {
    return this.issuer.dispose();
  }
}

export interface SignInOptions {
  readonly browser?: Browser;
  readonly parameters?: Record<string, string>;
  /** What the person does on the pages of the provider. */
  readonly signIn?: (
    browser: Browser,
    page: Awaited<ReturnType<Browser['visit']>>,
    isEnd: (url: string) => boolean,
  ) => ReturnType<Browser['visit']>;
}

export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

export function authorizeUrl(clientId: string, parameters: Record<string, string> = {}): string {
  const url = new URL(`${ORIGIN}/authorize`);
  const all = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code_challenge_method: 'S256',
    state: 'client-state',
    resource: RESOURCE,
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  return url.href;
}

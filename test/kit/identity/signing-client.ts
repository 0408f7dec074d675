import type { OAuthClientProvider } from '@modelcontextprotocol/client';
import type { Browser } from './browser.js';

export const CLIENT_REDIRECT = 'http://127.0.0.1:4711/callback';

type ClientInformation = Awaited<ReturnType<OAuthClientProvider['clientInformation']>>;
type Tokens = Awaited<ReturnType<OAuthClientProvider['tokens']>>;

/** The memory of the official client, and a person who allows what it asks for. */
export class SigningClient implements OAuthClientProvider {
  readonly redirectUrl = CLIENT_REDIRECT;
  readonly clientMetadata = {
    client_name: 'Official client',
    redirect_uris: [CLIENT_REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  /** What the provider of the tokens sent the browser back with. */
  answer = new URLSearchParams();
  signIns = 0;
  stored: { client?: ClientInformation; tokens?: Tokens; verifier?: string } = {};
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  clientInformation(): ClientInformation {
    return this.stored.client;
  }

  saveClientInformation(client: NonNullable<ClientInformation>): void {
    this.stored.client = client;
  }

  tokens(): Tokens {
    return this.stored.tokens;
  }

  saveTokens(tokens: NonNullable<Tokens>): void {
    this.stored.tokens = tokens;
  }

  /** As applications do when the server has ended their session. */
  invalidateCredentials(): void {
    delete this.stored.tokens;
  }

  saveCodeVerifier(verifier: string): void {
    this.stored.verifier = verifier;
  }

  codeVerifier(): string {
    return this.stored.verifier ?? '';
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.signIns += 1;
    const page = await this.#browser.visit(url.href);
    const end = await this.#browser.press(page, 'Allow', (at) => at.startsWith(CLIENT_REDIRECT));
    this.answer = new URL(end.url).searchParams;
  }
}

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Configuration, JWK } from 'oidc-provider';
import type { Browser, Page } from './browser.js';

export interface OidcUser {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

export interface OidcServerOptions {
  readonly users: readonly OidcUser[];
  /** Besides those of OpenID Connect. */
  readonly claims?: readonly string[];
  /** Whether clients of other servers register themselves and get signed tokens for those. */
  readonly servesClients?: boolean;
}

/** The real `oidc-provider`, with its own pages for development: a login of any name, and a consent page. */
export class OidcServer {
  readonly clientId = 'mxcp';
  clientSecret = 'oidc-secret-1';
  readonly users: OidcUser[];
  readonly #claims: readonly string[];
  readonly #servesClients: boolean;
  readonly #store = new Map<string, Record<string, unknown>>();
  /** As if an attacker had signed its tokens. */
  publishForeignKeys = false;
  #failing: RegExp | undefined;
  #keys: JWK[] = [newKey()];
  #server: Server | undefined;
  #port = 0;

  constructor({ users, claims = [], servesClients = false }: OidcServerOptions) {
    this.users = [...users];
    this.#servesClients = servesClients;
    this.#claims = claims;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get block() {
    return {
      client_id: this.clientId,
      client_secret: this.clientSecret,
      config_url: `${this.address}/.well-known/openid-configuration`,
      scope: 'openid profile email offline_access',
      extra_authorize_params: { prompt: 'consent' },
    };
  }

  /** Opens it, or opens it again where it was. Sign-ins and tokens stay. */
  async listen(): Promise<this> {
    const server = createServer();
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    // A listener on a port has an address with one.
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    const answer = await this.#handler();
    server.on('request', (request, response) => {
      // As Keycloak has its realms.
      request.url = request.url?.replace(/^\/realms\/shop(?=\/\.well-known)/, '');
      if (this.#failing?.test(request.url ?? '') === true) response.writeHead(503).end();
      else if (this.publishForeignKeys && request.url === '/jwks')
        response.end(JSON.stringify({ keys: [publicPart(newKey(this.#keys[0]?.kid))] }));
      else void answer(request, response);
    });
    return this;
  }

  /** Answers requests whose path fits with an error. */
  failOn(path: RegExp | undefined): void {
    this.#failing = path;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  }

  /** Signs with another key from now on, as providers do from time to time. */
  async rotateKeys(): Promise<void> {
    await this.stop();
    this.#keys = [newKey()];
    await this.listen();
  }

  async changeSecret(secret: string): Promise<void> {
    await this.stop();
    this.clientSecret = secret;
    await this.listen();
  }

  /** Forgets every sign-in and every token. */
  revokeAll(): void {
    this.#store.clear();
  }

  /** What a person with this name does on its pages, until the browser is somewhere else. */
  signInAs(name: string) {
    return async (browser: Browser, first: Page, isEnd: (url: string) => boolean): Promise<Page> => {
      let page = first;
      for (let step = 0; step < 6 && page.url.startsWith(this.address); step += 1)
        page = await browser.press(
          page,
          /./,
          isEnd,
          page.text.includes('name="login"') ? { login: name, password: 'x' } : {},
        );
      return page;
    };
  }

  async #handler() {
    // Its start warns about its defaults, which are for tests.
    const { default: Provider } = await import('oidc-provider');
    const provider = new Provider(this.address, this.#configuration());
    return provider.callback();
  }

  #configuration(): Configuration {
    const { users } = this;
    const store = this.#store;
    return {
      clients: [
        {
          client_id: this.clientId,
          client_secret: this.clientSecret,
          id_token_signed_response_alg: 'ES256',
          grant_types: ['authorization_code', 'refresh_token'],
          // Any path of a server of the tests.
          redirect_uris: ['https://mcp.example.com/oidc/callback', 'https://mcp.example.com/keycloak/callback'],
        },
      ],
      jwks: { keys: this.#keys },
      cookies: { keys: ['a key of the tests'] },
      claims: {
        openid: ['sub', ...this.#claims],
        email: ['email', 'email_verified'],
        profile: ['name', 'preferred_username'],
      },
      ttl: {
        AccessToken: 3600,
        IdToken: 3600,
        RefreshToken: 14 * 86_400,
        Session: 86_400,
        Grant: 30 * 86_400,
        Interaction: 600,
        AuthorizationCode: 60,
      },
      rotateRefreshToken: true,
      features: { revocation: { enabled: true }, ...(this.#servesClients && FOR_CLIENTS) },
      ...(this.#servesClients && {
        clientDefaults: { id_token_signed_response_alg: 'ES256' },
        scopes: ['openid', 'offline_access', ...SCOPES],
      }),
      findAccount: (_, id) => {
        const user = users.find(({ sub }) => sub === id);
        return user && { accountId: id, claims: () => ({ ...user }) };
      },
      adapter: class {
        readonly #kind: string;
        constructor(kind: string) {
          this.#kind = kind;
        }
        #key(id: string): string {
          return `${this.#kind}/${id}`;
        }
        async upsert(id: string, payload: Record<string, unknown>, expiresIn: number): Promise<void> {
          store.set(this.#key(id), { payload, endsAt: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
        }
        async find(id: string) {
          const found = store.get(this.#key(id)) as { payload: Record<string, unknown>; endsAt: number } | undefined;
          return found !== undefined && found.endsAt > Date.now() ? found.payload : undefined;
        }
        async findByUid(uid: string) {
          return [...store.values()]
            .map((entry) => entry['payload'] as Record<string, unknown>)
            .find((payload) => payload['uid'] === uid);
        }
        async findByUserCode(): Promise<undefined> {
          return undefined;
        }
        async consume(id: string): Promise<void> {
          const found = store.get(this.#key(id));
          if (found !== undefined)
            (found['payload'] as Record<string, unknown>)['consumed'] = Math.floor(Date.now() / 1000);
        }
        async destroy(id: string): Promise<void> {
          store.delete(this.#key(id));
        }
        async revokeByGrantId(grantId: string): Promise<void> {
          for (const [key, entry] of store)
            if ((entry['payload'] as Record<string, unknown>)['grantId'] === grantId) store.delete(key);
        }
      },
    };
  }
}

const SCOPES = ['vault:read', 'vault:list'];
const FOR_CLIENTS: NonNullable<Configuration['features']> = {
  registration: { enabled: true },
  resourceIndicators: {
    enabled: true,
    useGrantedResource: () => true,
    getResourceServerInfo: (_context, resource) => ({
      scope: SCOPES.join(' '),
      audience: resource,
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: 'ES256' } },
    }),
  },
};

function newKey(kid: string = randomUUID()): JWK {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // The types of the package leave out that a JWK may have any member.
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid } as JWK;
}

function publicPart({ kty, crv, x, y, use, alg, kid }: JWK): object {
  return { kty, crv, x, y, use, alg, kid };
}

import { z } from 'zod';
import { type ClientDocuments, isClientUrl, type OAuthClient } from './client-documents.js';
import type { IssuerStore, RegisteredClient } from './issuer-store.js';
import { OAuthRefusal } from './oauth-refusal.js';
import { NetworkRate } from './network-rate.js';
import { redirectUriProblem } from './redirect-uris.js';
import { equalTexts, hashOf, hasHash, randomId } from './tokens.js';

/** A client of `auth.clients`, with the keys of the file. */
export interface ConfiguredClient {
  readonly client_id: string;
  readonly name: string;
  readonly client_secret?: string | undefined;
  readonly redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
  readonly scopes: readonly string[];
}

export interface OAuthClientsOptions {
  readonly store: IssuerStore;
  /** With the secrets of the current generation. */
  readonly configured: () => readonly ConfiguredClient[];
  /** Undefined: clients that publish a document are refused. */
  readonly documents: ClientDocuments | undefined;
  readonly allowsRegistration: boolean;
  readonly now: () => number;
}

/** In a minute. Registered clients take memory. */
const REGISTRATIONS = { ofAll: 60, ofNetwork: 20 };
const MAX_REDIRECT_URIS = 20;

const registrationSchema = z.object({
  redirect_uris: z.array(z.string()).min(1).max(MAX_REDIRECT_URIS),
  client_name: z.string().max(200).optional(),
  token_endpoint_auth_method: z
    .enum(['none', 'client_secret_post', 'client_secret_basic'])
    .default('client_secret_basic'),
  grant_types: z
    .array(z.enum(['authorization_code', 'refresh_token']))
    .default(['authorization_code', 'refresh_token']),
  response_types: z.array(z.literal('code')).default(['code']),
});

/** Every client that may ask for tokens. */
export class OAuthClients {
  readonly #options: OAuthClientsOptions;
  readonly #registrations: NetworkRate;

  constructor(options: OAuthClientsOptions) {
    this.#options = options;
    this.#registrations = new NetworkRate(REGISTRATIONS, options.now);
  }

  get allowsRegistration(): boolean {
    return this.#options.allowsRegistration;
  }

  get allowsDocuments(): boolean {
    return this.#options.documents !== undefined;
  }

  /** Whether tokens of the client are still good: it may have been removed from the configuration. */
  isKnown(id: string): boolean {
    const { store, documents } = this.#options;
    return (
      (isClientUrl(id) && documents !== undefined) ||
      this.#configured(id) !== undefined ||
      store.client(id) !== undefined
    );
  }

  /** What the client calls itself, as far as that is known without asking anyone. */
  nameOf(id: string): string | undefined {
    return this.#configured(id)?.name ?? this.#options.store.client(id)?.name;
  }

  /** `from` is the address that asks. Throws `OAuthRefusal`. */
  async find(id: string, from: string | undefined): Promise<OAuthClient> {
    const { store, documents } = this.#options;
    const configured = this.#configured(id);
    if (configured !== undefined) return fromConfiguration(configured);
    if (isClientUrl(id) && documents !== undefined) return documents.find(id, from);
    const registered = store.client(id);
    if (registered !== undefined) return fromRegistration(registered);
    throw new OAuthRefusal('invalid_client', 'the client is unknown; register it again');
  }

  /** Registers a client (RFC 7591) and returns what it gets. Throws `OAuthRefusal`. */
  async register(metadata: unknown, from: string | undefined): Promise<Readonly<Record<string, unknown>>> {
    const parsed = registrationSchema.safeParse(metadata);
    if (!parsed.success)
      throw new OAuthRefusal('invalid_client_metadata', z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' '));
    const { data } = parsed;
    for (const uri of data.redirect_uris) {
      const problem = redirectUriProblem(uri);
      if (problem !== undefined) throw new OAuthRefusal('invalid_redirect_uri', `a redirect URI ${problem}`);
    }
    if (!this.#registrations.take(from))
      throw new OAuthRefusal('invalid_request', 'too many clients register at the moment; try again in a minute', {
        retryAfterSeconds: 60,
      });
    const secret = data.token_endpoint_auth_method === 'none' ? undefined : `mcp_secret_${randomId()}${randomId()}`;
    const createdAt = this.#options.now();
    const client: RegisteredClient = {
      id: `mcp_client_${randomId()}`,
      name: data.client_name ?? '',
      secretHash: secret === undefined ? null : hashOf(secret),
      redirectUris: data.redirect_uris,
      grantTypes: data.grant_types,
      createdAt,
      usedAt: null,
    };
    await this.#options.store.saveClient(client);
    return {
      ...data,
      client_id: client.id,
      client_id_issued_at: Math.floor(createdAt / 1000),
      ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
    };
  }

  #configured(id: string): ConfiguredClient | undefined {
    return this.#options.configured().find((client) => client.client_id === id);
  }
}

function fromConfiguration(client: ConfiguredClient): OAuthClient {
  const { client_id: id, name, client_secret: secret, redirect_uris: redirectUris, grant_types, scopes } = client;
  return {
    id,
    name,
    source: 'configuration',
    redirectUris,
    grantTypes: grant_types,
    hasSecret: secret !== undefined,
    isSecret: (given) => secret !== undefined && equalTexts(given, secret),
    scopes: scopes.length === 0 ? undefined : scopes,
  };
}

function fromRegistration({ id, name, secretHash, redirectUris, grantTypes }: RegisteredClient): OAuthClient {
  return {
    id,
    name,
    source: 'registration',
    redirectUris,
    grantTypes,
    hasSecret: secretHash !== null,
    isSecret: (given) => secretHash !== null && hasHash(given, secretHash),
    scopes: undefined,
  };
}

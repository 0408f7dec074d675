import { z } from 'zod';
import { messageOf } from '../../errors/index.js';
import { fetchPublic, type PublicFetchOptions } from './public-fetch.js';
import { OAuthRefusal } from './oauth-refusal.js';
import { NetworkRate } from './network-rate.js';
import { isSameRedirect, redirectUriProblem } from './redirect-uris.js';

/** A client, however this server knows it. */
export interface OAuthClient {
  readonly id: string;
  readonly name: string;
  /** Who says what the client is called: the configuration, the client itself, or the owner of a host. */
  readonly source: 'configuration' | 'registration' | { readonly host: string };
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  /** Undefined: the client has no secret, and PKCE alone protects its codes. */
  readonly hasSecret: boolean;
  readonly isSecret: (secret: string) => boolean;
  /** The scopes it may ask for; undefined: all. */
  readonly scopes: readonly string[] | undefined;
}

export function findRedirect(client: OAuthClient, requested: string): string | undefined {
  return client.redirectUris.some((registered) => isSameRedirect(registered, requested)) ? requested : undefined;
}

const documentSchema = z.object({
  client_id: z.string(),
  client_name: z.string().max(200).optional(),
  redirect_uris: z.array(z.string()).min(1).max(50),
  grant_types: z.array(z.string().max(100)).max(20).default(['authorization_code', 'refresh_token']),
  token_endpoint_auth_method: z.string().max(100).default('none'),
  client_secret: z.undefined({ error: 'must not be there' }).optional(),
  client_secret_expires_at: z.undefined({ error: 'must not be there' }).optional(),
});

const MAX_URL_LENGTH = 2000;
const LIMITS = { timeoutMs: 5_000, maxBytes: 64 * 1024 };
const MAX_DOCUMENTS = 500;
const MAX_RUNNING = 8;
/** In a minute. */
const FETCHES = { ofAll: 60, ofNetwork: 20 };
const SHORTEST_MS = 60_000;
const LONGEST_MS = 24 * 60 * 60_000;
const FAILED_MS = 30_000;

interface Cached {
  readonly document: Promise<OAuthClient>;
  /** When it is fetched again; while it is being fetched, never. */
  freshUntil: number;
}

/**
 * Clients that publish what they are (Client ID Metadata Documents): their id is the URL of a document about them. Anybody may send any
 * URL, so what is fetched is limited in every way.
 */
export class ClientDocuments {
  readonly #cached = new Map<string, Cached>();
  readonly #now: () => number;
  readonly #fetchOptions: PublicFetchOptions;
  readonly #fetches: NetworkRate;
  #running = 0;

  constructor(now: () => number, fetchOptions: Partial<PublicFetchOptions> = {}) {
    this.#now = now;
    this.#fetchOptions = { ...LIMITS, ...fetchOptions };
    this.#fetches = new NetworkRate(FETCHES, now);
  }

  /** `from` is the address that asks. Throws `OAuthRefusal`. */
  async find(id: string, from?: string): Promise<OAuthClient> {
    const cached = this.#cached.get(id);
    if (cached !== undefined && cached.freshUntil > this.#now()) return cached.document;
    const url = readClientUrl(id);
    if (this.#running >= MAX_RUNNING || !this.#fetches.take(from))
      throw new OAuthRefusal('temporarily_unavailable', 'too many client documents are being fetched; try again', {
        retryAfterSeconds: 10,
      });
    const entry: Cached = { document: this.#load(url, id, (freshMs) => settle(freshMs)), freshUntil: Infinity };
    const settle = (freshMs: number): void => {
      entry.freshUntil = this.#now() + freshMs;
    };
    this.#cached.delete(id);
    this.#cached.set(id, entry);
    const [oldest] = this.#cached.keys();
    if (this.#cached.size > MAX_DOCUMENTS && oldest !== undefined) this.#cached.delete(oldest);
    return entry.document;
  }

  async #load(url: URL, id: string, settle: (freshMs: number) => void): Promise<OAuthClient> {
    this.#running += 1;
    try {
      const { status, headers, text } = await fetchPublic(url, this.#fetchOptions);
      if (status !== 200) throw new Error(`was answered with status ${status}`);
      const client = readDocument(text, id, url.host);
      settle(freshnessOf(headers['cache-control']));
      return client;
    } catch (error) {
      settle(FAILED_MS);
      throw new OAuthRefusal('invalid_client', `the client document ${id} ${messageOf(error)}`, { cause: error });
    } finally {
      this.#running -= 1;
    }
  }
}

/** Whether a client id names a document. */
export function isClientUrl(id: string): boolean {
  return /^https:\/\//i.test(id);
}

function readClientUrl(id: string): URL {
  const refuse = (why: string) => new OAuthRefusal('invalid_client', `the client_id ${why}`);
  if (id.length > MAX_URL_LENGTH) throw refuse(`is longer than ${MAX_URL_LENGTH} characters`);
  const url = URL.canParse(id) ? new URL(id) : undefined;
  // The parser removes dot segments, tabs and a default port, so an id with any of these differs from what it became.
  if (url === undefined || url.href !== id) throw refuse('is not a normalised URL');
  if (url.pathname === '/' || url.hash !== '' || url.username !== '' || url.password !== '')
    throw refuse('must have a path, and neither a fragment nor a user name');
  return url;
}

function readDocument(text: string, id: string, host: string): OAuthClient {
  const parsed = documentSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new Error(`is not valid: ${z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ')}`);
  const { data } = parsed;
  if (data.client_id !== id) throw new Error('has another `client_id`');
  if (data.token_endpoint_auth_method !== 'none')
    throw new Error('asks for a `token_endpoint_auth_method` other than `none`, which this server does not have');
  for (const uri of data.redirect_uris) {
    const problem = redirectUriProblem(uri);
    if (problem !== undefined) throw new Error(`has a redirect URI that ${problem}`);
  }
  return {
    id,
    name: data.client_name ?? host,
    source: { host },
    redirectUris: data.redirect_uris,
    grantTypes: data.grant_types,
    hasSecret: false,
    isSecret: () => false,
    scopes: undefined,
  };
}

function freshnessOf(cacheControl: string | undefined): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(cacheControl ?? '')?.[1];
  const maxAgeMs = seconds === undefined ? 60 * 60_000 : Number(seconds) * 1000;
  return /no-(?:store|cache)/i.test(cacheControl ?? '')
    ? SHORTEST_MS
    : Math.min(Math.max(maxAgeMs, SHORTEST_MS), LONGEST_MS);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('is not JSON');
  }
}

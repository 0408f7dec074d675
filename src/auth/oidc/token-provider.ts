import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { messageOf, MxcpError } from '../../errors/index.js';
import { isLoopbackHost, readAnswer, type ServerAnswer } from '../../http/index.js';
import { deadlineIn } from '../../lifecycle/index.js';
import { KeptValue } from './kept-value.js';

const metadataSchema = z.object({
  issuer: z.string().min(1),
  jwks_uri: z.string().optional(),
  introspection_endpoint: z.string().optional(),
  userinfo_endpoint: z.string().optional(),
});

type Metadata = z.output<typeof metadataSchema>;

const keysSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(200) });

export interface TokenProviderOptions {
  readonly configUrl: string;
  readonly allowsHttp: boolean;
  /** Ends every request. */
  readonly signal: AbortSignal;
  /** Learns that an old answer stays in use because the provider does not give a new one. */
  readonly onStale: (what: string, reason: string) => void;
  readonly now?: () => number;
}

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 512 * 1024;
/** So many requests may wait for the provider at the same time. Further ones are refused: any client can cause them with made-up tokens. */
const MAX_WAITING = 64;
const MINUTE_MS = 60_000;

/**
 * The identity provider whose access tokens clients bring: what it says of itself and its signing keys, both kept, and requests to it.
 * Everything throws `identity_provider_unavailable` if the provider does not answer as it should.
 */
export class TokenProvider {
  readonly #options: TokenProviderOptions;
  readonly #metadata: KeptValue<Metadata>;
  readonly #keys: KeptValue<JWTVerifyGetKey>;
  #waiting = 0;

  constructor(options: TokenProviderOptions) {
    const { onStale, now } = options;
    this.#options = options;
    const kept = { pauseMs: 10_000, usableMs: 24 * 60 * MINUTE_MS, ...(now !== undefined && { now }) };
    this.#metadata = new KeptValue({
      ...kept,
      freshMs: 60 * MINUTE_MS,
      read: () => this.#readMetadata(),
      onStale: (error) => onStale('the configuration of the identity provider', reasonOf(error)),
    });
    this.#keys = new KeptValue({
      ...kept,
      freshMs: 10 * MINUTE_MS,
      read: () => this.#readKeys(),
      onStale: (error) => onStale('the signing keys of the identity provider', reasonOf(error)),
    });
  }

  metadata(): Promise<Metadata> {
    return this.#metadata.get();
  }

  /** The keys that sign tokens. `renewed` reads them again, but not more often than every few seconds. */
  keys({ renewed }: { readonly renewed: boolean }): Promise<JWTVerifyGetKey> {
    return renewed ? this.#keys.renew() : this.#keys.get();
  }

  /** Redirects are not followed: they would lead the secrets of the request elsewhere. */
  async ask(url: string, init: RequestInit = {}): Promise<ServerAnswer> {
    if (this.#waiting >= MAX_WAITING) throw unavailable('too many requests wait for it');
    this.#assertSafe(url);
    this.#waiting += 1;
    const signal = deadlineIn(TIMEOUT_MS, this.#options.signal);
    try {
      const headers = { accept: 'application/json', ...init.headers };
      const response = await fetch(url, { ...init, headers, redirect: 'error', signal });
      return await readAnswer(response, MAX_ANSWER_BYTES, tooLong);
    } catch (error) {
      throw error instanceof MxcpError ? error : unavailable(`${originOf(url)}: ${reasonOf(error)}`, error);
    } finally {
      signal.dispose();
      this.#waiting -= 1;
    }
  }

  async #readMetadata(): Promise<Metadata> {
    return this.#read(this.#options.configUrl, metadataSchema);
  }

  async #readKeys(): Promise<JWTVerifyGetKey> {
    const { jwks_uri: url } = await this.metadata();
    if (url === undefined) throw unavailable('it publishes no signing keys');
    const keys = await this.#read(url, keysSchema);
    // The schema has checked what the type says; jose reads each key when it is first used and skips those that it cannot use.
    return createLocalJWKSet(keys as JSONWebKeySet);
  }

  async #read<T>(url: string, schema: z.ZodType<T>): Promise<T> {
    const { status, json } = await this.ask(url);
    if (status !== 200) throw unavailable(`${originOf(url)} answered with status ${status}`);
    const checked = schema.safeParse(json);
    if (!checked.success) throw unavailable(`${originOf(url)} answered with something else than it should`);
    return checked.data;
  }

  /** What the provider says of itself could send tokens over an open network. */
  #assertSafe(url: string): void {
    const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
    const isPlain = protocol === 'http:' && (this.#options.allowsHttp || isLoopbackHost(hostname));
    if (protocol !== 'https:' && !isPlain) throw unavailable('it names an address that does not begin with https://');
  }
}

/** The client learns only that it cannot be checked; the log has the reason. */
export function unavailable(reason: string, cause?: unknown): MxcpError {
  const detail = `the identity provider cannot be used: ${reason}`;
  return new MxcpError('identity_provider_unavailable', 'the identity provider does not answer; try again later', {
    cause,
    detail,
    retryAfterSeconds: 10,
  });
}

/** `fetch` has the reason in the cause. */
function reasonOf(error: unknown): string {
  if (error instanceof MxcpError && error.detail !== undefined) return error.detail;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? messageOf(cause) : messageOf(error);
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'the provider';
}

function tooLong(): MxcpError {
  return unavailable('its answer is too long');
}

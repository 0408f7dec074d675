import { z } from 'zod';
import type { Disposable } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import {
  ExchangeFailure,
  type HttpAnswer,
  HttpPeer,
  quote,
  sendPatiently,
  type TimeLimit,
} from './http-peer.js';
import type { VaultSettings } from './vault-settings.js';

export interface VaultRequest {
  readonly method: 'GET' | 'POST';
  /** Behind `/v1/`, as it is read by people: not encoded. */
  readonly path: string;
  readonly token?: string | undefined;
  /** Of the login where it is another one. */
  readonly namespace?: string | undefined;
  readonly body?: Readonly<Record<string, string>> | undefined;
}

export interface VaultAnswer {
  readonly status: number;
  /** `undefined` when the answer had nothing in it. */
  readonly body: unknown;
  /** What Vault says itself, safe to be shown. */
  readonly errors: readonly string[];
  /** How far the clock of Vault is ahead of ours, where it says. */
  readonly clockAheadMs: number | undefined;
  readonly retryAfter: string | undefined;
}

const MAX_REDIRECTS = 2;

const errorBody = z.object({ errors: z.array(z.string()).default([]) });

/** Asks Vault and knows its way of answering; what an answer means, others decide. The owner disposes it. */
export class VaultClient implements Disposable {
  readonly #peer: HttpPeer;
  readonly #namespace: string | undefined;

  constructor({ address, tls, namespace }: Pick<VaultSettings, 'address' | 'tls' | 'namespace'>) {
    this.#peer = new HttpPeer(address, tls);
    this.#namespace = namespace;
  }

  /** For messages: `Vault at https://…`. */
  get name(): string {
    return `Vault at ${this.#peer.address}`;
  }

  dispose(): void {
    this.#peer.dispose();
  }

  /** Answers with any status; throws when there is no answer, or none of Vault. The message has all that a person needs. */
  async ask(request: VaultRequest, limit: TimeLimit): Promise<VaultAnswer> {
    const { answer, name } = await this.#sendAlong(request, limit);
    const secrets = [request.token ?? '', ...Object.values(request.body ?? {})];
    return {
      status: answer.status,
      body: this.#parse(answer, { request, name }),
      errors: errorsOf(answer).map((text) => quote(text, secrets)),
      clockAheadMs: clockAheadMs(answer),
      retryAfter: answer.headers['retry-after'],
    };
  }

  /** A standby sends clients on to the active node. */
  async #sendAlong(request: VaultRequest, limit: TimeLimit): Promise<{ answer: HttpAnswer; name: string }> {
    let address = this.#peer.address;
    let name = this.name;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#send(request, limit, { address, name });
      const location = [307, 308].includes(answer.status) ? answer.headers.location : undefined;
      if (location === undefined) return { answer, name };
      if (redirects === MAX_REDIRECTS)
        throw new Error(
          `${this.name} sends every request on to another node; look at the \`api_addr\` of the nodes`,
        );
      address = originOf(location, address, this.name);
      name = `${this.name} is a standby, and the active node ${address}`;
    }
  }

  async #send(
    { method, path, token, namespace = this.#namespace, body }: VaultRequest,
    limit: TimeLimit,
    { address, name }: { readonly address: string; readonly name: string },
  ): Promise<HttpAnswer> {
    const headers = {
      'X-Vault-Request': 'true',
      'User-Agent': `mxcp/${version}`,
      ...(token !== undefined && { 'X-Vault-Token': token }),
      ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    };
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await sendPatiently(
        this.#peer,
        { method, path: `/v1/${encoded}`, headers, body: text },
        limit,
        address,
      );
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      throw new Error(`${name} ${error.message} (${method} ${path})`, { cause: error });
    }
  }

  #parse(
    { status, text, headers }: HttpAnswer,
    { request, name }: { request: VaultRequest; name: string },
  ): unknown {
    if (text.trim() === '') return undefined;
    try {
      return JSON.parse(text);
    } catch {
      // No cause: the parser's error quotes what it could not read.
      if (status >= 300) return undefined;
      const type = quote(headers['content-type'] ?? 'no type', []);
      throw new Error(
        `${name} answered ${status} to ${request.method} ${request.path} with something that is not JSON (${type}); is there Vault at \`vault.address\`?`,
      );
    }
  }
}

/** Where a redirect leads. Never from an encrypted connection to an open one, which would give the token away. */
function originOf(location: string, address: string, name: string): string {
  const base = address.startsWith('unix:') ? undefined : address;
  const target = URL.canParse(location, base) ? new URL(location, base) : undefined;
  const isSafe =
    target?.protocol === 'https:' || (target?.protocol === 'http:' && !address.startsWith('https:'));
  if (target === undefined || !isSafe)
    throw new Error(
      `${name} sends requests on to a place that cannot be trusted; look at the \`api_addr\` of the nodes`,
    );
  return target.origin;
}

function errorsOf({ status, text }: HttpAnswer): readonly string[] {
  if (status < 400) return [];
  try {
    const parsed = errorBody.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.errors : [];
  } catch {
    // Go's way of saying so, in plain text. Another proxy answers in its own form; then the status has to do.
    const [spokenPlain] = /HTTP request to an HTTPS server/.exec(text) ?? [];
    return spokenPlain === undefined ? [] : [`sent an ${spokenPlain}`];
  }
}

function clockAheadMs({ headers }: HttpAnswer): number | undefined {
  const at = Date.parse(headers.date ?? '');
  return Number.isNaN(at) ? undefined : at - Date.now();
}

export interface RefusalContext {
  /** `Vault at https://…`. */
  readonly name: string;
  readonly request: VaultRequest;
  /** What to do about 403, in words; without it, that the policies must allow it. */
  readonly whenForbidden?: string | undefined;
}

/** Vault's answer to a request was no. */
export class VaultRefusal extends Error {
  readonly status: number;

  constructor(answer: VaultAnswer, context: RefusalContext) {
    super(describe(answer, context));
    this.status = answer.status;
  }
}

/** A clock that is off by less than this breaks no login. */
const CLOCK_TOLERANCE_MS = 60_000;

function describe(answer: VaultAnswer, context: RefusalContext): string {
  const { method, path } = context.request;
  const said = answer.errors.length === 0 ? '' : ` (${answer.errors.join('; ')})`;
  const hint = hintFor(answer, context);
  return `${context.name} answered ${answer.status} to ${method} ${path}${said}${hint === undefined ? '' : `; ${hint}`}${aboutClock(answer)}`;
}

function hintFor(answer: VaultAnswer, { request, whenForbidden }: RefusalContext): string | undefined {
  const said = answer.errors.join(' ');
  if (/\bsealed\b/i.test(said)) return 'it is sealed: unseal it';
  if (/not initialized/i.test(said)) return 'it is not initialised: `vault operator init`';
  if (/active cluster node not found|standby/i.test(said))
    return 'it is a standby and finds no active node: look at the cluster';
  if (saysNamespace(said)) return 'correct `vault.namespace`';
  switch (answer.status) {
    case 400:
      return /HTTP request to an HTTPS server/i.test(said)
        ? 'begin its address with `https://`'
        : 'look at the settings of `vault`';
    case 403:
      return whenForbidden ?? `a policy of the token must allow \`read\` on \`${request.path}\``;
    case 405:
      return 'what is mounted there cannot be read';
    case 429:
      return answer.retryAfter === undefined
        ? 'it limits the rate of requests: try again, or raise its quota'
        : `it limits the rate of requests and asks to wait ${answer.retryAfter} s`;
    default:
      return answer.status >= 500 ? 'look at its log' : undefined;
  }
}

/** Tokens of service accounts and certificates are judged by clocks. */
function aboutClock({ status, clockAheadMs: aheadMs }: VaultAnswer): string {
  if (aheadMs === undefined || ![400, 401, 403].includes(status)) return '';
  if (Math.abs(aheadMs) < CLOCK_TOLERANCE_MS) return '';
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  return `; the clock of this machine is ${minutes} min ${aheadMs > 0 ? 'behind' : 'ahead of'} that of Vault: set it right`;
}

/** Vault's own words: those of a refusal may quote a path that has the word in it. */
export function saysNamespace(said: string): boolean {
  return /namespace not (?:found|authorized)/i.test(said);
}

import { z } from 'zod';
import type { Disposable, TimeLimit } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import { type HttpAnswer, HttpPeer, hintForStatus, quote } from './http-peer.js';
import type { VaultSettings } from './vault-settings.js';

export interface VaultRequest {
  readonly method: 'GET' | 'POST';
  /** After `/v1/`, as people write it: not encoded. */
  readonly path: string;
  readonly token?: string | undefined;
  /** Of the login, where it differs from that of the section. */
  readonly namespace?: string | undefined;
  readonly body?: Readonly<Record<string, string>> | undefined;
}

export interface VaultAnswer {
  readonly status: number;
  /** `undefined` for an empty answer. */
  readonly body: unknown;
  /** Vault's own words, for decisions. They may repeat what was sent. */
  readonly errors: readonly string[];
  /** The same, fit to be shown. */
  readonly shownErrors: readonly string[];
  /** How far Vault's clock is ahead of ours, if it says so. */
  readonly clockAheadMs: number | undefined;
  readonly headers: HttpAnswer['headers'];
}

const MAX_REDIRECTS = 2;

/** Sends requests to Vault and reads its answers; their meaning is the caller's business. The owner disposes it. */
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

  /** Returns an answer of any status. Throws, with a complete message, when there is no answer or it is not Vault's. */
  async ask(request: VaultRequest, limit: TimeLimit): Promise<VaultAnswer> {
    const { answer, name } = await this.#sendToActive(request, limit);
    const secrets = [request.token ?? '', ...Object.values(request.body ?? {})];
    const errors = errorsOf(answer);
    const date = Date.parse(answer.headers.date ?? '');
    return {
      status: answer.status,
      body: parseBody(answer, `${name} answered ${answer.status} to ${request.method} ${request.path}`),
      errors,
      shownErrors: errors.map((text) => quote(text, secrets)),
      clockAheadMs: Number.isNaN(date) ? undefined : date - Date.now(),
      headers: answer.headers,
    };
  }

  /** A standby redirects clients to the active node. */
  async #sendToActive(request: VaultRequest, limit: TimeLimit): Promise<{ answer: HttpAnswer; name: string }> {
    let { address } = this.#peer;
    let { name } = this;
    for (let redirects = 0; ; redirects += 1) {
      const describe = (reason: string): string => `${name} ${reason} (${request.method} ${request.path})`;
      const answer = await this.#peer.send(this.#toHttp(request), limit, { address, describe });
      const location = [307, 308].includes(answer.status) ? answer.headers.location : undefined;
      if (location === undefined) return { answer, name };
      if (redirects === MAX_REDIRECTS)
        throw new Error(`${this.name} redirects every request to another node; check the \`api_addr\` of the nodes`);
      address = originOf(location, address, this.name);
      name = `${this.name} is a standby, and the active node ${address}`;
    }
  }

  #toHttp({ method, path, token, namespace = this.#namespace, body }: VaultRequest) {
    const headers = {
      'X-Vault-Request': 'true',
      'User-Agent': `mxcp/${version}`,
      ...(token !== undefined && { 'X-Vault-Token': token }),
      ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    };
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    return { method, path: `/v1/${encoded}`, headers, body: body && JSON.stringify(body) };
  }
}

/** The target of a redirect. Never from an encrypted connection to a plain one, which would reveal the token. */
function originOf(location: string, address: string, name: string): string {
  const base = address.startsWith('unix:') ? undefined : address;
  const target = URL.canParse(location, base) ? new URL(location, base) : undefined;
  const isSafe = target?.protocol === 'https:' || (target?.protocol === 'http:' && !address.startsWith('https:'));
  if (target !== undefined && isSafe) return target.origin;
  throw new Error(`${name} redirects requests to an address that is not secure; check the \`api_addr\` of the nodes`);
}

function parseBody({ status, text, json, headers }: HttpAnswer, answered: string): unknown {
  if (json !== undefined || text.trim() === '' || status >= 300) return json;
  const type = quote(headers['content-type'] ?? 'no content type', []);
  throw new Error(`${answered} with something other than JSON (${type}); is there Vault at \`vault.address\`?`);
}

const errorBody = z.object({ errors: z.array(z.string()).default([]) });

function errorsOf({ status, text, json }: HttpAnswer): readonly string[] {
  if (status < 400) return [];
  const { data } = errorBody.safeParse(json);
  if (data !== undefined) return data.errors;
  // Go servers say this in plain text. Other proxies have their own forms, for which the status must do.
  return text.includes('HTTP request to an HTTPS server') ? ['sent an HTTP request to an HTTPS server'] : [];
}

/** JSON, but not Vault's. */
export function unexpectedAnswer({ name }: VaultClient, { method, path }: VaultRequest): Error {
  return new Error(
    `${name} answered ${method} ${path} in a form that is not Vault's; is there Vault at \`vault.address\`?`,
  );
}

/** Vault refused a request. */
export class VaultRefusal extends Error {
  readonly status: number;

  /** `whenForbidden` says what to do about 403; by default, that a policy must allow the request. */
  constructor(answer: VaultAnswer, client: VaultClient, request: VaultRequest, whenForbidden?: string) {
    const { status, shownErrors } = answer;
    const said = shownErrors.length === 0 ? '' : ` (${shownErrors.join('; ')})`;
    const hint = hintFor(answer, whenForbidden ?? `a policy of the token must allow \`read\` on \`${request.path}\``);
    super(
      `${client.name} answered ${status} to ${request.method} ${request.path}${said}${hint === undefined ? '' : `; ${hint}`}${describeClock(answer)}`,
    );
    this.status = status;
  }
}

function hintFor(answer: VaultAnswer, whenForbidden: string): string | undefined {
  const said = answer.errors.join(' ');
  if (/\bsealed\b/i.test(said)) return 'it is sealed: unseal it';
  if (/not initialized/i.test(said)) return 'it is not initialized: run `vault operator init`';
  if (/active cluster node not found|standby/i.test(said))
    return 'it is a standby and finds no active node: check the cluster';
  if (namesNamespace(said)) return 'correct `vault.namespace`';
  switch (answer.status) {
    case 400:
      return /HTTP request to an HTTPS server/i.test(said)
        ? 'begin its address with `https://`'
        : 'check the settings of `vault`';
    case 403:
      return whenForbidden;
    case 405:
      return 'what is mounted there cannot be read';
    default:
      return hintForStatus(answer);
  }
}

/** Whether the namespace is wrong, in Vault's own words: a refusal may quote a path that contains "namespace". */
export function namesNamespace(said: string): boolean {
  return /namespace not (?:found|authorized)/i.test(said);
}

/** A smaller difference between the clocks breaks no login. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Vault compares the times in tokens of service accounts and certificates with its clock. */
function describeClock({ status, clockAheadMs: aheadMs = 0 }: VaultAnswer): string {
  if (![400, 401, 403].includes(status) || Math.abs(aheadMs) < CLOCK_TOLERANCE_MS) return '';
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  return `; the clock of this machine is ${minutes} min ${aheadMs > 0 ? 'behind' : 'ahead of'} Vault's: set it`;
}

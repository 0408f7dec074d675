import { randomUUID } from 'node:crypto';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCodeOf } from '../../errors/index.js';
import { readAnswerText } from '../../http/index.js';
import { deadlineIn, type Disposable, type TimeLimit } from '../../lifecycle/index.js';

/** More requests to one store at the same time wait for a socket. */
const MAX_SOCKETS = 8;

/** Longer than any pause within one resolve, shorter than servers keep idle connections. */
const IDLE_SOCKET_MS = 4_000;

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export interface TlsIdentity {
  /** PEM texts. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Encoded, with a leading slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** Undefined if the answer is not JSON. A number that JavaScript would change is a marked text: see `exactText`. */
  readonly json: unknown;
}

interface SendOptions {
  /** Another address than the peer's, after a redirect. */
  readonly address?: string | undefined;
  /** Puts the reason of a failure, such as `refuses connections`, into a message with the name of the peer. */
  readonly describe: (reason: string) => string;
}

const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;

/** The same request may get another status in a moment. */
const TEMPORARY_STATUSES = new Set([412, 429, 500, 502, 503, 504]);

/**
 * One HTTP server: `https://host`, `http://host` or `unix:///path/of.socket`. Connections are reused and closed when idle;
 * the owner disposes it.
 */
export class HttpPeer implements Disposable {
  readonly address: string;
  readonly #plain: PlainAgent;
  readonly #tls: TlsAgent;

  constructor(address: string, { serverName: servername, ...tls }: TlsIdentity = {}) {
    this.address = address.replace(/\/+$/, '');
    const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS };
    this.#plain = new PlainAgent(pool);
    this.#tls = new TlsAgent({ ...pool, ...tls, ...(servername !== undefined && { servername }) });
  }

  /**
   * Sends a request, and up to two times more after a temporary failure: after the pause that the server asks for
   * (`Retry-After`), otherwise after a growing one. Each attempt gets half of the remaining time, so that one slow answer does
   * not use it up. Returns the last answer, whatever its status. Throws what `describe` makes of the reason for no answer.
   */
  async send(request: HttpRequest, limit: TimeLimit, options: SendOptions): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt(request, limit, options.address ?? this.address);
      const isFinal = attempt === MAX_ATTEMPTS || !mayRecover(outcome);
      const pauseMs = pauseAfter(outcome, attempt);
      const gaveUp = isFinal || performance.now() + pauseMs >= limit.endsAt || (await isAborted(pauseMs, limit));
      if (!gaveUp) continue;
      if (!(outcome instanceof ExchangeFailure)) return outcome;
      throw new Error(options.describe(outcome.message), { cause: outcome });
    }
  }

  dispose(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }

  async #attempt(request: HttpRequest, limit: TimeLimit, address: string): Promise<HttpAnswer | ExchangeFailure> {
    const remainingMs = Math.max(1, limit.endsAt - performance.now());
    const deadline = deadlineIn(Math.ceil(remainingMs / 2), limit.signal);
    try {
      return await this.#exchange(request, deadline, address);
    } catch (error) {
      return deadline.aborted ? new ExchangeFailure('did not answer in time', true) : toExchangeFailure(error);
    } finally {
      deadline.dispose();
    }
  }

  #exchange(
    { method, path, headers, body = '' }: HttpRequest,
    signal: AbortSignal,
    address: string,
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
      const options = { method, signal, headers: { ...headers, ...length } };
      const socketPath = /^unix:\/\/(.*)/.exec(address)?.[1];
      const url = socketPath === undefined ? new URL(address.replace(/\/+$/, '') + path) : undefined;
      const sent =
        url === undefined
          ? plainRequest({ ...options, socketPath, path, agent: this.#plain })
          : url.protocol === 'https:'
            ? tlsRequest(url, { ...options, agent: this.#tls })
            : plainRequest(url, { ...options, agent: this.#plain });
      sent.on('error', reject);
      sent.on('response', (response) => readAnswer(response).then(resolve, reject));
      sent.end(body);
    });
  }
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const tooLong = () => new ExchangeFailure(`sent an answer of more than ${MAX_ANSWER_BYTES} bytes`, false);
  const text = await readAnswerText(response, MAX_ANSWER_BYTES, tooLong).catch((error: unknown) => {
    if (error instanceof ExchangeFailure) throw error;
    throw new ExchangeFailure('closed the connection in the middle of the answer', true, { cause: error });
  });
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, text, json: parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    // In sound JSON, every number outside of a text is a token of its own.
    JSON.parse(text);
    return JSON.parse(text.replaceAll(TEXT_OR_NUMBER, quoteInexact));
  } catch {
    // Without the parser's error, which quotes the text.
    return undefined;
  }
}

const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** No store can send it, because it is random. */
const EXACT = `exact-${randomUUID()}:`;

/** Turns a number whose digits JavaScript would not keep, such as `1.10` or one beyond 2^53, into a marked text. */
function quoteInexact(token: string): string {
  return token.startsWith('"') || String(Number(token)) === token ? token : `"${EXACT}${token}"`;
}

const QUOTED_EXACT = new RegExp(`"${EXACT}([^"]*)"`, 'g');

/** A value of a store as a text, numbers with the digits that the store sent. Anything but a text is JSON. */
export function exactText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value).replaceAll(QUOTED_EXACT, '$1');
  return text.startsWith(EXACT) ? text.slice(EXACT.length) : text;
}

function mayRecover(outcome: HttpAnswer | ExchangeFailure): boolean {
  return outcome instanceof ExchangeFailure ? outcome.isTemporary : TEMPORARY_STATUSES.has(outcome.status);
}

/** `Retry-After` counts only in seconds: as a date, it would depend on two clocks. */
function pauseAfter(outcome: HttpAnswer | ExchangeFailure, attempt: number): number {
  const asked = outcome instanceof ExchangeFailure ? undefined : outcome.headers['retry-after']?.trim();
  if (asked !== undefined && /^\d{1,6}$/.test(asked)) return Number(asked) * 1000;
  // Random, so that many servers that fail at the same moment do not return at the same moment.
  return FIRST_PAUSE_MS * 2 ** (attempt - 1) * (1 + Math.random());
}

async function isAborted(pauseMs: number, { signal }: TimeLimit): Promise<boolean> {
  try {
    await delay(pauseMs, undefined, { signal });
    return false;
  } catch {
    // Only the signal ends a delay early. The last outcome is the reason then.
    return true;
  }
}

/** Why there is no answer, in words that follow the name of the peer. Never quotes what was sent or received. */
class ExchangeFailure extends Error {
  constructor(
    reason: string,
    /** The same request may succeed in a moment. */
    readonly isTemporary: boolean,
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

const UNREACHABLE = 'cannot be reached; check the network and its address';
const CLOSED = 'closed the connection without an answer';

const TEMPORARY: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections; start it, or correct its address',
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  EAI_AGAIN: 'has a host name that DNS did not resolve in time',
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  ENOENT: 'has no socket at that path; start it, or correct its address',
};

const NO_TLS = 'does not speak TLS there; should its address begin with `http://`?';
const UNTRUSTED = 'has a certificate of an issuer that is not trusted here; set `ca_cert` to the file of its CA';

const PERMANENT: Readonly<Record<string, string>> = {
  ENOTFOUND: 'has an unknown host name; correct its address',
  EACCES: 'has a socket that this user may not use',
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'requires a client certificate; set `client_cert` and `client_key`',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'refuses the TLS versions or ciphers of this client',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another host name; correct its address, or the certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
};

/** Explains what Node threw for a request that got no answer. */
function toExchangeFailure(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeFailure) return error;
  const code = errorCodeOf(error) ?? 'unknown reason';
  const temporary = TEMPORARY[code];
  return new ExchangeFailure(temporary ?? permanentReason(code), temporary !== undefined, { cause: error });
}

function permanentReason(code: string): string {
  const known = PERMANENT[code];
  if (known !== undefined) return known;
  // A certificate is judged by our clock, which may be what is wrong.
  const clock = `: the clock of this machine says ${new Date().toISOString()}; set the clock, or renew the certificate`;
  if (code === 'CERT_HAS_EXPIRED') return `has a certificate that is no longer valid${clock}`;
  if (code === 'CERT_NOT_YET_VALID') return `has a certificate that is not valid yet${clock}`;
  if (code.startsWith('HPE_')) return 'does not speak HTTP there; correct its address';
  return `cannot be reached (${code})`;
}

/** What to do about a status that means the same from every store. */
export function hintForStatus({ status, headers }: Pick<HttpAnswer, 'status' | 'headers'>): string | undefined {
  if (status !== 429) return status >= 500 ? 'see its log' : undefined;
  const asked = headers['retry-after'];
  return `it limits the rate of requests${asked === undefined ? ': try again, or raise its quota' : ` and asks to wait ${asked} s`}`;
}

const MAX_QUOTED = 200;

/** Shorter values are parts of ordinary words, whose gaps would tell them. */
const MINIMUM_LENGTH = 6;

/**
 * The words of a server about an error, fit to be shown: one line, short, and without the secrets that we sent, which an
 * answer may repeat. What they mean is decided on the original: a secret may be one of the words.
 */
export function quote(text: string, secrets: readonly string[]): string {
  const clean = secrets
    .filter(({ length }) => length >= MINIMUM_LENGTH)
    .toSorted((a, b) => b.length - a.length)
    .reduce<readonly string[]>((parts, secret) => parts.flatMap((part) => part.split(secret)), [text])
    .join('[secret]')
    // Control characters would let a server write into terminals and logs.
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return clean.length > MAX_QUOTED ? `${clean.slice(0, MAX_QUOTED)}…` : clean;
}

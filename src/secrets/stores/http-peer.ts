import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plainRequest,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCodeOf } from '../../errors/index.js';
import { deadlineIn, type Disposable } from '../../lifecycle/index.js';

/** The time that a piece of work has; both say the same. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

/** At most so long, and not longer than `signal` allows. */
export function limitTime(durationMs: number, signal?: AbortSignal): TimeLimit {
  return { signal: deadlineIn(durationMs, signal), endsAt: performance.now() + durationMs };
}

/** A limit within another, so that there is time left to say what happened. */
export function partOf(limit: TimeLimit, part: number): TimeLimit {
  return limitTime(Math.max(1, Math.floor((limit.endsAt - performance.now()) * part)), limit.signal);
}

/** A store gets no more than this many requests at the same time; further ones wait for a place. */
const MAX_SOCKETS = 8;

/** Longer than any pause within one resolve, shorter than what servers keep idle connections for. */
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
  /** Begins with a slash and is encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * One server that is asked over HTTP: `https://host`, `http://host` or `unix:///path/of.socket`. Connections are reused
 * and closed when idle; the owner disposes it.
 */
export class HttpPeer implements Disposable {
  readonly address: string;
  readonly #agents: { readonly plain: PlainAgent; readonly tls: TlsAgent };

  constructor(address: string, tls: TlsIdentity = {}) {
    this.address = address.replace(/\/+$/, '');
    const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS };
    const { ca, cert, key, serverName } = tls;
    this.#agents = {
      plain: new PlainAgent(pool),
      tls: new TlsAgent({
        ...pool,
        ca,
        cert,
        key,
        ...(serverName !== undefined && { servername: serverName }),
      }),
    };
  }

  /** One exchange. Throws `ExchangeFailure`. `address` is another one when the server has sent us on. */
  async send(request: HttpRequest, signal: AbortSignal, address = this.address): Promise<HttpAnswer> {
    try {
      return await this.#exchange(request, signal, address);
    } catch (error) {
      throw signal.aborted ? new ExchangeFailure('did not answer in time', true) : toExchangeFailure(error);
    }
  }

  dispose(): void {
    this.#agents.plain.destroy();
    this.#agents.tls.destroy();
  }

  #exchange(request: HttpRequest, signal: AbortSignal, address: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = this.#open(address, request, signal);
      sent.on('error', reject);
      sent.on('response', (response) => readAnswer(response).then(resolve, reject));
      sent.end(request.body);
    });
  }

  #open(address: string, { method, path, headers, body }: HttpRequest, signal: AbortSignal): ClientRequest {
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const options: RequestOptions = { method, signal, headers: { ...headers, ...length } };
    if (address.startsWith('unix://')) {
      const socketPath = address.slice('unix://'.length);
      return plainRequest({ ...options, socketPath, path, agent: this.#agents.plain });
    }
    const url = new URL(address.replace(/\/+$/, '') + path);
    return url.protocol === 'https:'
      ? tlsRequest(url, { ...options, agent: this.#agents.tls })
      : plainRequest(url, { ...options, agent: this.#agents.plain });
  }
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES)
        throw new ExchangeFailure(`sends an answer of more than ${MAX_ANSWER_BYTES} bytes`, false);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ExchangeFailure) throw error;
    throw new ExchangeFailure('closed the connection in the middle of the answer', true, { cause: error });
  }
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, text: Buffer.concat(chunks).toString('utf8') };
}

/** Why there is no answer, in words that go behind the name of the peer. Never quotes what was sent or received. */
export class ExchangeFailure extends Error {
  /** The same request may go well in a moment. */
  readonly isPassing: boolean;

  constructor(reason: string, isPassing: boolean, options?: ErrorOptions) {
    super(reason, options);
    this.isPassing = isPassing;
  }
}

const PASSING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections; start it, or correct its address',
  ECONNRESET: 'closed the connection without an answer',
  EPIPE: 'closed the connection without an answer',
  EAI_AGAIN: 'has a host name that the name server did not answer for',
  EHOSTUNREACH: 'cannot be reached; look at the network and at its address',
  ENETUNREACH: 'cannot be reached; look at the network and at its address',
  ETIMEDOUT: 'cannot be reached; look at the network and at its address',
  ENOENT: 'has no socket there; start it, or correct its address',
};

const LASTING: Readonly<Record<string, string>> = {
  ENOTFOUND: 'has a host name that is not known; correct its address',
  EACCES: 'has a socket that this user may not use',
  EPROTO: 'does not speak TLS there; should its address begin with `http://`?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS there; should its address begin with `http://`?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'does not speak TLS there; should its address begin with `http://`?',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'asks for a client certificate; set `client_cert` and `client_key`',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'refuses TLS as this client speaks it',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'has a certificate for another host name; correct its address, or the certificate',
};

const UNKNOWN_ISSUER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

/** What Node threw for a request that got no answer. */
export function toExchangeFailure(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeFailure) return error;
  const code = errorCodeOf(error) ?? 'no reason given';
  const passing = PASSING[code];
  if (passing !== undefined) return new ExchangeFailure(passing, true, { cause: error });
  return new ExchangeFailure(lastingReason(code), false, { cause: error });
}

function lastingReason(code: string): string {
  const known = LASTING[code];
  if (known !== undefined) return known;
  if (UNKNOWN_ISSUER.has(code))
    return 'has a certificate of an issuer that is not trusted here; set `ca_cert` to the file of its CA';
  if (code === 'CERT_HAS_EXPIRED') return `has a certificate that is no longer valid${byThisClock()}`;
  if (code === 'CERT_NOT_YET_VALID') return `has a certificate that is not valid yet${byThisClock()}`;
  if (code.startsWith('HPE_')) return 'does not speak HTTP there; correct its address';
  return `cannot be asked (${code})`;
}

/** A certificate is judged by our clock, which may be what is wrong. */
function byThisClock(): string {
  return `: the clock of this machine says ${new Date().toISOString()}; set the clock, or renew the certificate`;
}

const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;

/** Statuses that the same request may not meet again in a moment. */
const PASSING_STATUSES = new Set([412, 429, 500, 502, 503, 504]);

/**
 * Sends a request, and up to two times more when the failure may pass: after the pause that the server asks for
 * (`Retry-After`), else after a growing one. An attempt gets half of the time that is left, so that one slow answer does
 * not use up everything. Answers with the last answer, whatever its status. Throws `ExchangeFailure`.
 */
export async function sendPatiently(
  peer: HttpPeer,
  request: HttpRequest,
  limit: TimeLimit,
  address?: string,
): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await tryOnce(peer, request, limit, address);
    const isLast = attempt === MAX_ATTEMPTS || !mayPass(outcome);
    const pauseMs = pauseAfter(outcome, attempt);
    if (isLast || performance.now() + pauseMs >= limit.endsAt) return settle(outcome);
    try {
      await delay(pauseMs, undefined, { signal: limit.signal });
    } catch {
      // Nobody waits any longer; what is known by now is the reason.
      return settle(outcome);
    }
  }
}

type Outcome = HttpAnswer | ExchangeFailure;

async function tryOnce(
  peer: HttpPeer,
  request: HttpRequest,
  limit: TimeLimit,
  address: string | undefined,
): Promise<Outcome> {
  const leftMs = Math.max(1, limit.endsAt - performance.now());
  const deadline = deadlineIn(Math.ceil(leftMs / 2), limit.signal);
  try {
    return await peer.send(request, deadline, address);
  } catch (error) {
    if (error instanceof ExchangeFailure) return error;
    throw error;
  } finally {
    deadline.dispose();
  }
}

function mayPass(outcome: Outcome): boolean {
  return outcome instanceof ExchangeFailure ? outcome.isPassing : PASSING_STATUSES.has(outcome.status);
}

function settle(outcome: Outcome): HttpAnswer {
  if (outcome instanceof ExchangeFailure) throw outcome;
  return outcome;
}

function pauseAfter(outcome: Outcome, attempt: number): number {
  const asked = outcome instanceof ExchangeFailure ? undefined : retryAfterMs(outcome);
  // Many servers may fail at the same moment and must not all come back at the same moment.
  return asked ?? FIRST_PAUSE_MS * 2 ** (attempt - 1) * (1 + Math.random());
}

/** `Retry-After` in seconds. As a date it would depend on two clocks, so it is not looked at. */
export function retryAfterMs({ headers }: HttpAnswer): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  return /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}

const MAX_QUOTED = 200;

/**
 * What a server says about an error, as it may be shown: one line, short, and without the secrets that we sent, which
 * an answer may repeat.
 */
export function quote(text: string, secrets: readonly string[]): string {
  const clean = secrets
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
    // Control characters would let a server write into terminals and logs.
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return clean.length > MAX_QUOTED ? `${clean.slice(0, MAX_QUOTED)}…` : clean;
}

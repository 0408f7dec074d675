import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Disposable } from '../../../lifecycle/index.js';
import { ExchangeFailure, toExchangeFailure } from './exchange-failure.js';

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

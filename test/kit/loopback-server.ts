import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A certificate of `test/fixtures/tls`, or the path of a socket instead of a port. */
export interface LoopbackOptions {
  readonly certificate?: 'server' | 'expired' | 'not-yet' | 'other-host';
  readonly asksForClientCertificate?: boolean;
  readonly socketPath?: string;
}

/** What a client asked for. */
export interface SeenRequest {
  readonly method: string;
  /** Decoded, without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One way in which a server goes wrong. */
export type Fault =
  | { readonly kind: 'silent' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'text'; readonly status?: number; readonly text: string }
  | { readonly kind: 'reply'; readonly reply: Reply };

interface PlannedFault {
  readonly fault: Fault;
  readonly on: RegExp;
  left: number;
}

export function tlsFile(name: string): string {
  return join(import.meta.dirname, '../fixtures/tls', `${name}.pem`);
}

/** A server of a test on loopback, with or without TLS. It can go wrong in every way a network and a server can. */
export abstract class LoopbackServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  /** How far its clock is ahead of the real one. */
  clockAheadMs = 0;
  /** The most requests it had at the same time. */
  mostAtOnce = 0;
  readonly #options: LoopbackOptions;
  #server: Server | undefined;
  #port = 0;
  #atOnce = 0;
  #faults: PlannedFault[] = [];

  constructor(options: LoopbackOptions = {}) {
    this.#options = options;
  }

  get address(): string {
    const { certificate, socketPath } = this.#options;
    if (socketPath !== undefined) return `unix://${socketPath}`;
    return `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Opens it, or opens it again where it was. */
  async listen(): Promise<this> {
    const server = this.#create((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    // As Go's server answers what is not HTTP, such as TLS.
    server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
    server.on('tlsClientError', () => undefined);
    const { socketPath } = this.#options;
    server.listen(socketPath ?? { port: this.#port, host: '127.0.0.1' });
    await once(server, 'listening');
    this.#server = server;
    // A listener on a port has an address with one.
    if (socketPath === undefined) this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** As when it is down: connections are refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** From now on, for so many requests whose path fits. */
  fail(fault: Fault, { times = Infinity, on = /./ }: { times?: number; on?: RegExp } = {}): void {
    this.#faults.push({ fault, on, left: times });
  }

  heal(): void {
    this.#faults = [];
  }

  /** Requests whose path fits. */
  seen(path: RegExp): readonly SeenRequest[] {
    return this.requests.filter((request) => path.test(request.path));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  protected abstract reply(request: SeenRequest): Reply | Promise<Reply>;

  protected parseBody(text: string): unknown {
    return JSON.parse(text);
  }

  #create(listener: RequestListener): Server {
    const { certificate, asksForClientCertificate = false } = this.#options;
    if (certificate === undefined) return createServer(listener);
    const pem = readFileSync(tlsFile(certificate));
    const client = asksForClientCertificate
      ? { requestCert: true, rejectUnauthorized: true, ca: readFileSync(tlsFile('ca')) }
      : {};
    return createTlsServer({ key: pem, cert: pem, ...client }, listener);
  }

  async #answer(...[message, response]: Parameters<RequestListener>): Promise<void> {
    const request = await readRequest(message, (text) => this.parseBody(text));
    this.requests.push(request);
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    response.on('close', () => {
      this.#atOnce -= 1;
    });
    response.sendDate = false;
    response.setHeader('Date', new Date(Date.now() + this.clockAheadMs).toUTCString());
    const fault = this.#takeFault(request.path);
    const own = fault?.kind === 'reply' ? fault.reply : await this.reply(request);
    const body = own.body === undefined ? '' : JSON.stringify(own.body);
    switch (fault?.kind) {
      case 'silent':
        return;
      case 'reset':
        message.socket.destroy();
        return;
      case 'cut':
        response.writeHead(own.status, { 'Content-Length': String(Buffer.byteLength(body) + 10) });
        response.write(body.slice(0, Math.ceil(body.length / 2)), () => message.socket.destroy());
        return;
      case 'text':
        response.writeHead(fault.status ?? 200, { 'Content-Type': 'text/html' }).end(fault.text);
        return;
      default:
        response.writeHead(own.status, { 'Content-Type': 'application/json', ...own.headers }).end(body);
    }
  }

  #takeFault(path: string): Fault | undefined {
    const planned = this.#faults.find(({ on, left }) => left > 0 && on.test(path));
    if (planned === undefined) return undefined;
    planned.left -= 1;
    return planned.fault;
  }
}

async function readRequest(message: IncomingMessage, parse: (text: string) => unknown): Promise<SeenRequest> {
  let text = '';
  for await (const chunk of message) text += String(chunk);
  const url = new URL(message.url ?? '/', 'http://localhost');
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
  return {
    method: message.method ?? '',
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers,
    body: text === '' ? undefined : parse(text),
  };
}

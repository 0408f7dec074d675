import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { AdminClient } from '../../src/admin/client/index.js';
import { childEnvironment } from '../kit/child-server.js';
import type { TemporaryProject } from '../kit/projects/temporary-project.js';

type Message = Readonly<Record<string, unknown>>;
type Id = string | number;

interface OpenRequest {
  readonly id: Id;
  readonly response: ServerResponse;
}

/**
 * `mxcp serve --transport stdio` behind an HTTP port, because the official suite speaks only HTTP. Passes messages on unchanged, but
 * for the identifiers of requests: clients over HTTP choose theirs independently of each other. One scenario runs at a time, so
 * what the server sends before an answer belongs to the requests that are open.
 */
export class StdioBridge implements AsyncDisposable {
  readonly admin: AdminClient;
  readonly #child: ChildProcess;
  readonly #http: Server;
  readonly #open = new Map<number, OpenRequest>();
  #sent = 0;
  url = '';

  private constructor(project: TemporaryProject, command: string) {
    const args = [
      command,
      'serve',
      '--transport',
      'stdio',
      '--reload-definitions',
      '--admin-socket',
      project.socketPath,
    ];
    this.#child = spawn(process.execPath, args, {
      cwd: project.root,
      env: childEnvironment(project, {}),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    if (this.#child.stdout === null) throw new Error('the output of the server is not connected');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      // Lines are JSON-RPC messages: the suite checks them against the schema of the protocol.
      this.#pass(JSON.parse(line) as Message);
    });
    this.admin = new AdminClient({ socketPath: project.socketPath, timeoutMs: 20_000 });
    this.#http = createServer((request, response) => {
      this.#receive(request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
  }

  /** `opening` is the first message, which decides the revision that the connection speaks. */
  static async start(project: TemporaryProject, command: string, opening?: Message): Promise<StdioBridge> {
    const bridge = new StdioBridge(project, command);
    if (opening !== undefined) bridge.#write(opening);
    bridge.#http.listen(0, '127.0.0.1');
    await once(bridge.#http, 'listening');
    // A listener on a port has an address with one.
    bridge.url = `http://127.0.0.1:${(bridge.#http.address() as AddressInfo).port}/mcp`;
    return bridge;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const message = JSON.parse(await text(request)) as Message;
    const { id } = message;
    if (typeof message['method'] !== 'string' || (typeof id !== 'string' && typeof id !== 'number')) {
      this.#write(message);
      response.writeHead(202).end();
      return;
    }
    this.#sent += 1;
    const key = this.#sent;
    this.#open.set(key, { id, response });
    response.on('close', () => this.#open.delete(key));
    const session = message['method'] === 'initialize' ? { 'mcp-session-id': randomUUID() } : {};
    response.writeHead(200, { 'content-type': 'text/event-stream', ...session });
    this.#write({ ...message, id: key });
  }

  #write(message: Message): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** An answer ends its request; a notification or a question goes to every request that is open. */
  #pass(message: Message): void {
    const { id } = message;
    const request = 'method' in message || typeof id !== 'number' ? undefined : this.#open.get(id);
    if (request !== undefined) {
      request.response.end(toEvent({ ...message, id: request.id }));
      return;
    }
    if (!('method' in message)) return;
    for (const { response } of this.#open.values()) response.write(toEvent(message));
  }
}

function toEvent(message: Message): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

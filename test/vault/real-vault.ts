import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { tlsFile } from '../kit/loopback-server.js';
import { vaultBinary } from './build-vault.js';

interface Started {
  readonly address: string;
  readonly rootToken: string;
  readonly unsealKey: string;
}

/** A real Vault process with its storage in memory; tests write what they need. */
export class RealVault implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #started: Started;

  private constructor(child: ChildProcess, started: Started) {
    this.#child = child;
    this.#started = started;
  }

  static async start({ tls = false } = {}): Promise<RealVault> {
    const child = spawn(vaultBinary, tls ? ['-cert', tlsFile('server')] : [], { stdio: ['pipe', 'pipe', 'ignore'] });
    // Both are pipes, as `stdio` above says.
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const [line]: string[] = await once(lines, 'line');
    // Our server program prints this.
    return new RealVault(child, JSON.parse(line ?? '') as Started);
  }

  get address(): string {
    return this.#started.address;
  }

  get unsealKey(): string {
    return this.#started.unsealKey;
  }

  /** What `vault write` does, as root. Throws when Vault refuses. */
  write(path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
    return this.#ask('POST', path, body);
  }

  remove(path: string): Promise<unknown> {
    return this.#ask('DELETE', path, undefined);
  }

  read(path: string): Promise<Readonly<Record<string, unknown>>> {
    return this.#ask('GET', path, undefined);
  }

  async mountKv(path: string, version: 1 | 2): Promise<void> {
    await this.write(`sys/mounts/${path}`, { type: 'kv', options: { version: String(version) } });
    // A mount of version 2 becomes ready in the background.
    for (let ready = false; !ready; ) {
      const probe = version === 2 ? `${path}/data/probe` : `${path}/probe`;
      ready = await this.write(probe, version === 2 ? { data: { a: 'b' } } : { a: 'b' }).then(
        () => true,
        () => false,
      );
    }
  }

  put(path: string, data: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.write(path.replace('/', '/data/'), { data });
  }

  /** A token that may read these paths of the API. */
  async issueToken(paths: readonly string[], options: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const policy = paths.map((path) => `path "${path}" { capabilities = ["read"] }`).join('\n');
    await this.write('sys/policies/acl/of-test', { policy });
    const { auth } = await this.write('auth/token/create', { policies: ['of-test'], ...options });
    // Vault's answer to this request has it.
    return (auth as { readonly client_token: string }).client_token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.stdin?.end();
    await ended;
  }

  #ask(method: string, path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
    const send = this.address.startsWith('https:') ? tlsRequest : plainRequest;
    const headers = { 'X-Vault-Token': this.#started.rootToken };
    return new Promise((resolve, reject) => {
      const options = { method, headers, rejectUnauthorized: false };
      const sent = send(`${this.address}/v1/${path}`, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if ((response.statusCode ?? 0) >= 300) reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
          // Vault answers with mappings.
          else resolve(text === '' ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>));
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

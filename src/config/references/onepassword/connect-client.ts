import type { z } from 'zod';
import type { Disposable } from '../../../lifecycle/index.js';
import { version } from '../../../version/index.js';
import type { Secret } from '../../secret.js';
import { ExchangeFailure } from '../http/exchange-failure.js';
import { HttpPeer, type HttpAnswer } from '../http/http-peer.js';
import { sendPatiently } from '../http/patient-peer.js';
import type { TimeLimit } from '../http/time-limit.js';
import { quote } from '../http/quote.js';

export interface ConnectOptions {
  readonly host: string;
  readonly ca: string | undefined;
  readonly token: Secret;
  readonly tokenEnv: string;
}

/** Asks a Connect server. The owner disposes it. */
export class ConnectClient implements Disposable {
  readonly #peer: HttpPeer;
  readonly #token: Secret;
  readonly #tokenEnv: string;

  constructor({ host, ca, token, tokenEnv }: ConnectOptions) {
    this.#peer = new HttpPeer(host, { ca });
    this.#token = token;
    this.#tokenEnv = tokenEnv;
  }

  /** For messages. */
  get name(): string {
    return `the 1Password Connect server at ${this.#peer.address}`;
  }

  dispose(): void {
    this.#peer.dispose();
  }

  /** What is at a path; `undefined` when it answers 404. Throws an error that says what to do. */
  async get<T>(path: string, schema: z.ZodType<T>, limit: TimeLimit): Promise<T | undefined> {
    const answer = await this.#send(path, limit);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(this.#describe(answer, path));
    const parsed = schema.safeParse(parseJson(answer.text));
    if (parsed.success) return parsed.data;
    throw new Error(
      `${this.name} answered GET ${path} in a form that is not that of Connect; look at \`onepassword.connect_host\``,
    );
  }

  async #send(path: string, limit: TimeLimit): Promise<HttpAnswer> {
    const headers = { Authorization: `Bearer ${this.#token.reveal()}`, 'User-Agent': `mxcp/${version}` };
    try {
      return await sendPatiently(this.#peer, { method: 'GET', path: `/v1${path}`, headers }, limit);
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      throw new Error(`${this.name} ${error.message} (GET ${path})`, { cause: error });
    }
  }

  #describe({ status, text, headers }: HttpAnswer, path: string): string {
    const body = parseJson(text);
    const isNamed = typeof body === 'object' && body !== null && 'message' in body;
    const said = isNamed ? ` (${quote(String(body.message), [this.#token.reveal()])})` : '';
    return `${this.name} answered ${status} to GET ${path}${said}${this.#hintFor(status, headers['retry-after'])}`;
  }

  #hintFor(status: number, retryAfter: string | undefined): string {
    if (status === 401) return `; the token of ${this.#tokenEnv} is not good: put another one there`;
    if (status === 403) return `; the token of ${this.#tokenEnv} may not: give it access to the vault`;
    if (status === 429)
      return `; it limits the rate of requests${retryAfter === undefined ? '' : ` and asks to wait ${retryAfter} s`}`;
    return status >= 500 ? '; look at its log' : '';
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No answer of Connect; the check of its form says so, without quoting it.
    return undefined;
  }
}

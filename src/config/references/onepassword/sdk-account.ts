import { messageOf } from '../../../errors/index.js';
import { version } from '../../../version/index.js';
import type { Secret } from '../../secret.js';
import { quote } from '../http/quote.js';
import { LastingReferenceError } from '../reference-failure.js';
import type { OnepasswordLocator } from './onepassword-locator.js';

/** The part of the package `@1password/sdk` that is used here. */
export interface OnepasswordSdk {
  createClient(options: {
    readonly auth: string;
    readonly integrationName: string;
    readonly integrationVersion: string;
  }): Promise<{ readonly secrets: { resolve(reference: string): Promise<string> } }>;
}

type SdkClient = Awaited<ReturnType<OnepasswordSdk['createClient']>>;

/** Reads through a service account, with 1Password's own package, which is loaded when it is first needed. */
export class ServiceAccount {
  readonly #token: Secret;
  readonly #tokenEnv: string;
  readonly #loadSdk: () => Promise<OnepasswordSdk>;
  #client: Promise<SdkClient> | undefined;

  constructor(
    { token, tokenEnv }: { readonly token: Secret; readonly tokenEnv: string },
    loadSdk: () => Promise<OnepasswordSdk>,
  ) {
    this.#token = token;
    this.#tokenEnv = tokenEnv;
    this.#loadSdk = loadSdk;
  }

  /** Throws an error that says what to do, also when the package is not installed. */
  async resolve(
    { vault, item, section, field, isOtp }: OnepasswordLocator,
    signal: AbortSignal,
  ): Promise<string> {
    const path = [vault, item, ...(section === undefined ? [] : [section]), field].join('/');
    const client = await this.#connect(signal);
    try {
      return await client.secrets.resolve(`op://${path}${isOtp ? '?attribute=totp' : ''}`);
    } catch (error) {
      throw this.#failure('cannot read it', error);
    }
  }

  async #connect(signal: AbortSignal): Promise<SdkClient> {
    const client = (this.#client ??= this.#logIn());
    // A login that failed, or has no end, is tried again by the next resolve: the package cannot be told to give up.
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    signal.addEventListener('abort', forget, { once: true });
    try {
      return await client;
    } catch (error) {
      forget();
      throw error;
    } finally {
      signal.removeEventListener('abort', forget);
    }
  }

  async #logIn(): Promise<SdkClient> {
    const { createClient } = await this.#load();
    const auth = this.#token.reveal();
    try {
      return await createClient({ auth, integrationName: 'mxcp', integrationVersion: version });
    } catch (error) {
      throw this.#failure(`cannot log in with the token of ${this.#tokenEnv}`, error);
    }
  }

  async #load(): Promise<OnepasswordSdk> {
    try {
      return await this.#loadSdk();
    } catch (error) {
      throw new LastingReferenceError(
        'needs the package `@1password/sdk`, which is not installed: `npm install @1password/sdk`, or set `onepassword.connect_host` for a Connect server',
        { cause: error },
      );
    }
  }

  /** Without the error itself: what a package of others puts into it is not known. */
  #failure(what: string, error: unknown): Error {
    return new Error(`1Password ${what}: ${quote(messageOf(error), [this.#token.reveal()])}`);
  }
}

/** The package is optional, and large: a user who needs it installs it. */
export async function loadOnepasswordSdk(): Promise<OnepasswordSdk> {
  return import('@1password/sdk');
}

import { messageOf } from '../../errors/index.js';
import { fingerprint } from '../../files/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import { type OnepasswordLocator, splitOnepasswordLocator } from '../references/reference-grammar.js';
import { LastingReferenceError, type ReferenceResolver } from '../references/reference-resolver.js';
import { Secret } from '../references/secret.js';
import { quote, type TimeLimit } from './http-peer.js';
import { ConnectClient, ConnectItems, readField } from './onepassword-connect.js';
import { type OnepasswordSection, readNamedFile, type SettingsPlace } from './store-settings.js';

/** What lasts from one resolve to the next: connections, or the login of a service account. The owner disposes it. */
export class OnepasswordSession implements Disposable {
  readonly identity: string;
  readonly #token: Secret;
  readonly #source: ConnectClient | ServiceAccount;

  constructor(settings: OnepasswordSettings, loadSdk: () => Promise<OnepasswordSdk> = loadOnepasswordSdk) {
    this.identity = settings.identity;
    this.#token = settings.token;
    this.#source =
      settings.kind === 'connect' ? new ConnectClient(settings) : new ServiceAccount(settings, loadSdk);
  }

  /** For one resolve: each item is read once. */
  createResolver(limit: TimeLimit): ReferenceResolver {
    const source = this.#source;
    if (source instanceof ServiceAccount) {
      return {
        scheme: 'op',
        resolve: async (locator) => {
          const parts = splitOnepasswordLocator(locator);
          const value = await source.resolve(parts, limit.signal);
          return {
            value,
            source: 'onepassword',
            // The package tells nothing but the code.
            ...(parts.isOtp && { changesWith: '' }),
            ...(value === '' && { warning: 'the field is empty' }),
          };
        },
      };
    }
    const items = new ConnectItems(source, limit);
    return {
      scheme: 'op',
      resolve: async (text) => {
        const locator = splitOnepasswordLocator(text);
        return readField(await items.read(locator), locator, new Date());
      },
    };
  }

  /** What must not be seen. */
  secrets(): readonly Secret[] {
    return [this.#token];
  }

  dispose(): void {
    if (this.#source instanceof ConnectClient) this.#source.dispose();
  }
}

export type OnepasswordSettings = {
  readonly token: Secret;
  /** The variable that holds the token. */
  readonly tokenEnv: string;
  /** Changes when anything else changes: then the session ends and another one begins. */
  readonly identity: string;
} & (
  | { readonly kind: 'connect'; readonly host: string; readonly ca: string | undefined }
  | { readonly kind: 'service-account' }
);

/** Reads what the `onepassword` section names. Throws an error that names what is missing. */
export async function loadOnepasswordSettings(
  section: OnepasswordSection,
  place: SettingsPlace,
): Promise<OnepasswordSettings> {
  if (!section.enabled)
    throw new LastingReferenceError(
      'needs 1Password, which is not switched on; set `onepassword.enabled` to true',
    );
  const { connect_host: host } = section;
  const tokenEnv = host === undefined ? section.token_env : section.connect_token_env;
  const value = place.environment.lookup(tokenEnv)?.value.trim() ?? '';
  if (value === '') throw new Error(missingToken(tokenEnv, host));
  const token = new Secret(value);
  if (host === undefined)
    return {
      kind: 'service-account',
      token,
      tokenEnv,
      identity: fingerprint(JSON.stringify(['account', value])),
    };
  const ca = await readNamedFile('onepassword.ca_cert', section.ca_cert, place);
  return {
    kind: 'connect',
    host,
    ca,
    token,
    tokenEnv,
    identity: fingerprint(JSON.stringify([host, ca, value])),
  };
}

function missingToken(tokenEnv: string, host: string | undefined): string {
  const whose = host === undefined ? 'a service account' : 'the Connect server';
  const orElse = host === undefined ? ', or set `onepassword.connect_host` for a Connect server' : '';
  return `needs a token of ${whose} of 1Password: \`${tokenEnv}\` is not set; set it, in an env file or in the environment${orElse}`;
}

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

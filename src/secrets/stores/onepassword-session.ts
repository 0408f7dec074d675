import { messageOf } from '../../errors/index.js';
import { fingerprint } from '../../files/index.js';
import type { Disposable, TimeLimit } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import { splitOnepasswordLocator } from '../references/reference-grammar.js';
import {
  PermanentReferenceError,
  type ReferenceResolver,
  type ResolvedValue,
} from '../references/resolve-references.js';
import { Secret } from '../../logging/index.js';
import { quote } from './http-peer.js';
import { ConnectClient, ConnectReader } from './onepassword-connect.js';
import { type OnepasswordSection, readNamedFile, type SettingsPlace } from './store-settings.js';

export interface OnepasswordSettings {
  readonly token: Secret;
  /** The variable that holds the token. */
  readonly tokenEnv: string;
  /** Undefined for a service account. */
  readonly connect: { readonly host: string; readonly ca: string | undefined } | undefined;
  /** Changes when anything above does: then the session ends and another one begins. */
  readonly identity: string;
}

/** Reads what the `onepassword` section names. Throws an error that names what is missing. */
export async function loadOnepasswordSettings(
  section: OnepasswordSection,
  place: SettingsPlace,
): Promise<OnepasswordSettings> {
  if (!section.enabled)
    throw new PermanentReferenceError('1Password is not enabled; set `onepassword.enabled` to true');
  const { connect_host: host } = section;
  const tokenEnv = host === undefined ? section.token_env : section.connect_token_env;
  const value = place.environment.lookup(tokenEnv)?.value.trim() ?? '';
  if (value === '') throw new Error(describeMissingToken(tokenEnv, host));
  const ca = host && (await readNamedFile('onepassword.ca_cert', section.ca_cert, place));
  return {
    token: new Secret(value),
    tokenEnv,
    connect: host === undefined ? undefined : { host, ca },
    identity: fingerprint(JSON.stringify([host, ca, value])),
  };
}

function describeMissingToken(tokenEnv: string, host: string | undefined): string {
  const owner = host === undefined ? 'a 1Password service account' : 'the 1Password Connect server';
  const orElse = host === undefined ? ', or set `onepassword.connect_host` for a Connect server' : '';
  return `the token of ${owner} is missing: set \`${tokenEnv}\` in an env file or in the environment${orElse}`;
}

/** Lives from one resolve to the next: connections, or the login of a service account. The owner disposes it. */
export class OnepasswordSession implements Disposable {
  readonly identity: string;
  readonly #token: Secret;
  readonly #source: ConnectClient | ServiceAccount;

  constructor(settings: OnepasswordSettings, loadSdk: () => Promise<OnepasswordSdk> = loadOnepasswordSdk) {
    const { identity, token, tokenEnv, connect } = settings;
    this.identity = identity;
    this.#token = token;
    this.#source =
      connect === undefined
        ? new ServiceAccount(token, tokenEnv, loadSdk)
        : new ConnectClient({ ...connect, token, tokenEnv });
  }

  /** For one resolve. */
  createResolver(limit: TimeLimit): ReferenceResolver {
    const source = this.#source;
    if (source instanceof ServiceAccount)
      return { scheme: 'op', resolve: (locator) => source.resolve(locator, limit.signal) };
    const reader = new ConnectReader(source, limit);
    return { scheme: 'op', resolve: (locator) => reader.read(splitOnepasswordLocator(locator)) };
  }

  /** For the scrubber. */
  secrets(): readonly Secret[] {
    return [this.#token];
  }

  dispose(): void {
    if (this.#source instanceof ConnectClient) this.#source.dispose();
  }
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

/** The package is optional, and large: users who need it install it. */
async function loadOnepasswordSdk(): Promise<OnepasswordSdk> {
  return import('@1password/sdk');
}

/** Reads through a service account, with 1Password's own package, which is loaded at the first reference. */
class ServiceAccount {
  readonly #token: Secret;
  readonly #tokenEnv: string;
  readonly #loadSdk: () => Promise<OnepasswordSdk>;
  #client: Promise<SdkClient> | undefined;

  constructor(token: Secret, tokenEnv: string, loadSdk: () => Promise<OnepasswordSdk>) {
    this.#token = token;
    this.#tokenEnv = tokenEnv;
    this.#loadSdk = loadSdk;
  }

  /** Throws an error that says what to do, also when the package is not installed. */
  async resolve(locator: string, signal: AbortSignal): Promise<ResolvedValue> {
    const { isOtp } = splitOnepasswordLocator(locator);
    const [path = ''] = locator.split('?', 1);
    const client = await this.#connect(signal);
    try {
      const value = await client.secrets.resolve(`op://${path}${isOtp ? '?attribute=totp' : ''}`);
      return {
        value,
        source: 'onepassword',
        // Each code is different, and the package gives nothing else.
        ...(isOtp && { changesWith: '' }),
        ...(value === '' && { warning: 'the field is empty' }),
      };
    } catch (error) {
      throw this.#failure('cannot read this', error);
    }
  }

  async #connect(signal: AbortSignal): Promise<SdkClient> {
    const client = (this.#client ??= this.#logIn());
    // The package cannot be cancelled. A login that failed or hangs is forgotten, and the next resolve logs in again.
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
    const { createClient } = await this.#loadSdk().catch((error: unknown) => {
      throw new PermanentReferenceError(
        'the package `@1password/sdk` is not installed; run `npm install @1password/sdk`, or set `onepassword.connect_host` for a Connect server',
        { cause: error },
      );
    });
    const auth = this.#token.reveal();
    try {
      return await createClient({ auth, integrationName: 'mxcp', integrationVersion: version });
    } catch (error) {
      throw this.#failure(`rejected the login with the token from ${this.#tokenEnv}`, error);
    }
  }

  /** Without the error as a cause: a foreign package may put secrets into it. */
  #failure(what: string, error: unknown): Error {
    return new Error(`1Password ${what}: ${quote(messageOf(error), [this.#token.reveal()])}`);
  }
}

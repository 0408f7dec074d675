import type { Disposable } from '../../../lifecycle/index.js';
import type { Secret } from '../../secret.js';
import type { TimeLimit } from '../http/time-limit.js';
import type { ReferenceResolver } from '../reference-resolver.js';
import { ConnectClient } from './connect-client.js';
import { readField } from './connect-field.js';
import { ConnectItems } from './connect-items.js';
import { splitOnepasswordLocator } from './onepassword-locator.js';
import type { OnepasswordSettings } from './onepassword-settings.js';
import { loadOnepasswordSdk, ServiceAccount, type OnepasswordSdk } from './sdk-account.js';

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

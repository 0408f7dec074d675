import type { BackgroundReport } from '../contract/index.js';
import type { Disposable, TimeLimit } from '../lifecycle/index.js';
import { createSilentLogger, type Logger, Scrubber } from '../logging/index.js';
import { type CurrentReference, LeasedSecrets } from './leased-secrets.js';
import { BUILT_IN_SCHEMES } from './references/reference-grammar.js';
import { PermanentReferenceError, type ReferenceResolver } from './references/resolve-references.js';
import type { Secret } from '../logging/index.js';
import type { OnepasswordSdk, OnepasswordSession } from './stores/onepassword-session.js';
import type { OnepasswordSection, SettingsPlace, VaultSection } from './stores/store-settings.js';
import type { VaultSession } from './stores/vault-session.js';

export interface SecretStoresOptions {
  readonly logger?: Logger | undefined;
  /** Stores of the program that embeds the server, each with its own scheme. */
  readonly added?: readonly ReferenceResolver[] | undefined;
  /** Loads 1Password's package; by default, from where this package is installed. */
  readonly loadOnepasswordSdk?: (() => Promise<OnepasswordSdk>) | undefined;
}

/** The settings of the stores, read when a reference needs them. They throw if they have problems. */
export interface StoreSections {
  vault(): Promise<VaultSection>;
  onepassword(): Promise<OnepasswordSection>;
}

interface StoreWork {
  readonly sections: StoreSections;
  readonly place: SettingsPlace;
  readonly limit: TimeLimit;
}

/**
 * The logins and connections to secret stores. They outlive a resolve, so that a reload does not log in again and tokens are
 * renewed in between. A store is loaded and opened when the first reference needs it. The owner disposes it.
 */
export class SecretStores implements Disposable {
  readonly #options: SecretStoresOptions;
  readonly #logger: Logger;
  readonly #leased = new LeasedSecrets();
  /** By reference, the last value it had, for redaction. */
  readonly #given = new Map<string, string>();
  #vault: VaultSession | undefined;
  #onepassword: OnepasswordSession | undefined;

  /** Throws when an added store has the scheme of another. */
  constructor(options: SecretStoresOptions = {}) {
    this.#options = options;
    this.#logger = (options.logger ?? createSilentLogger()).child({ component: 'secrets' });
    const wrong = this.schemes.find((scheme, at) => !isFree(scheme) || this.schemes.indexOf(scheme) !== at);
    if (wrong !== undefined) throw new Error(`a store cannot have the scheme \`${wrong}\`; give it one of its own`);
  }

  /** The schemes of the added stores. */
  get schemes(): readonly string[] {
    return this.#added.map(({ scheme }) => scheme);
  }

  /** The resolvers for these schemes. A store that cannot be opened fails at each of its references with the reason. */
  async openResolvers(schemes: ReadonlySet<string>, work: StoreWork): Promise<readonly ReferenceResolver[]> {
    const opening: Promise<ReferenceResolver>[] = [];
    if (schemes.has('vault')) opening.push(orFailing('vault', this.#openVault(work)));
    if (schemes.has('op')) opening.push(orFailing('op', this.#openOnepassword(work)));
    const all = [...this.#added, ...(await Promise.all(opening))];
    return all.map((resolver) => this.#leased.wrap(this.#redactErrors(resolver)));
  }

  /** During `work`, leased secrets are not read again unless their leases are due. */
  reuseLeased<T>(references: readonly CurrentReference[], work: () => Promise<T>): Promise<T> {
    return this.#leased.reuseWhile(references, work);
  }

  /** The logins that are kept between resolves. */
  reports(): readonly BackgroundReport[] {
    return this.#vault === undefined ? [] : [{ name: 'vault', ...this.#vault.report() }];
  }

  /** What of the logins ends and when, by store. */
  expiries(): readonly { readonly store: string; readonly kind: string; readonly at: Date }[] {
    return (this.#vault?.expiries() ?? []).map((expiry) => ({ store: 'vault', ...expiry }));
  }

  /** The secrets of the logins, for the scrubber. */
  secrets(): readonly Secret[] {
    return [...(this.#vault?.secrets() ?? []), ...(this.#onepassword?.secrets() ?? [])];
  }

  async dispose(): Promise<void> {
    this.#onepassword?.dispose();
    await this.#vault?.dispose();
  }

  get #added(): readonly ReferenceResolver[] {
    return this.#options.added ?? [];
  }

  async #openVault({ sections, place, limit }: StoreWork): Promise<ReferenceResolver> {
    const { loadVaultSettings } = await import('./stores/vault-settings.js');
    const { VaultSession } = await import('./stores/vault-session.js');
    const { createVaultResolver } = await import('./stores/vault-reader.js');
    const settings = await loadVaultSettings(await sections.vault(), place);
    let session = this.#vault;
    if (session?.identity !== settings.identity) {
      const previous = session;
      session = new VaultSession(settings, this.#logger, previous);
      this.#vault = session;
      this.#leased.forget('vault');
      await previous?.dispose();
    }
    return createVaultResolver(session, limit);
  }

  async #openOnepassword({ sections, place, limit }: StoreWork): Promise<ReferenceResolver> {
    const { loadOnepasswordSettings, OnepasswordSession } = await import('./stores/onepassword-session.js');
    const settings = await loadOnepasswordSettings(await sections.onepassword(), place);
    let session = this.#onepassword;
    if (session?.identity !== settings.identity) {
      session?.dispose();
      session = new OnepasswordSession(settings, this.#options.loadOnepasswordSdk);
      this.#onepassword = session;
    }
    return session.createResolver(limit);
  }

  /** A store may repeat in an error what was sent to it, or a value that it returned before. */
  #redactErrors(resolver: ReferenceResolver): ReferenceResolver {
    const { scheme } = resolver;
    return {
      scheme,
      resolve: async (locator, signal) => {
        try {
          const found = await resolver.resolve(locator, signal);
          this.#given.set(`${scheme}://${locator}`, found.value);
          return found;
        } catch (error) {
          throw this.#redact(error);
        }
      },
    };
  }

  #redact(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    // Built for each error, which is rare: a permanent scrubber would be rebuilt with every value.
    const scrubber = new Scrubber();
    scrubber.register([...this.secrets().map((secret) => secret.reveal()), ...this.#given.values()]);
    const message = scrubber.scrub(error.message);
    if (message === error.message) return error;
    // Without its cause, which could quote the same.
    return error instanceof PermanentReferenceError ? new PermanentReferenceError(message) : new Error(message);
  }
}

function isFree(scheme: string): boolean {
  return /^[a-z][a-z0-9+.-]*$/.test(scheme) && ![...BUILT_IN_SCHEMES, 'env'].includes(scheme);
}

async function orFailing(scheme: string, opening: Promise<ReferenceResolver>): Promise<ReferenceResolver> {
  try {
    return await opening;
  } catch (error) {
    // Reported at each reference, together with everything else that has no value.
    return { scheme, resolve: () => Promise.reject(error) };
  }
}

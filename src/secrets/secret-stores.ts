import type { Disposable } from '../lifecycle/index.js';
import { createSilentLogger, type Logger, Scrubber } from '../logging/index.js';
import { LentValues, type ServedReference } from './leases.js';
import { BUILT_IN_SCHEMES } from './references/reference-grammar.js';
import { LastingReferenceError, type ReferenceResolver } from './references/reference-resolver.js';
import type { Secret } from './references/secret.js';
import type { TimeLimit } from './stores/http-peer.js';
import type { OnepasswordSdk, OnepasswordSession } from './stores/onepassword-session.js';
import type { OnepasswordSection, SettingsPlace, VaultSection } from './stores/store-settings.js';
import type { VaultSession } from './stores/vault-session.js';

export interface SecretStoresOptions {
  readonly logger?: Logger | undefined;
  /** Stores of the program that embeds the server, each with a scheme of its own. */
  readonly added?: readonly ReferenceResolver[] | undefined;
  /** How 1Password's package is loaded; without it, from where this package is installed. */
  readonly loadOnepasswordSdk?: (() => Promise<OnepasswordSdk>) | undefined;
}

/** The settings of the stores, each asked for only when a reference needs it. They throw when they have problems. */
export interface StoreSections {
  vault(): Promise<VaultSection>;
  onepassword(): Promise<OnepasswordSection>;
}

/** One resolve. */
export interface StoreWork {
  readonly sections: StoreSections;
  readonly place: SettingsPlace;
  readonly limit: TimeLimit;
}

/** How a login is, for a person. */
export interface StoreReport {
  readonly name: string;
  readonly status: 'ok' | 'failing';
  readonly message: string;
}

/**
 * The logins and connections to secret stores. They outlive a resolve, so that a reload does not log in again, and a
 * token is renewed in between; a store is loaded and opened when the first reference needs it. The owner disposes it.
 */
export class SecretStores implements Disposable {
  readonly #options: SecretStoresOptions;
  readonly #logger: Logger;
  readonly #net = new ValueNet(() => this.secrets());
  readonly #lent = new LentValues();
  #vault: VaultSession | undefined;
  #onepassword: OnepasswordSession | undefined;

  /** Throws when an added store takes the scheme of another. */
  constructor(options: SecretStoresOptions = {}) {
    this.#options = options;
    this.#logger = (options.logger ?? createSilentLogger()).child({ component: 'secrets' });
    const schemes = this.#added.map(({ scheme }) => scheme);
    const wrong = schemes.find((scheme, at) => !isFree(scheme) || schemes.indexOf(scheme) !== at);
    if (wrong !== undefined)
      throw new Error(`a store cannot have the scheme \`${wrong}\`; give it one of its own`);
  }

  /** Of the added stores; texts that begin with one are references. */
  get schemes(): readonly string[] {
    return this.#added.map(({ scheme }) => scheme);
  }

  /** What resolves the references of these schemes. A store that cannot be opened says why at each of its references. */
  async openResolvers(schemes: ReadonlySet<string>, work: StoreWork): Promise<readonly ReferenceResolver[]> {
    const opening: Promise<ReferenceResolver>[] = [];
    if (schemes.has('vault')) opening.push(orFailing('vault', this.#openVault(work)));
    if (schemes.has('op')) opening.push(orFailing('op', this.#openOnepassword(work)));
    const all = [...this.#added, ...(await Promise.all(opening))];
    return all.map((resolver) => this.#lent.under(this.#net.under(resolver)));
  }

  /** While this work goes on, values on loan are not read anew, unless their leases are due. */
  keepLent<T>(serving: readonly ServedReference[], work: () => Promise<T>): Promise<T> {
    return this.#lent.keepWhile(serving, work);
  }

  /** Of what is kept alive between resolves. */
  reports(): readonly StoreReport[] {
    return this.#vault === undefined ? [] : [{ name: 'vault', ...this.#vault.report() }];
  }

  /** What the logins are made of, for the scrubber. */
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
      this.#lent.forget('vault');
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
}

function isFree(scheme: string): boolean {
  return /^[a-z][a-z0-9+.-]*$/.test(scheme) && !BUILT_IN_SCHEMES.includes(scheme) && scheme !== 'env';
}

async function orFailing(scheme: string, opening: Promise<ReferenceResolver>): Promise<ReferenceResolver> {
  try {
    return await opening;
  } catch (error) {
    // Told where the references stand, together with everything else that has no value.
    return { scheme, resolve: () => Promise.reject(error) };
  }
}

/**
 * The net under the errors of stores: a store may repeat in an error what was sent to it, or a value it gave out before.
 * What it knows is what the stores were given and gave last; it lives as long as they do.
 */
export class ValueNet {
  readonly #logins: () => readonly Secret[];
  /** By reference, the last value it had. */
  readonly #given = new Map<string, string>();

  /** `logins` tells at any time what the logins are made of. */
  constructor(logins: () => readonly Secret[]) {
    this.#logins = logins;
  }

  /** The same resolver, whose errors hold nothing of that. */
  under(resolver: ReferenceResolver): ReferenceResolver {
    const { scheme } = resolver;
    return {
      scheme,
      resolve: async (locator, signal) => {
        try {
          const found = await resolver.resolve(locator, signal);
          this.#given.set(`${scheme}://${locator}`, found.value);
          return found;
        } catch (error) {
          throw this.#scrub(error);
        }
      },
    };
  }

  #scrub(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    // Made for each error: a scrubber that is kept would be made anew with every value.
    const scrubber = new Scrubber();
    scrubber.register([...this.#logins().map((secret) => secret.reveal()), ...this.#given.values()]);
    const message = scrubber.scrub(error.message);
    if (message === error.message) return error;
    // Without its cause, which could quote the same.
    return error instanceof LastingReferenceError ? new LastingReferenceError(message) : new Error(message);
  }
}

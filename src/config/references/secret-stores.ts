import type { Disposable } from '../../lifecycle/index.js';
import { createSilentLogger, type Logger } from '../../logging/index.js';
import type { OnepasswordSection, VaultSection } from '../schema/store-schemas.js';
import type { Secret } from '../secret.js';
import type { TimeLimit } from './http/time-limit.js';
import type { OnepasswordSdk, OnepasswordSession } from './onepassword/index.js';
import { LentValues, type ServedReference } from './lent-values.js';
import { BUILT_IN_SCHEMES } from './reference-grammar.js';
import type { ReferenceResolver } from './reference-resolver.js';
import type { SettingsPlace } from './settings-place.js';
import { ValueNet } from './value-net.js';
import type { VaultSession } from './vault/index.js';

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
    const { createVaultResolver, loadVaultSettings, VaultSession } = await import('./vault/index.js');
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
    const { loadOnepasswordSettings, OnepasswordSession } = await import('./onepassword/index.js');
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

import {
  fingerprintOf,
  type ReferenceResolver,
  type ResolvedReference,
  type ResolvedValue,
} from './references/resolve-references.js';

type Lease = Pick<ResolvedReference, 'resolvedAt' | 'leaseSeconds' | 'fingerprint'>;

/** A value is read again after this part of its lease, so that there is time left for failures. */
const LEASE_PART = 2 / 3;

/**
 * When a value must be read again, in milliseconds since 1970; undefined without a lease. It is up to a tenth earlier, so that
 * many servers do not come at the same moment, and always the same for one value, because two places compute it.
 */
export function leaseDueAt({ resolvedAt, leaseSeconds, fingerprint }: Lease): number | undefined {
  if (leaseSeconds === undefined || leaseSeconds <= 0) return undefined;
  const earlier = Number.parseInt(fingerprint.slice(0, 4), 16) / 0xffff / 10;
  return resolvedAt.getTime() + leaseSeconds * 1000 * LEASE_PART * (1 - earlier);
}

/** The part of a record that identifies the value of the current generation. */
export type CurrentReference = Pick<ResolvedReference, 'ref' | 'fingerprint'>;

/** What one resolve read at one place of a store. A user name and its password are only valid together. */
interface Read {
  readonly at: Date;
  /** By locator. */
  readonly values: Map<string, ResolvedValue>;
}

/** Timers may be early. */
const EARLY_MS = 50;

/** A person may reload any number of times; the current generation is rarely older than this many reads. */
const MAX_READS = 8;

/**
 * Keeps leased secrets while they are valid. Reading one may create new credentials in the store, so background work reuses
 * what there is. Lives as long as the stores.
 */
export class LeasedSecrets {
  /** By place, the newest first. */
  readonly #reads = new Map<string, readonly Read[]>();
  /** Fingerprints of the current generation by reference; undefined unless values are reused. */
  #current: ReadonlyMap<string, string> | undefined;

  /** During `work`, every resolve reuses the current values, otherwise the newest, unless their leases are due. */
  async reuseWhile<T>(references: readonly CurrentReference[], work: () => Promise<T>): Promise<T> {
    const current = new Map(references.map(({ ref, fingerprint }) => [ref, fingerprint]));
    this.#current = current;
    try {
      return await work();
    } finally {
      if (this.#current === current) this.#current = undefined;
    }
  }

  /** After another login: the values of the previous one may have ended with it. */
  forget(scheme: string): void {
    for (const place of this.#reads.keys()) if (place.startsWith(`${scheme}://`)) this.#reads.delete(place);
  }

  /** Wraps a resolver, for one resolve. */
  wrap(resolver: ReferenceResolver): ReferenceResolver {
    const { scheme } = resolver;
    const wanted = new Map<string, { readonly locators: string[]; read?: Read }>();
    return {
      scheme,
      resolve: async (locator, signal) => {
        // As in Vault, a key follows `#`; all keys of one path are read together.
        const place = `${scheme}://${locator.split('#', 1)[0]}`;
        const here = wanted.get(place) ?? { locators: [] };
        wanted.set(place, here);
        here.locators.push(locator);
        // A resolve requests all its references in one turn of the event loop; afterwards all locators are known.
        await Promise.resolve();
        here.read ??= this.#findKept(place, here.locators) ?? { at: new Date(), values: new Map() };
        const kept = here.read.values.get(locator);
        return kept ?? this.#keep(place, here.read, locator, await resolver.resolve(locator, signal));
      },
    };
  }

  #keep(place: string, read: Read, locator: string, found: ResolvedValue): ResolvedValue {
    if (found.leaseSeconds === undefined || found.mayChangeEarlier === true) return found;
    const value = { ...found, readAt: read.at };
    read.values.set(locator, value);
    const others = (this.#reads.get(place) ?? []).filter((other) => other !== read && isValid(other));
    this.#reads.set(place, [read, ...others].slice(0, MAX_READS));
    return value;
  }

  #findKept(place: string, locators: readonly string[]): Read | undefined {
    const current = this.#current;
    if (current === undefined) return undefined;
    const complete = (this.#reads.get(place) ?? []).filter(
      (read) => isValid(read) && locators.every((locator) => read.values.has(locator)),
    );
    const [scheme = ''] = place.split('://', 1);
    const isCurrent = ({ values }: Read): boolean =>
      locators.every((each) => current.get(`${scheme}://${each}`) === fingerprintOf(values.get(each)));
    return complete.find(isCurrent) ?? complete[0];
  }
}

function isValid({ at, values }: Read): boolean {
  return [...values.values()].every((value) => {
    const lease = { resolvedAt: at, leaseSeconds: value.leaseSeconds, fingerprint: fingerprintOf(value) };
    return (leaseDueAt(lease) ?? 0) > Date.now() + EARLY_MS;
  });
}

import {
  fingerprintOf,
  type ReferenceResolver,
  type ResolvedValue,
} from './references/reference-resolver.js';

/** What is known of a value that a store lends; records of references have it. */
export interface Lease {
  readonly resolvedAt: Date;
  readonly leaseSeconds?: number | undefined;
  readonly fingerprint: string;
}

/** A value is fetched anew when this part of its lease is over, so that there is time left to fail in. */
const LEASE_PART = 2 / 3;

/**
 * When a value has to be fetched anew, in milliseconds since 1970; undefined for one that is no loan. Up to a tenth earlier, so
 * that many servers do not come at the same moment; always the same for one value, because its lease is looked at in two places.
 */
export function leaseDueAt({ resolvedAt, leaseSeconds, fingerprint }: Lease): number | undefined {
  if (leaseSeconds === undefined || leaseSeconds <= 0) return undefined;
  const earlier = Number.parseInt(fingerprint.slice(0, 4), 16) / 0xffff / 10;
  return resolvedAt.getTime() + leaseSeconds * 1000 * LEASE_PART * (1 - earlier);
}

/** A record of a reference, as far as it tells which value it has. */
export interface ServedReference {
  readonly ref: string;
  readonly fingerprint: string;
}

/** What one resolve read at one place of a store. A user name and its password are only good together. */
interface Read {
  readonly at: Date;
  /** By locator. */
  readonly values: Map<string, ResolvedValue>;
}

/** Timers may be early. */
const EARLY_MS = 50;

/** A person may read anew as often as they like; what serves is hardly ever older than so many reads. */
const MOST_READS = 8;

/**
 * The values that stores have lent, for as long as they are good. Reading one may create it, so work that nobody asked for takes
 * what there is. They live as long as the stores do.
 */
export class LentValues {
  /** By place, the newest first. */
  readonly #reads = new Map<string, readonly Read[]>();
  /** Fingerprints by reference; undefined unless values are kept. */
  #served: ReadonlyMap<string, string> | undefined;

  /** While this work goes on, whatever resolves gets the values that serve, else the newest, unless their leases are due. */
  async keepWhile<T>(serving: readonly ServedReference[], work: () => Promise<T>): Promise<T> {
    const served = new Map(serving.map(({ ref, fingerprint }) => [ref, fingerprint]));
    this.#served = served;
    try {
      return await work();
    } finally {
      if (this.#served === served) this.#served = undefined;
    }
  }

  /** What another login has lent may end with it. */
  forget(scheme: string): void {
    for (const place of this.#reads.keys()) if (place.startsWith(`${scheme}://`)) this.#reads.delete(place);
  }

  /** The same resolver, for one resolve. */
  under(resolver: ReferenceResolver): ReferenceResolver {
    const { scheme } = resolver;
    const wanted = new Map<string, { readonly locators: string[]; read?: Read }>();
    return {
      scheme,
      resolve: async (locator, signal) => {
        const place = placeOf(scheme, locator);
        const here = wanted.get(place) ?? { locators: [] };
        wanted.set(place, here);
        here.locators.push(locator);
        // All references of a resolve are asked for in one turn: after it, all that is wanted here is known.
        await Promise.resolve();
        here.read ??= this.#findKept(place, here.locators) ?? { at: new Date(), values: new Map() };
        const kept = here.read.values.get(locator);
        return kept ?? this.#note(here.read, { place, locator }, await resolver.resolve(locator, signal));
      },
    };
  }

  #note(read: Read, at: { readonly place: string; readonly locator: string }, found: ResolvedValue) {
    if (found.leaseSeconds === undefined || found.mayChangeEarlier === true) return found;
    const value = { ...found, readAt: read.at };
    read.values.set(at.locator, value);
    const others = (this.#reads.get(at.place) ?? []).filter((other) => other !== read && isGood(other));
    this.#reads.set(at.place, [read, ...others].slice(0, MOST_READS));
    return value;
  }

  #findKept(place: string, locators: readonly string[]): Read | undefined {
    const served = this.#served;
    if (served === undefined) return undefined;
    const whole = (this.#reads.get(place) ?? []).filter(
      (read) => isGood(read) && locators.every((locator) => read.values.has(locator)),
    );
    const [scheme = ''] = place.split('://', 1);
    const serves = ({ values }: Read): boolean =>
      locators.every(
        (locator) => served.get(`${scheme}://${locator}`) === fingerprintOf(values.get(locator)),
      );
    return whole.find(serves) ?? whole[0];
  }
}

/** Keys stand behind `#`, as with Vault; all that stands before is read together. */
function placeOf(scheme: string, locator: string): string {
  const [path = ''] = locator.split('#', 1);
  return `${scheme}://${path}`;
}

function isGood({ at, values }: Read): boolean {
  return [...values.values()].every((value) => {
    const lease = { resolvedAt: at, leaseSeconds: value.leaseSeconds, fingerprint: fingerprintOf(value) };
    return (leaseDueAt(lease) ?? 0) > Date.now() + EARLY_MS;
  });
}

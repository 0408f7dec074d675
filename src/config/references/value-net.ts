import { Scrubber } from '../../logging/index.js';
import type { Secret } from '../secret.js';
import { LastingReferenceError } from './reference-failure.js';
import type { ReferenceResolver } from './reference-resolver.js';

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

import type { ReferenceSource } from '../resolved-config.js';

export interface ResolvedValue {
  readonly value: string;
  /** The store's own version of the value, where it has one. */
  readonly version: string | null;
  readonly source: ReferenceSource;
  /** Something a person should look at although there is a value. Never contains it. */
  readonly warning?: string | undefined;
}

/**
 * One store that references point to. `resolve` answers with the present value and caches nothing, or throws an error
 * whose message goes behind the reference's name and never contains a value.
 */
export interface ReferenceResolver {
  readonly scheme: string;
  resolve(locator: string, signal: AbortSignal): Promise<ResolvedValue>;
}

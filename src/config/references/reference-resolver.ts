/** `env_file`, `process_env`, `file`, `vault`, `onepassword`, or the scheme of a store that was added. */
export type ReferenceSource = string;

export interface ResolvedValue {
  readonly value: string;
  /** The store's own version of the value, where it has one. */
  readonly version?: string | null | undefined;
  /** Where it came from, as `/config` tells it; without it, the scheme. */
  readonly source?: ReferenceSource | undefined;
  /** How long the value is good, where the store says: a refresh comes before. */
  readonly leaseSeconds?: number | undefined;
  /** The store may have another one before that time is over, so that a refresh asks again. */
  readonly mayChangeEarlier?: boolean | undefined;
  /** When it was read, where that was before this resolve. */
  readonly readAt?: Date | undefined;
  /** What tells whether the value has changed, where the value itself does not: a one-time password is always another. */
  readonly changesWith?: string | undefined;
  /** Something a person should look at although there is a value. Never contains it. */
  readonly warning?: string | undefined;
}

/**
 * One store that references point to. `resolve` answers with the present value and caches nothing, or throws an error
 * whose message goes behind the reference's name and never contains a value. It should give up when the signal is
 * aborted; it is not waited for then.
 */
export interface ReferenceResolver {
  /** `scheme` of `scheme://locator`. */
  readonly scheme: string;
  resolve(locator: string, signal: AbortSignal): Promise<ResolvedValue>;
}

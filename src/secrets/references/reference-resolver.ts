import { MxcpError } from '../../errors/index.js';
import { fingerprint } from '../../files/index.js';

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

/** Of what a reference resolved to; undefined for one without a value. */
export function fingerprintOf(found: ResolvedValue | undefined): string {
  if (found === undefined) return fingerprint('unset');
  return fingerprint(
    found.changesWith === undefined ? `set:${found.value}` : `changes with:${found.changesWith}`,
  );
}

/** One reference that has no value, for the record of a reload. */
export interface FailedReference {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly error: string;
  /** Time may mend it: the store is down, a file or a variable is not there yet. */
  readonly canHeal: boolean;
}

/** Thrown by a resolver for what no time mends: the reference or the configuration has to be changed. */
export class LastingReferenceError extends Error {}

/** Travels as the cause of an error about env files that are not there, and may be soon. */
export class EnvFilesMissing extends Error {}

/** Travels as the cause of a `reference_unresolved` error. */
export class ReferenceFailures extends Error {
  readonly failures: readonly FailedReference[];
  /** The others, which have a value. */
  readonly resolved: readonly ResolvedReference[];

  constructor(failures: readonly FailedReference[], resolved: readonly ResolvedReference[]) {
    super(`${failures.length} references have no value`);
    this.failures = failures;
    this.resolved = resolved;
  }
}

/** The references that a failed resolve could not resolve; empty for any other error. */
export function failedReferences(error: unknown): readonly FailedReference[] {
  return error instanceof MxcpError && error.cause instanceof ReferenceFailures ? error.cause.failures : [];
}

/** The references that have a value although the resolve failed; empty for any other error. */
export function resolvedDespite(error: unknown): readonly ResolvedReference[] {
  return error instanceof MxcpError && error.cause instanceof ReferenceFailures ? error.cause.resolved : [];
}

/** Whether the same configuration may resolve later, without anybody changing it. */
export function canHeal(error: unknown): boolean {
  if (!(error instanceof MxcpError)) return false;
  if (error.cause instanceof EnvFilesMissing) return true;
  const failures = failedReferences(error);
  return failures.length > 0 && failures.every((failure) => failure.canHeal);
}

/** One distinct reference and what is known about its value. The value itself is not here. */
export interface ResolvedReference {
  /** As it stands in the file, e.g. `${DB_PASSWORD}` or `file://token.txt`. */
  readonly ref: string;
  /** Dotted configuration paths, sorted. */
  readonly usedBy: readonly string[];
  readonly source: ReferenceSource;
  readonly resolvedAt: Date;
  /** When a resolve first saw the present value. */
  readonly changedAt: Date;
  /** The store's own version of the value, where it has one. */
  readonly version: string | null;
  /** Keyed hash of the value; the key is random per process, so a rotation shows and nothing can be guessed. */
  readonly fingerprint: string;
  /** How long the store says the value is good for, where it says so. */
  readonly leaseSeconds?: number | undefined;
  /** Something a person should look at although there is a value, such as that it is empty. */
  readonly warning?: string | undefined;
}

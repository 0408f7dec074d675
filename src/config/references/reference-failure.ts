import { MxcpError } from '../../errors/index.js';
import type { ResolvedReference } from '../resolved-config.js';

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

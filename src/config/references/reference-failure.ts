import { MxcpError } from '../../errors/index.js';

/** One reference that has no value, for the record of a reload. */
export interface FailedReference {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly error: string;
}

/** Travels as the cause of a `reference_unresolved` error. */
export class ReferenceFailures extends Error {
  readonly failures: readonly FailedReference[];

  constructor(failures: readonly FailedReference[]) {
    super(`${failures.length} references have no value`);
    this.failures = failures;
  }
}

/** The references that a failed resolve could not resolve; empty for any other error. */
export function failedReferences(error: unknown): readonly FailedReference[] {
  return error instanceof MxcpError && error.cause instanceof ReferenceFailures ? error.cause.failures : [];
}

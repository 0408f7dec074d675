import type { Generation } from '../lifecycle/index.js';
import type { DatabaseOutcome, ReferenceOutcome, RestartRequired } from './reload-record.js';

/** What a step found out, for the record. Each call adds to what was reported before. */
export interface ReloadFindings {
  readonly references?: readonly ReferenceOutcome[];
  readonly restartRequired?: readonly RestartRequired[];
  readonly definitionsChanged?: readonly string[];
  readonly database?: DatabaseOutcome;
}

export interface ReloadContext {
  readonly dryRun: boolean;
  /** Whether endpoint definitions are read again too. */
  readonly definitions: boolean;
  /** The number the candidate will have. */
  readonly nextNumber: number;
  report(findings: ReloadFindings): void;
}

/**
 * What a reload does to the thing that is reloaded; the transaction decides when. Until `commit`, a step changes nothing
 * that a caller can see, and frees what it made when it throws.
 */
export interface ReloadSteps<Loaded, Resolved, T> {
  load(context: ReloadContext): Promise<Loaded>;
  resolve(loaded: Loaded, context: ReloadContext): Promise<Resolved>;
  build(resolved: Resolved, context: ReloadContext): Promise<Generation<T>>;
  check(candidate: Generation<T>, context: ReloadContext): Promise<void>;
  /** Effects that all generations see, in one transaction. When it throws, none of them happened. */
  commit(candidate: Generation<T>): Promise<void>;
  /** Right after the swap; must not throw. */
  announce(candidate: Generation<T>, previous: Generation<T>): void;
}

import type { Generation } from '../lifecycle/index.js';

/** Everything that can ask for a reload. All of them go through the coordinator. */
export type ReloadTrigger = 'sighup' | 'api' | 'cli' | 'endpoint' | 'watch' | 'refresh';

export type ReloadStageName = 'load' | 'resolve' | 'build' | 'check' | 'swap' | 'drain' | 'dispose';

export interface ReloadStage {
  readonly name: ReloadStageName;
  readonly status: 'pending' | 'running' | 'success' | 'error' | 'skipped';
  readonly durationMs: number | null;
}

export interface ReferenceOutcome {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly outcome: 'changed' | 'unchanged' | 'added' | 'removed' | 'failed';
  readonly version: string | null;
  readonly error: string | null;
}

/** A difference between what runs and what is on disk that only a restart applies. Values are redacted. */
export interface RestartRequired {
  readonly setting: string;
  readonly running: unknown;
  readonly onDisk: unknown;
}

export interface ReloadFailure {
  readonly code: string;
  readonly message: string;
  readonly stage: ReloadStageName;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

export interface DatabaseOutcome {
  readonly action: 'kept' | 'reopened' | 'handover';
  readonly pauseMs: number;
  readonly requestsHeld: number;
}

/** What one run of the transaction did, for everyone who asked for it. Immutable: each step makes a new one. */
export interface ReloadRecord {
  readonly id: string;
  readonly trigger: ReloadTrigger;
  readonly status: 'queued' | 'running' | 'success' | 'error';
  readonly dryRun: boolean;
  readonly definitions: boolean;
  readonly requestedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly durationMs: number | null;
  readonly generation: { readonly from: number; readonly to: number | null };
  readonly stages: readonly ReloadStage[];
  readonly references: readonly ReferenceOutcome[];
  readonly database: DatabaseOutcome | null;
  /** Calls that were still running on the old generation when the new one began to serve. */
  readonly requestsDraining: number;
  readonly restartRequired: readonly RestartRequired[];
  /** Endpoint definitions on disk that differ from those that serve, e.g. `tools/sales.yml: changed`. */
  readonly definitionsChanged: readonly string[];
  readonly error: ReloadFailure | null;
  /** The other requests that this run answers. */
  readonly sharedWith: readonly string[];
}

/** What a step found out, for the record. Each call adds to what was reported before. */
export interface ReloadFindings {
  readonly references?: readonly ReferenceOutcome[];
  readonly restartRequired?: readonly RestartRequired[];
  readonly definitionsChanged?: readonly string[];
  readonly database?: DatabaseOutcome;
}

/** Work that an endpoint wants done while the database is closed. */
export interface ReloadPayload {
  /** Aborting ends it early. Throws what went wrong with it. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends the process that ran it if it is this one, which still holds the file. False when it is not. */
  endHolder(processId: number): Promise<boolean>;
  /** It is not needed any more, whether it ran or not. Resolves when whatever kept it is gone. Idempotent, never rejects. */
  release(): Promise<void>;
}

export interface ReloadContext {
  readonly dryRun: boolean;
  /** Whether endpoint definitions are read again too. */
  readonly definitions: boolean;
  readonly payload: ReloadPayload | undefined;
  /** The number the candidate will have. */
  readonly nextNumber: number;
  /** Aborted when the server closes, with `server_closing`: what waits gives up, what has to be finished is finished. */
  readonly signal: AbortSignal;
  report(findings: ReloadFindings): void;
}

/** The next generation as far as it can be built beside what serves. Whoever gets it commits or disposes it. */
export interface Candidate<T> {
  /**
   * Whether it can only be completed when no call runs, because it needs alone what the old generation has open. Calls are
   * then held around `commit`.
   */
  readonly needsHandover: boolean;
  /** Throws what makes it unfit to serve. */
  check(): Promise<void>;
  /** Before anybody is held, for what would make them wait longer. Never throws. */
  shortenHandover(): Promise<void>;
  /**
   * The last step that can fail: what all generations see, and what a handover exchanges. When it throws, none of it has
   * happened or all of it was taken back, and what served still does.
   */
  commit(): Promise<Generation<T>>;
  /** Also after a commit that threw; not after one that succeeded. */
  dispose(): Promise<void>;
}

/**
 * What a reload does to the thing that is reloaded; the transaction decides when. Until the candidate is committed, a step
 * changes nothing that a caller can see, and frees what it made when it throws.
 */
export interface ReloadSteps<Loaded, Resolved, T> {
  /** Only reads: nobody waits for its end once the server closes. */
  load(context: ReloadContext): Promise<Loaded>;
  resolve(loaded: Loaded, context: ReloadContext): Promise<Resolved>;
  build(resolved: Resolved, context: ReloadContext): Promise<Candidate<T>>;
  /** Right after the swap; must not throw. */
  announce(next: Generation<T>, previous: Generation<T>): void;
}

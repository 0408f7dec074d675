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

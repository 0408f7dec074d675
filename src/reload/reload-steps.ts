import type { RunRecord } from '../contract/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';

export interface HandoverLimits {
  /** The longest single pause while earlier calls end. */
  readonly pauseTimeoutMs: number;
  /** How long running calls may delay a handover altogether. */
  readonly drainTimeoutMs: number;
}

/** What one reload runs on. */
export interface TransactionInput<T> {
  readonly active: ActiveGeneration<T>;
  readonly steps: ReloadSteps<unknown, unknown, T>;
  readonly logger: Logger;
  readonly limits: HandoverLimits;
  /** Aborted when the server closes, with `server_closing` as its reason. */
  readonly signal: AbortSignal;
  /** From its abort on, running calls are interrupted. */
  readonly forced: AbortSignal;
  /** Resolves when the generations that were replaced earlier are freed. */
  readonly earlierFreed: () => Promise<void>;
  readonly payload: ReloadPayload | undefined;
}

/**
 * What a reload does to the thing that is reloaded; the transaction decides when. Until the candidate is committed, a step changes
 * nothing that a caller can see, and frees what it made when it throws.
 */
export interface ReloadSteps<Loaded, Resolved, T> {
  /** Only reads: the transaction does not wait for it once the server closes. */
  load(context: ReloadContext): Promise<Loaded>;
  resolve(loaded: Loaded, context: ReloadContext): Promise<Resolved>;
  build(resolved: Resolved, context: ReloadContext): Promise<Candidate<T>>;
  /** Right after the swap; must not throw. */
  announce(next: Generation<T>, previous: Generation<T>): void;
}

export interface ReloadContext {
  readonly dryRun: boolean;
  /** Whether endpoint definitions are read again too. */
  readonly definitions: boolean;
  readonly payload: ReloadPayload | undefined;
  /** The number the candidate will have. */
  readonly nextNumber: number;
  /** Aborted when the server closes, with `server_closing`: waiting steps give up, an exchange that has begun is finished. */
  readonly signal: AbortSignal;
  report(findings: ReloadFindings): void;
}

/** What a step found out, for the record. Each call adds to the findings before it. */
export type ReloadFindings = Partial<
  Pick<RunRecord, 'references' | 'restartRequired' | 'definitionsChanged' | 'definitionsRefused' | 'database'>
>;

/** The next generation, as far as it can be built beside the current one. The transaction commits or disposes it. */
export interface Candidate<T> {
  /**
   * Whether it needs exclusive use of something that the current generation has open. Then no call may run during `commit`, and new
   * calls are paused.
   */
  readonly needsHandover: boolean;
  /** Throws the reason when it cannot serve. */
  check(): Promise<void>;
  /** Before the pause, for work that would make it longer. Never throws. */
  prepareHandover(): Promise<void>;
  /**
   * The last step that can fail: what all generations share, and what a handover exchanges. When it throws, the
   * current generation keeps serving; after a failed handover, on its old database if that could be opened again.
   */
  commit(): Promise<Generation<T>>;
  /** Also after a commit that threw; not after one that succeeded. */
  dispose(): Promise<void>;
}

/** Work that an endpoint has asked for while the database is closed. */
export interface ReloadPayload {
  /** Aborting ends it early. Throws the error of the work. */
  run(signal: AbortSignal): Promise<void>;
  /** If the process with this id ran it and still holds the file, ends that process. Returns false for any other process. */
  endLockHolder(processId: number): Promise<boolean>;
  /** It is no longer needed, whether it ran or not. Resolves when everything kept for it is gone. Idempotent, never rejects. */
  release(): Promise<void>;
}

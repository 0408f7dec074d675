import type { RunRecord } from '../contract/index.js';
import type { Generation } from '../lifecycle/index.js';

/** What a step found out, for the record. Each call adds to what was reported before. */
export type ReloadFindings = Partial<
  Pick<RunRecord, 'references' | 'restartRequired' | 'definitionsChanged' | 'database'>
>;

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

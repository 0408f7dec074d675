import { MxcpError } from '../../errors/index.js';
import type { QueryOf } from '../contract/index.js';

export interface ReloadRequestOptions {
  /** Build and check a candidate, then throw it away. */
  readonly dryRun?: boolean;
  /** Read endpoint definitions again too; the server's setting unless given. */
  readonly definitions?: boolean;
  /** Interrupt calls that stand in the way instead of waiting for them; not for a dry run. */
  readonly force?: boolean;
}

export interface ReloadOptions extends ReloadRequestOptions {
  /**
   * How long to wait for the end of the reload, which goes on when the time runs out: from 1 to 600000. Without it a
   * dry run is waited for as long as it takes, and any other reload not at all.
   */
  readonly waitMs?: number;
}

/** What is waited for. */
export type WaitingReloadOptions = ReloadOptions & ({ readonly waitMs: number } | { readonly dryRun: true });

/** What is not. */
export type QueuedReloadOptions = ReloadOptions & { readonly waitMs?: undefined; readonly dryRun?: false };

export type ReloadQuery = Partial<Record<keyof QueryOf<'postReload'>, string>>;

export function toReloadQuery({ dryRun, definitions, force }: ReloadRequestOptions): ReloadQuery {
  return {
    ...(dryRun === undefined ? {} : { dry_run: String(dryRun) }),
    ...(definitions === undefined ? {} : { definitions: String(definitions) }),
    ...(force === undefined ? {} : { force: String(force) }),
  };
}

/** A wait of nothing is answered like a request without one. Throws `usage`. */
export function toWaitQuery(waitMs: number | undefined): ReloadQuery {
  if (waitMs === undefined) return {};
  if (Number.isFinite(waitMs) && waitMs >= 1) return { wait: `${Math.round(waitMs)}ms` };
  throw new MxcpError(
    'usage',
    `waitMs must be a number of milliseconds from 1 on, not ${waitMs}; requestReload() waits for nothing`,
  );
}

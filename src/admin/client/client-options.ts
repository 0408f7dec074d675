import type { CallTraceEntry, QueryOf } from '../../contract/index.js';
import { MxcpError } from '../../errors/index.js';

export interface AdminClientOptions {
  readonly socketPath: string;
  /** How long an answer may take, beside the time that a reload is waited for. Ten seconds unless given. */
  readonly timeoutMs?: number;
  /** What the record of a reload names as its trigger. */
  readonly trigger?: 'api' | 'cli';
  /** Of the file that the server keeps beside its database; for `run`, `query` and `validate`. */
  readonly token?: string;
  /** How answers are read; JSON.parse unless given. */
  readonly parse?: (text: string) => unknown;
}

/** From JavaScript anything may come. Throws `usage`. */
export function checkClientOptions(options: unknown): void {
  const path =
    typeof options === 'object' && options !== null && 'socketPath' in options ? options.socketPath : undefined;
  if (typeof path === 'string' && path !== '') return;
  throw new MxcpError(
    'usage',
    "AdminClient needs the path of a socket as `socketPath`: new AdminClient({ socketPath: '/run/mxcp/mxcp.sock' })",
  );
}

export interface ClientEventOptions {
  /** Names of events, or of groups such as `reload`; all unless given. */
  readonly types?: readonly string[];
  /** The id of the last event that was seen. */
  readonly since?: string | undefined;
  readonly signal?: AbortSignal;
}

export interface ClientTraceOptions {
  /** As the project declares it. */
  readonly endpoint?: string;
  /** Only calls that took at least this long, such as `100ms`. */
  readonly slowerThan?: string;
  /** Only calls that failed. */
  readonly errors?: boolean;
  readonly signal?: AbortSignal;
}

export type TraceEvent =
  | { readonly event: 'call'; readonly data: CallTraceEntry }
  | { readonly event: 'stream.end'; readonly data: unknown };

export interface ReloadRequestOptions {
  /** Build and check a candidate, then throw it away. */
  readonly dryRun?: boolean;
  /** Read endpoint definitions again too; the server's setting unless given. */
  readonly definitions?: boolean;
  /** Interrupt running calls instead of waiting for them; not for a dry run. */
  readonly force?: boolean;
}

export interface ClientReloadOptions extends ReloadRequestOptions {
  /**
   * How long to wait for the end of the reload, which continues when the time runs out: from 1 to 600000. Without it a
   * dry run is waited for as long as it takes, and any other reload not at all.
   */
  readonly waitMs?: number;
}

/** What is waited for. */
export type WaitingReloadOptions = ClientReloadOptions & ({ readonly waitMs: number } | { readonly dryRun: true });

/** What is not. */
export type QueuedReloadOptions = ClientReloadOptions & { readonly waitMs?: undefined; readonly dryRun?: false };

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
    `\`waitMs\` must be at least 1 ms, not ${waitMs}; use \`requestReload()\` to return at once`,
  );
}

/** Which records are wanted; all conditions must hold. */
export interface ClientAuditOptions {
  readonly schemaName?: string;
  readonly from?: Date;
  readonly until?: Date;
  readonly operationType?: string;
  readonly operationName?: string;
  readonly operationStatus?: string;
  readonly userId?: string;
  readonly traceId?: string;
  readonly policyDecision?: string;
  /** 100 unless given, at most 1000. */
  readonly limit?: number;
  readonly offset?: number;
}

export function toAuditQuery({ from, until, ...options }: ClientAuditOptions): Readonly<Record<string, string>> {
  const times = { start_time: from?.toISOString(), end_time: until?.toISOString() };
  const others = Object.entries(options).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value === undefined ? undefined : String(value),
  ]);
  const given = [...Object.entries(times), ...others].filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

export interface ClientSessionOptions {
  /** A user id, a username or an address. */
  readonly user?: string;
  /** 100 unless given, at most 1000. */
  readonly limit?: number;
  readonly offset?: number;
}

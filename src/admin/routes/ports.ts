/*
 * What the admin API needs from the rest of the program, in its own words. The server implements these; everything they
 * return is built from what may be shown, because it goes out as it is.
 */

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'fail';
  readonly message: string;
}

export interface ReadinessReport {
  readonly phase: 'starting' | 'serving' | 'closing';
  readonly checks: readonly Check[];
}

export interface ReadinessSource {
  /** Whether a call would be served now. Settles within a second, also when the database hangs. */
  ready(): Promise<ReadinessReport>;
  /** Whether the server has been ready once; its checks never fail again after that. */
  startup(): ReadinessReport;
}

/** Something that goes on without being asked, such as keeping a login alive. It fails without making the server unready. */
export interface BackgroundReport {
  readonly name: string;
  readonly status: 'ok' | 'failing';
  readonly message: string;
}

export interface StatusSnapshot {
  readonly uptimeSeconds: number;
  readonly startedAt: Date;
  readonly profile: string;
  readonly mode: 'readwrite' | 'readonly';
  readonly debug: boolean;
  readonly generation: number;
  readonly endpoints: { readonly tools: number; readonly prompts: number; readonly resources: number };
  readonly reload: ReloadStatusSnapshot;
  readonly background: readonly BackgroundReport[];
}

export interface ReloadStatusSnapshot {
  readonly inProgress: boolean;
  /** An old generation still has calls, or the server drains to shut down. */
  readonly draining: boolean;
  readonly activeRequests: number;
  readonly lastReload: {
    readonly id: string;
    readonly endedAt: Date;
    readonly status: 'success' | 'error';
    /** One line. */
    readonly error: string | null;
  } | null;
  readonly queued: number;
}

export interface StatusSource {
  /** Throws `server_starting` as long as nothing is known yet. */
  status(): StatusSnapshot;
}

export interface ReferenceSnapshot {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly source: string;
  readonly resolvedAt: Date;
  readonly changedAt: Date;
  readonly version: string | null;
  readonly fingerprint: string;
}

export interface RestartRequired {
  readonly setting: string;
  readonly running: unknown;
  readonly onDisk: unknown;
}

export interface ConfigSnapshot {
  readonly project: string;
  readonly profile: string;
  readonly repositoryPath: string;
  readonly debug: boolean;
  readonly transport: string;
  readonly duckdb: { readonly path: string; readonly readonly: boolean };
  readonly extensions: readonly string[];
  readonly endpoints: {
    readonly tools: readonly string[];
    readonly prompts: readonly string[];
    readonly resources: readonly string[];
  };
  readonly features: {
    readonly sqlTools: boolean;
    readonly auditLogging: boolean;
    readonly telemetry: boolean;
  };
  readonly generation: number;
  readonly loadedAt: Date;
  readonly configFiles: readonly string[];
  readonly envFiles: readonly string[];
  readonly references: readonly ReferenceSnapshot[];
  readonly restartRequired: readonly RestartRequired[];
  readonly lastRejected: { readonly reloadId: string; readonly at: Date; readonly error: string } | null;
}

export interface ConfigSource {
  /** Of the generation that serves. Throws `server_starting` before there is one. */
  config(): ConfigSnapshot;
}

export interface EndpointSnapshot {
  /** Relative to the project. */
  readonly path: string;
  readonly type: 'tool' | 'resource' | 'prompt' | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly language: string | null;
  readonly enabled: boolean;
  readonly status: 'ok' | 'disabled' | 'error';
  readonly error: string | null;
}

export interface EndpointSource {
  /** As served, never as on disk now. Throws `server_starting` before anything is served. */
  endpoints(): readonly EndpointSnapshot[];
}

type ReloadStageName = 'load' | 'resolve' | 'build' | 'check' | 'swap' | 'drain' | 'dispose';

export interface ReloadRecord {
  readonly id: string;
  readonly trigger: 'sighup' | 'api' | 'cli' | 'endpoint' | 'watch' | 'refresh';
  readonly status: 'queued' | 'running' | 'success' | 'error';
  readonly dryRun: boolean;
  readonly definitions: boolean;
  readonly requestedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly durationMs: number | null;
  readonly generation: { readonly from: number; readonly to: number | null };
  readonly stages: readonly {
    readonly name: ReloadStageName;
    readonly status: 'pending' | 'running' | 'success' | 'error' | 'skipped';
    readonly durationMs: number | null;
  }[];
  readonly references: readonly {
    readonly ref: string;
    readonly usedBy: readonly string[];
    readonly outcome: 'changed' | 'unchanged' | 'added' | 'removed' | 'failed';
    readonly version: string | null;
    readonly error: string | null;
  }[];
  readonly database: {
    readonly action: 'kept' | 'reopened' | 'handover';
    readonly pauseMs: number;
    readonly requestsHeld: number;
  } | null;
  readonly requestsDraining: number;
  readonly restartRequired: readonly RestartRequired[];
  readonly definitionsChanged: readonly string[];
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly stage: ReloadStageName;
    readonly file: string | null;
    readonly line: number | null;
    readonly column: number | null;
  } | null;
  readonly sharedWith: readonly string[];
}

export interface ReloadRequest {
  readonly trigger: 'api' | 'cli';
  readonly dryRun: boolean;
  /** Absent: the server's own default. */
  readonly definitions?: boolean;
  /** Interrupt calls that stand in the way instead of waiting for them. */
  readonly force: boolean;
}

export interface ReloadPort {
  /**
   * Queues a reload. `ended` settles with the record of the run that answers this request, also when the reload failed;
   * it never rejects. Throws `server_closing` and `server_starting`.
   */
  request(request: ReloadRequest): { readonly id: string; readonly ended: Promise<ReloadRecord> };
  /** By the id of any request. */
  find(id: string): ReloadRecord | undefined;
  /** Newest first. */
  list(limit: number): readonly ReloadRecord[];
}

export interface AdminPorts {
  readonly status: StatusSource;
  readonly readiness: ReadinessSource;
  readonly config: ConfigSource;
  readonly endpoints: EndpointSource;
  readonly reloads: ReloadPort;
}

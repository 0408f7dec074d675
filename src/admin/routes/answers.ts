import { type ErrorCode, MxcpError, type MxcpErrorOptions } from '../../errors/index.js';
import { formatUptime } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import type {
  AnswerOf,
  Config,
  Health,
  ProbeOk,
  ReloadAccepted,
  Status,
  ReloadRecord as WireReloadRecord,
} from '../contract/wire-types.js';
import type {
  Check,
  ConfigSnapshot,
  ReadinessReport,
  ReferenceSnapshot,
  ReloadRecord,
  ReloadStatusSnapshot,
  RestartRequired,
  StatusSnapshot,
} from './ports.js';

type WireEndpoint = AnswerOf<'listEndpoints', 200>['endpoints'][number];

export function toWireEndpoint(endpoint: WireEndpoint): WireEndpoint {
  const { path, type, name, description, language, enabled, status, error } = endpoint;
  return { path, type, name, description, language, enabled, status, error };
}

/** Field by field on purpose: what is not named here cannot get out. */
export function toConfig(snapshot: ConfigSnapshot): Config {
  const { duckdb, endpoints, features, lastRejected } = snapshot;
  return {
    status: 'ok',
    project: snapshot.project,
    profile: snapshot.profile,
    repository_path: snapshot.repositoryPath,
    debug: snapshot.debug,
    transport: snapshot.transport,
    duckdb: { path: duckdb.path, readonly: duckdb.readonly },
    duckdb_path: duckdb.path,
    readonly: duckdb.readonly,
    extensions: [...snapshot.extensions],
    endpoints: {
      tools: [...endpoints.tools],
      prompts: [...endpoints.prompts],
      resources: [...endpoints.resources],
    },
    features: {
      sql_tools: features.sqlTools,
      audit_logging: features.auditLogging,
      telemetry: features.telemetry,
    },
    generation: snapshot.generation,
    loaded_at: toSecondText(snapshot.loadedAt),
    config_files: [...snapshot.configFiles],
    env_files: [...snapshot.envFiles],
    references: snapshot.references.map(toConfigReference),
    restart_required: snapshot.restartRequired.map(toWireRestart),
    last_rejected:
      lastRejected === null
        ? null
        : {
            reload_id: lastRejected.reloadId,
            at: toSecondText(lastRejected.at),
            error: lastRejected.error,
          },
  };
}

function toConfigReference(reference: ReferenceSnapshot): Config['references'][number] {
  return {
    ref: reference.ref,
    used_by: [...reference.usedBy],
    source: reference.source,
    resolved_at: toSecondText(reference.resolvedAt),
    changed_at: toSecondText(reference.changedAt),
    version: reference.version,
    fingerprint: reference.fingerprint,
  };
}

export function toHealth(now: Date): Health {
  return { status: 'ok', timestamp: toSecondText(now) };
}

/** Throws `server_starting`, `server_closing` or `not_ready`, with the checks, when the report does not pass. */
export function toProbe(report: ReadinessReport): ProbeOk {
  const checks = toWireChecks(report.checks);
  if (passes(report)) return { status: 'ok', checks };
  throw new AnswerError(codeOf(report), messageFor(report), { fields: { status: 'fail', checks } });
}

export function passes(report: ReadinessReport): boolean {
  return report.phase === 'serving' && report.checks.every((check) => check.status === 'ok');
}

export function toWireChecks(checks: readonly Check[]): ProbeOk['checks'] {
  return checks.map(({ name, status, message }) => ({ name, status, message }));
}

function codeOf(report: ReadinessReport): 'server_starting' | 'server_closing' | 'not_ready' {
  if (report.phase === 'starting') return 'server_starting';
  return report.phase === 'closing' ? 'server_closing' : 'not_ready';
}

function messageFor(report: ReadinessReport): string {
  if (report.phase === 'starting') return 'the server has not become ready yet';
  if (report.phase === 'closing') return 'the server is shutting down';
  const failed = report.checks.filter((check) => check.status === 'fail');
  return failed.map((check) => `check "${check.name}" failed: ${check.message}`).join('; ');
}

/** Which sockets the server answers on, as `/status` tells it. */
export interface SocketFacts {
  readonly path: string;
  /** Octal, e.g. `0600`. */
  readonly mode: string;
  readonly probePath: string | null;
}

export function toStatus(snapshot: StatusSnapshot, readiness: ReadinessReport, socket: SocketFacts): Status {
  const { tools, prompts, resources } = snapshot.endpoints;
  return {
    status: passes(readiness) ? 'ok' : 'degraded',
    version,
    uptime: formatUptime(snapshot.uptimeSeconds),
    uptime_seconds: Math.max(0, Math.floor(snapshot.uptimeSeconds)),
    pid: process.pid,
    profile: snapshot.profile,
    mode: snapshot.mode,
    debug: snapshot.debug,
    started_at: toSecondText(snapshot.startedAt),
    generation: snapshot.generation,
    endpoints: { tools, prompts, resources },
    reload: toReloadStatus(snapshot.reload),
    admin_socket: { path: socket.path, mode: socket.mode, probe_path: socket.probePath },
    checks: toWireChecks(readiness.checks),
    background: snapshot.background.map(({ name, status, message }) => ({ name, status, message })),
  };
}

function toReloadStatus(reload: ReloadStatusSnapshot): Status['reload'] {
  const last = reload.lastReload;
  return {
    in_progress: reload.inProgress,
    draining: reload.draining,
    active_requests: reload.activeRequests,
    last_reload: last === null ? null : toSecondText(last.endedAt),
    last_reload_status: last === null ? null : last.status,
    last_reload_error: last === null ? null : last.error,
    last_reload_id: last === null ? null : last.id,
    queued: reload.queued,
  };
}

/** `2024-01-15T10:30:00Z`: what `fromdate` of jq reads. */
export function toSecondText(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** `2024-01-15T10:30:00.123Z` */
export function toMsText(time: Date): string {
  return time.toISOString();
}

export function toReloadAccepted(id: string, now: Date): ReloadAccepted {
  return {
    status: 'reload_initiated',
    timestamp: toSecondText(now),
    reload_request_id: id,
    message: 'Reload request queued. Use GET /status to check progress.',
  };
}

export function toWireRecord(record: ReloadRecord): WireReloadRecord {
  return {
    id: record.id,
    trigger: record.trigger,
    status: record.status,
    dry_run: record.dryRun,
    definitions: record.definitions,
    requested_at: toMsText(record.requestedAt),
    started_at: record.startedAt === null ? null : toMsText(record.startedAt),
    ended_at: record.endedAt === null ? null : toMsText(record.endedAt),
    duration_ms: record.durationMs,
    generation: { from: record.generation.from, to: record.generation.to },
    stages: record.stages.map(({ name, status, durationMs }) => ({ name, status, duration_ms: durationMs })),
    references: record.references.map(toWireReference),
    database: toWireDatabase(record.database),
    requests_draining: record.requestsDraining,
    restart_required: record.restartRequired.map(toWireRestart),
    definitions_changed: [...record.definitionsChanged],
    error: toWireFailure(record.error),
    shared_with: [...record.sharedWith],
  };
}

export function toWireRestart(difference: RestartRequired): WireReloadRecord['restart_required'][number] {
  // JSON leaves out what is undefined; a setting that is absent on one side shows as null instead.
  return {
    setting: difference.setting,
    running: difference.running ?? null,
    on_disk: difference.onDisk ?? null,
  };
}

function toWireReference(
  reference: ReloadRecord['references'][number],
): WireReloadRecord['references'][number] {
  const { ref, usedBy, outcome, error } = reference;
  return { ref, used_by: [...usedBy], outcome, version: reference.version, error };
}

function toWireDatabase(database: ReloadRecord['database']): WireReloadRecord['database'] {
  if (database === null) return null;
  return {
    action: database.action,
    pause_ms: database.pauseMs,
    requests_held: database.requestsHeld,
  };
}

function toWireFailure(failure: ReloadRecord['error']): WireReloadRecord['error'] {
  if (failure === null) return null;
  const { code, message, stage, file, line, column } = failure;
  return { code, message, stage, file, line, column };
}

export interface AnswerErrorOptions extends MxcpErrorOptions {
  /** Stand beside `error` and `message` in the body. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that answers with more than its code and message. */
export class AnswerError extends MxcpError {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: AnswerErrorOptions = {}) {
    super(code, message, options);
    this.fields = options.fields ?? {};
    this.headers = options.headers ?? {};
  }
}

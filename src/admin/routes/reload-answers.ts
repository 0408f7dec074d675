import type { ReloadAccepted, ReloadRecord as WireReloadRecord } from '../contract/index.js';
import type { ReloadRecord, RestartRequired } from '../ports.js';
import { toMsText, toSecondText } from './wire-time.js';

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
  const { ref, usedBy, outcome, version, error } = reference;
  return { ref, used_by: [...usedBy], outcome, version, error };
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

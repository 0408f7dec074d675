import { formatUptime } from '../../duration/index.js';
import { version } from '../../version/index.js';
import type { Status } from '../contract/index.js';
import type { ReadinessReport, ReloadStatusSnapshot, StatusSnapshot } from '../ports.js';
import { passes, toWireChecks } from './probe-answers.js';
import { toSecondText } from './wire-time.js';

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
